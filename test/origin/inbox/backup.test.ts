// Tests `countersign inbox backup` and `countersign inbox restore` as an operator runs them, from each store into each store. A
// backup contains everything that is needed to recognise replays.

import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import type { Acceptance } from "../../../origin/accept.ts";
import type { Inbox, Lease } from "../../../origin/inbox/inbox.ts";
import { openInbox } from "../../../origin/inbox/open.ts";
import type { RefusedRequest } from "../../../origin/inbox/refusals/refusals.ts";
import { TABLES } from "../../../origin/inbox/table-rows.ts";
import { runHere } from "../../support/command.ts";
import { type DeliveryParts, deliveryOf } from "../../support/inbox.ts";
import { describeOnStores, openTestInbox, runInbox, STORES } from "../../support/inbox-stores.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const DAY = 86_400;
const START = Math.floor(Date.now() / 1000) - 10 * DAY;

const accept = async (inbox: Inbox, id: string, parts: Partial<DeliveryParts> = {}, jti = id): Promise<unknown> => {
  try {
    const assertion = { issuer: "edge", jti, expires: Math.floor(Date.now() / 1000) + 60 };
    return (await inbox.accept(deliveryOf({ id, sender: "acme", ...parts }), assertion)) as Acceptance;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

/** Stores one event in each state, and one row in every table that protects against replays. */
async function fill(location: string): Promise<void> {
  const identity = await issueCertificate({ subject: [{ CN: ["acme.example"] }] });
  let now = START;
  const inbox = await openInbox(location, { clock: () => now * 1000 });
  for (const id of ["brought", "erased", "dead", "leased"]) await accept(inbox, id, id === "dead" ? { identity } : {});
  const [brought, erased, dead] = (await inbox.work.claim(4, 30_000)) as [Lease, Lease, Lease, Lease];
  await inbox.work.complete(brought, 204);
  now += 2 * DAY;
  while ((await inbox.prune({ bodySeconds: DAY, eventSeconds: DAY })) > 0);
  await inbox.work.complete(erased);
  await inbox.work.bury(dead, "no\u0001good");
  now += 1;
  while ((await inbox.prune({ bodySeconds: 0, eventSeconds: DAY })) > 0);
  for (const id of ["first", "second"]) await accept(inbox, id, { orderKey: "o", body: `\0\u{1f600}${id}` });
  await accept(inbox, "conflict", { eventKey: '["first"]', body: "other" });
  await inbox.refusals.add({ refused: [refusal(now * 1000)], counts: [HOUR] }, LIMITS);
  await accept(inbox, "first again", { eventKey: '["first"]', body: "\0\u{1f600}first" }, "used up");
  await inbox.close();
}

const LIMITS = { refusals: 9, bytes: 99_999, certificateBytes: 99_999 };
const HOUR = { hour: 0, code: "replayed", refusals: 2 };
const refusal = (at: number): RefusedRequest => ({
  ...{
    at,
    id: "d",
    code: "replayed",
    route: "/hooks/acme",
    sender: "acme",
    peer: "::1",
    method: "POST",
    target: "/hooks/acme",
  },
  line: { decision: "refused", why: "a\u0001\u{1f600}" },
  certificate: { sha256: "00", der: "AAAA", intermediates: ["BBBB"] },
});

/** Returns a row as a restore writes it. An event with a lease becomes due at once. */
const withoutLease = (row: Row) => (row["state"] === "leased" ? { ...row, due_at: row["changed_at"] } : row);

type Row = Readonly<Record<string, unknown>>;

/** Returns all rows of a backup. */
function rowsOf(file: string): [string, Row[]][] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return TABLES.map(({ name, key, columns }) => [
      name,
      database.prepare(`SELECT ${columns.join(", ")} FROM ${name} ORDER BY ${key}`).all(),
    ]);
  } finally {
    database.close();
  }
}

test("every column of every table is in a backup", async () => {
  await using stack = new AsyncDisposableStack();
  const file = join(temporaryDirectory(stack), "inbox.sqlite");
  await (await openInbox(file)).close();
  const database = new DatabaseSync(file);
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  expect(tables.map(({ name }) => name).sort()).toEqual(TABLES.map(({ name }) => name).sort());
  for (const { name, columns } of TABLES) {
    const there = database.prepare(`SELECT name FROM pragma_table_info('${name}')`).all();
    expect([...columns].sort()).toEqual(there.map((column) => column["name"]).sort());
  }
  database.close();
});

const PAIRS = STORES.flatMap((from) => STORES.map((to) => [from.name, to.name, from, to] as const));

describe.each(PAIRS)("a backup of %s", (_from, name, from, to) => {
  describe.skipIf(from.missing ?? to.missing)(`restored into ${name}`, () => {
    const servers = new AsyncDisposableStack();
    let stack: AsyncDisposableStack;
    beforeAll(async () => {
      await from.start(servers);
      if (to !== from) await to.start(servers);
    });
    afterAll(() => servers.disposeAsync());
    beforeEach(() => {
      stack = new AsyncDisposableStack();
    });
    afterEach(() => stack.disposeAsync());

    test("is the same inbox: rows, replays, duplicates, conflicts, order, work and new events", async () => {
      const [source, target] = [await from.newLocation(stack), await to.newLocation(stack)];
      await fill(source);
      const folder = temporaryDirectory(stack);
      const [file, again] = [join(folder, "a.backup"), join(folder, "b.backup")];
      const made = await runInbox(source, "backup", file);
      expect(made).toMatchObject({ code: 0, stderr: "" });
      expect(made.stdout).toBe(
        `${file} holds 6 events (1 dead, 1 done, 1 leased, 3 waiting), 1 certificate, 3 ids that tell replays, 1 refused request\n`,
      );
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(readdirSync(folder)).toEqual(["a.backup"]);
      const bytes = readFileSync(file);
      const restored = await runInbox(target, "restore", file, "--json");
      expect(restored).toMatchObject({ code: 0, stderr: "" });
      expect(JSON.parse(restored.stdout)).toMatchObject({ restored: file, events: 6, keptIds: 3, states: { dead: 1 } });
      expect(readFileSync(file).equals(bytes)).toBe(true);
      expect(await runInbox(target, "backup", again)).toMatchObject({ code: 0 });
      expect(rowsOf(again)).toEqual(rowsOf(file).map(([table, rows]) => [table, rows.map(withoutLease)]));

      const inbox = await openTestInbox(stack, target);
      for (const jti of ["brought", "erased", "dead", "leased", "first", "used up"])
        expect(await accept(inbox, "new", {}, jti)).toBe("replayed");
      expect(await accept(inbox, "brought", {}, "another")).toEqual({ outcome: "duplicate", of: "brought" });
      expect(await accept(inbox, "x", { eventKey: '["first"]', body: "\0\u{1f600}first" })).toEqual({
        outcome: "duplicate",
        of: "first",
      });
      expect(await inbox.event("first")).toMatchObject({ hasConflict: true, duplicates: 2 });
      expect(await inbox.event("dead")).toMatchObject({ state: "dead", certificate: { subject: "CN=acme.example" } });
      expect((await inbox.event("erased"))?.body).toBeUndefined();
      expect(await accept(inbox, "next", { orderKey: "o" })).toEqual({ outcome: "stored" });
      const claimed = (await inbox.work.claim(9, 30_000)).map(({ event }) => event.id);
      // The events "second" and "next" wait for the event "first".
      expect(claimed.sort()).toEqual(["conflict", "first", "leased"]);
      // Attempt 1 of the event "leased" began before the backup. The process that made this attempt would report the outcome to the
      // original inbox. So the restored inbox does not know the outcome.
      expect((await inbox.attempts("leased"))?.records).toMatchObject([
        { number: 1, outcome: "abandoned", endedAt: undefined },
        { number: 2, outcome: "running" },
      ]);
      expect((await inbox.attempts("dead"))?.records).toMatchObject([{ outcome: "dead", reason: "no good" }]);
      await inbox.refusals.add({ refused: [refusal(START * 2000)], counts: [HOUR] }, LIMITS);
      const { refusals } = await inbox.refusals.page({ limit: 9, code: "replayed", sender: "acme" });
      expect(refusals.map(({ at }) => at)).toEqual([START * 2000, expect.any(Number)]);
      const [, kept] = refusals;
      expect((await inbox.refusals.find(kept?.sequence ?? 0))?.certificate?.intermediates).toEqual(["BBBB"]);
      expect(await inbox.refusals.perHour(0, 1)).toEqual([{ ...HOUR, refusals: 4 }]);
      expect((await inbox.refusals.stock()).refusals).toBe(2);
    });

    test("leases an event at once that was leased when the backup was made", async () => {
      const [source, target] = [await from.newLocation(stack), await to.newLocation(stack)];
      const old = await openTestInbox(stack, source);
      await accept(old, "held");
      expect(await old.work.claim(1, 3_600_000)).toMatchObject([{ attempt: 1 }]);
      const file = join(temporaryDirectory(stack), "a.backup");
      expect(await runInbox(source, "backup", file)).toMatchObject({ code: 0 });
      expect(await runInbox(target, "restore", file)).toMatchObject({ code: 0 });
      const inbox = await openTestInbox(stack, target);
      expect(await inbox.work.claim(1, 30_000)).toMatchObject([{ event: { id: "held" }, attempt: 2 }]);
    });
  });
});

describeOnStores("an inbox", (given) => {
  const backup = (...args: string[]) => runInbox(given.location, "backup", ...args);
  const restore = (...args: string[]) => runInbox(given.location, "restore", ...args);

  test("that is not empty is not restored into, and an existing file is not overwritten", async () => {
    const folder = temporaryDirectory(given.stack);
    const file = join(folder, "a.backup");
    const inbox = await openTestInbox(given.stack, given.location);
    await accept(inbox, "one");
    expect(await backup(file)).toMatchObject({ code: 0 });
    const bytes = readFileSync(file);
    const twice = await backup(file);
    expect(twice).toMatchObject({ code: 2, stdout: "" });
    expect(twice.stderr).toMatch(/^countersign: \S+a\.backup is there already: [^\n]+\n$/m);
    expect(readFileSync(file).equals(bytes)).toBe(true);
    const refused = await restore(file);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toMatch(/^countersign: \S+ is not empty: it holds 1 event \(1 waiting\), [^\n]+\n$/m);
    expect(await inbox.count()).toBe(1);
    expect(readdirSync(folder)).toEqual(["a.backup"]);
  });

  test("that is empty and open in an origin is filled, and the origin sees the events", async () => {
    const folder = temporaryDirectory(given.stack);
    const [source, file] = [join(folder, "source.sqlite"), join(folder, "a.backup")];
    const other = await openTestInbox(given.stack, source);
    await accept(other, "one");
    expect(await runInbox(source, "backup", file)).toMatchObject({ code: 0 });
    const inbox = await openTestInbox(given.stack, given.location);
    expect(await restore(file)).toMatchObject({ code: 0 });
    expect(await accept(inbox, "one", {}, "one")).toBe("replayed");
    expect(await accept(inbox, "two")).toEqual({ outcome: "stored" });
    expect((await inbox.work.claim(9, 30_000)).map(({ event }) => event.id)).toEqual(["one", "two"]);
  });

  test("says in one sentence what is wrong, and changes nothing", async () => {
    const folder = temporaryDirectory(given.stack);
    const file = join(folder, "a.backup");
    const told = async (finished: ReturnType<typeof restore>) => {
      const { code, stdout, stderr } = await finished;
      expect({ code, stdout, lines: stderr.trimEnd().split("\n").length }).toEqual({ code: 2, stdout: "", lines: 1 });
      return stderr;
    };
    expect(await told(backup(file))).toMatch(/there is no such file|holds no inbox: start an origin on it once/);
    expect(readdirSync(folder)).toEqual([]);
    await (await openTestInbox(given.stack, given.location)).close();
    expect(await told(backup())).toMatch(/inbox backup FILE: one file/);
    expect(await told(backup("a", "b"))).toMatch(/one file/);
    expect(await told(backup("-"))).toMatch(/needs the name of a file/);
    expect(await told(backup(file, "--state", "dead"))).toMatch(/--state has no effect with inbox backup/);
    expect(await told(backup(join(folder, "none", "a")))).toMatch(
      /cannot write \S+none\/a: the folder \S+none does not exist/,
    );
    expect(await told(restore(file))).toMatch(/a\.backup: there is no such file/);
    expect(await told(restore(folder))).toMatch(/it is not a file/);
    writeFileSync(file, "");
    expect(await told(restore(file))).toMatch(/is empty: no origin has kept events in it/);
    writeFileSync(file, "-- PostgreSQL database dump\n".repeat(200));
    expect(await told(restore(file))).toMatch(/it is not a SQLite file/);
    const whole = join(folder, "whole");
    const source = await openInbox(join(folder, "source.sqlite"));
    for (let n = 0; n < 100; n += 1) await accept(source, `e${n}`, { body: "x".repeat(3_000) });
    await source.close();
    expect(await runHere(["inbox", "backup", whole, "--inbox", join(folder, "source.sqlite")])).toMatchObject({
      code: 0,
    });
    copyFileSync(whole, file);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0xff, 40_000, 80_000));
    expect(await told(restore(file))).toMatch(/damaged|malformed/);
    const newer = new DatabaseSync(whole);
    newer.exec("PRAGMA user_version = 99");
    newer.close();
    expect(await told(restore(whole))).toMatch(/version 99/);
    const inbox = await openTestInbox(given.stack, given.location);
    expect(await inbox.count()).toBe(0);
  });
});
