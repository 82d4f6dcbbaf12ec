// Tests what can only happen with a file: a power cut, a full disk, and another process that holds the file.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Refusal } from "../../../../core/refusal.ts";
import type { Acceptance } from "../../../../origin/accept.ts";
import type { Inbox, Lease } from "../../../../origin/inbox/inbox.ts";
import type { InboxOptions } from "../../../../origin/inbox/options.ts";
import { FIRST_VERSION } from "../../../../origin/inbox/schema-version.ts";
import { openSqliteInbox } from "../../../../origin/inbox/sqlite/inbox.ts";
import { prepareSchema, readVersion } from "../../../../origin/inbox/sqlite/schema.ts";
import { deliveryOf } from "../../../support/inbox.ts";
import { openTestInbox } from "../../../support/inbox-stores.ts";
import { temporaryDirectory } from "../../../support/temporary.ts";

let stack: AsyncDisposableStack;
let directory: string;
let file: string;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  directory = temporaryDirectory(stack);
  file = join(directory, "inbox.sqlite");
});
afterEach(() => stack.disposeAsync());

const accept = async (inbox: Inbox, id: string, body = "{}"): Promise<Acceptance> =>
  (await inbox.accept(deliveryOf({ id, sender: "acme", body }), {
    issuer: "direct",
    jti: id,
    expires: 0,
  })) as Acceptance;
/** The writer tries again after at most 5 ms, and stops trying after 5 s. So it makes more tries than this number. */
const MANY_TRIES = 25;
const codeOf = (error: unknown) => (error instanceof Refusal ? error.code : error);

/** Opens an inbox. Also returns the connection that writes, so that a test can set limits on it. */
async function openWithConnection(options: InboxOptions = {}): Promise<[Inbox, DatabaseSync]> {
  const exec = vi.spyOn(DatabaseSync.prototype, "exec");
  const inbox = await openTestInbox(stack, file, options);
  const connection = exec.mock.contexts[0] as DatabaseSync;
  exec.mockRestore();
  return [inbox, connection];
}

test("an origin waits for a new file that another process is just creating", async () => {
  const other = `
    const database = new (require("node:sqlite").DatabaseSync)(${JSON.stringify(file)});
    database.exec("BEGIN IMMEDIATE");
    console.log("begun");
    setTimeout(() => database.exec("COMMIT"), 300);`;
  const child = spawn(process.execPath, ["-e", other], { stdio: ["ignore", "pipe", "inherit"] });
  stack.defer(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const inbox = await openTestInbox(stack, file);
  expect((await accept(inbox, "e")).outcome).toBe("stored");
});

test("simultaneous acceptances share a transaction", async () => {
  const [inbox, connection] = await openWithConnection();
  const exec = vi.spyOn(connection, "exec");
  await Promise.all(Array.from({ length: 64 }, (_, n) => accept(inbox, `e${n}`)));
  const commits = exec.mock.calls.filter(([sql]) => sql === "COMMIT").length;
  exec.mockRestore();
  expect(commits).toBe(1);
});

test("a power cut keeps everything that was committed, wherever the log ends", async () => {
  const inbox = await openTestInbox(stack, file);
  const log = `${file}-wal`;
  // The length of the write-ahead log after each commit. A power cut after a commit keeps at least this length of the log.
  const ends: number[] = [];
  for (let n = 0; n < 6; n += 1) {
    await Promise.all([accept(inbox, `${n} a`), accept(inbox, `${n} b`)]);
    ends.push(readFileSync(log).byteLength);
  }
  const copy = join(directory, "copy.sqlite");
  const whole = ends.at(-1) as number;
  const cuts = new Set([...ends, ...ends.map((end) => end - 1), ...ends.map((end) => end + 1)]);
  for (let cut = 0; cut < whole; cut += 1009) cuts.add(cut);
  for (const cut of [...cuts].filter((at) => at >= 0 && at <= whole)) {
    cpSync(file, copy);
    cpSync(log, `${copy}-wal`);
    truncateSync(`${copy}-wal`, cut);
    writeFileSync(`${copy}-shm`, "");
    const committed = ends.filter((end) => end <= cut).length;
    const after = openSqliteInbox(copy);
    const events = await after.events({ limit: 99 });
    // The two events of a shared commit are either both stored, or both missing.
    expect(events.length, `cut at ${cut} of ${whole}`).toBe(2 * committed);
    expect(await accept(after, "next")).toEqual({ outcome: "stored" });
    await after.close();
  }
});

test("a full disk refuses new events, keeps the old ones, and accepts new ones when there is space", async () => {
  const [inbox, connection] = await openWithConnection();
  expect(await accept(inbox, "first")).toEqual({ outcome: "stored" });
  const [lease] = (await inbox.work.claim(1, 60_000)) as [Lease];
  const pages = Number(connection.prepare("PRAGMA page_count").get()?.["page_count"]);
  connection.exec(`PRAGMA max_page_count = ${pages}`);
  const big = "x".repeat(100_000);
  const refused = await Promise.all([1, 2, 3].map((n) => accept(inbox, `full ${n}`, big).catch(codeOf)));
  expect(refused).toEqual(Array(3).fill("store_unavailable"));
  expect(await inbox.count()).toBe(1);
  expect(await inbox.work.complete(lease)).toBe(true);
  connection.exec("PRAGMA max_page_count = 1000000");
  expect(await accept(inbox, "full 1", big)).toEqual({ outcome: "stored" });
  expect(await inbox.count()).toBe(2);
});

test("a full file system refuses new events until there is space again", async ({ skip }) => {
  const disk = temporaryDirectory(stack);
  // Mounting a file system needs root, and is forbidden in some containers.
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]);
  if (status !== 0) return skip("a file system of 1 MiB cannot be mounted here");
  stack.defer(() => void spawnSync("umount", [disk]));
  const inbox = await openTestInbox(stack, join(disk, "inbox.sqlite"));
  const outcome = (id: string, body?: string) => accept(inbox, id, body).then(({ outcome }) => outcome, codeOf);
  const told: string[] = [];
  for (let n = 0; (await outcome(`e${n}`, "x".repeat(50_000))) === "stored"; n += 1) told.push(`e${n}`);
  expect(told.length).toBeGreaterThan(1);
  expect(await Promise.all([1, 2].map((n) => outcome(`full ${n}`, "x".repeat(50_000))))).toEqual(
    Array(2).fill("store_unavailable"),
  );
  expect((await inbox.events({ limit: 99 })).map(({ id }) => id).reverse()).toEqual(told);
  spawnSync("mount", ["-o", "remount,size=8m", disk]);
  expect(await outcome("after", "x".repeat(50_000))).toBe("stored");
});

test("what is erased is overwritten in the file", async () => {
  const [inbox, connection] = await openWithConnection();
  const secret = "a body that nobody shall find ".repeat(400);
  await accept(inbox, "a", secret);
  connection.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  expect(readFileSync(file).includes("nobody shall find")).toBe(true);
  await inbox.work.complete(((await inbox.work.claim(1, 1000)) as [Lease])[0]);
  await inbox.prune({ bodySeconds: -1, eventSeconds: 1000 });
  connection.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  expect((await inbox.event("a"))?.body).toBeUndefined();
  expect(readFileSync(file).includes("nobody shall find")).toBe(false);
});

test("the wait for a file that another process holds does not block the event loop", async () => {
  const [inbox, connection] = await openWithConnection();
  const other = new DatabaseSync(file);
  stack.defer(() => other.close());
  other.exec("BEGIN IMMEDIATE");
  const exec = vi.spyOn(connection, "exec");
  const accepted = accept(inbox, "a");
  // After each try, the inbox returns to the event loop. If it waited inside SQLite, the 5 s would be over after fewer tries.
  await expect.poll(() => exec.mock.calls.length, { interval: 1 }).toBeGreaterThan(MANY_TRIES);
  other.exec("ROLLBACK");
  expect(await accepted).toEqual({ outcome: "stored" });
});

test("what is erased is also removed from the log, when no reader uses the log", async () => {
  const inbox = await openTestInbox(stack, file);
  await accept(inbox, "a", "a body that nobody shall find ".repeat(400));
  await inbox.work.complete(((await inbox.work.claim(1, 1000)) as [Lease])[0]);
  const prune = () => inbox.prune({ bodySeconds: -1, eventSeconds: 1000 });
  const isInLog = () => readFileSync(`${file}-wal`).includes("nobody shall find");
  const reader = new DatabaseSync(file, { readOnly: true });
  reader.exec("BEGIN; SELECT count(*) FROM event");
  reader.prepare("SELECT count(*) FROM event").get();
  expect([await prune(), await prune()]).toEqual([1, 0]);
  expect(isInLog()).toBe(true);
  reader.close();
  expect(await prune()).toBe(0);
  expect(isInLog()).toBe(false);
});

test("a clock that is set ahead ends no lease of any process", async () => {
  let now = 1_800_000_000_000;
  let monotonic = 0;
  const pass = (milliseconds: number) => {
    now += milliseconds;
    monotonic += milliseconds;
  };
  const options = { clock: () => now, monotonic: () => monotonic };
  const [inbox, other, third] = [
    openSqliteInbox(file, options),
    openSqliteInbox(file, options),
    openSqliteInbox(file, options),
  ];
  stack.defer(async () => void (await Promise.all([inbox.close(), other.close(), third.close()])));
  await accept(inbox, "a");
  for (const one of [other, third]) await one.work.claim(0, 30_000);
  expect(await inbox.work.claim(1, 30_000)).toHaveLength(1);
  now += 3_600_000;
  for (const one of [other, third]) expect(await one.work.claim(1, 30_000)).toEqual([]);
  pass(29_000);
  for (const one of [other, third]) expect(await one.work.claim(1, 30_000)).toEqual([]);
  pass(2_000);
  expect(await other.work.claim(1, 30_000)).toHaveLength(1);
});

describe("a clock that is set while a write waits", () => {
  let now = 1_800_000_000_000;
  let monotonic = 0;
  const open = () => openTestInbox(stack, file, { clock: () => now, monotonic: () => monotonic });

  test("determines the lease, because other processes use the new clock too", async () => {
    const inbox = await open();
    await accept(inbox, "a");
    const claiming = inbox.work.claim(1, 30_000);
    now += 3_600_000;
    expect((await claiming).map(({ until }) => until)).toEqual([now + 30_000]);
  });

  test("determines when the event is due, also after an earlier claim", async () => {
    const inbox = await open();
    await inbox.work.claim(1, 30_000);
    const [claiming, accepting] = [inbox.work.claim(1, 30_000), accept(inbox, "a")];
    now -= 86_400_000;
    await Promise.all([claiming, accepting]);
    expect(await inbox.work.claim(1, 30_000)).toHaveLength(1);
  });

  test("ends no lease, although the two clocks are not read at the same moment", async () => {
    const [inbox, other] = [await open(), await open()];
    await accept(inbox, "a");
    monotonic += 5;
    await other.work.claim(0, 30_000);
    now += 5;
    expect(await inbox.work.claim(1, 30_000)).toHaveLength(1);
    now += 3_600_000;
    expect(await other.work.claim(1, 30_000)).toEqual([]);
  });
});

test("a clock that was set back is followed even if the first claim after the change failed", async () => {
  let now = 1_800_000_000_000;
  const [inbox, connection] = await openWithConnection({ clock: () => now });
  await accept(inbox, "a");
  await inbox.work.release(await inbox.work.claim(1, 30_000));
  now -= 86_400_000;
  connection.exec("PRAGMA query_only = ON");
  await expect(inbox.work.claim(1, 30_000)).rejects.toThrow(/readonly/);
  connection.exec("PRAGMA query_only = OFF");
  expect(await inbox.work.claim(1, 30_000)).toHaveLength(1);
});

test("a file that another program holds refuses new events, and accepts them when that program releases it", async () => {
  const [inbox, connection] = await openWithConnection();
  connection.exec("PRAGMA busy_timeout = 50");
  const other = new DatabaseSync(file);
  other.exec("BEGIN IMMEDIATE");
  expect(await accept(inbox, "a").catch(codeOf)).toBe("store_unavailable");
  other.exec("ROLLBACK");
  other.close();
  expect(await accept(inbox, "a")).toEqual({ outcome: "stored" });
});

test("an empty file that another process turns into an inbox between two reads is read as an inbox", () => {
  using database = new DatabaseSync(file);
  using other = new DatabaseSync(file);
  let reads = 0;
  vi.spyOn(database, "prepare").mockImplementation((sql) => {
    const statement = DatabaseSync.prototype.prepare.call(database, sql);
    reads += 1;
    if (reads === 2) prepareSchema(other, file);
    return statement;
  });
  expect(readVersion(database, file)).toBe(FIRST_VERSION);
  expect(reads).toBe(2);
});
