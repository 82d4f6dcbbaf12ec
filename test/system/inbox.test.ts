// Tests the SQLite inbox. Each accepted event must be on the disk exactly once, and must remain there.

import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import type { LogLine } from "../../core/log-line.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { createOriginApp } from "../../origin/app.ts";
import type { Inbox } from "../../origin/inbox/inbox.ts";
import { openSqliteInbox } from "../../origin/inbox/sqlite/inbox.ts";
import { pinnedKeys } from "../../origin/verification-keys.ts";
import { type ForwardedEvent, forwardedRequest } from "../support/forgery.ts";
import { readEvents } from "../support/origin.ts";
import { ACME, AUDIENCE, createSenders, ISSUER, MARKER, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { temporaryDirectory } from "../support/temporary.ts";

let stack: AsyncDisposableStack;
let file: string;
let senders: Senders;
let key: PrivateJwk;
let event: ForwardedEvent;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  file = join(temporaryDirectory(stack), "inbox.sqlite");
  senders = await createSenders();
  key = await newSigningKey();
  event = { key, identity: senders.acme, policyDigest: compilePolicy(senders.policy).digest };
});
afterEach(() => stack.disposeAsync());

function open(): Inbox {
  const inbox = openSqliteInbox(file);
  stack.defer(() => inbox.close().catch(() => {}));
  return inbox;
}

/** Makes an origin with this inbox. The tests call the origin directly, without a socket. */
async function originOn(inbox: Pick<Inbox, "accept">, policy: PolicyDocument = senders.policy) {
  const compiled = compilePolicy(policy);
  const lines: LogLine[] = [];
  const app = createOriginApp({
    policy: compiled,
    findKey: await pinnedKeys({ keys: [publicJwk(key)] }),
    issuer: ISSUER,
    audience: AUDIENCE,
    accept: inbox.accept,
    log: (line) => void lines.push(line),
  });
  const ask = (request = forwardedRequest(event)): Promise<Response> => {
    const { target, headers, body } = request;
    const init = { method: "POST", headers: headers as [string, string][], body: body as string };
    return Promise.resolve(app.request(`http://origin.example.com${target}`, init));
  };
  return Object.assign(async (request?: ReturnType<typeof forwardedRequest>) => (await ask(request)).status, {
    ask,
    lines,
  });
}

/** Returns the policy in which the first sender has these settings for `eventKey` and `orderKey`. */
function withKeys(keys: Pick<PolicyDocument["senders"][string], "eventKey" | "orderKey">): PolicyDocument {
  const { [ACME]: acme, ...others } = senders.policy.senders;
  return { ...senders.policy, senders: { ...others, [ACME]: { ...(acme as NonNullable<typeof acme>), ...keys } } };
}

describe("an event that is sent again", () => {
  const eventKey = { pointers: ["/id"] };

  test("from its sender is answered with 200 and the id of the first, and logged as a duplicate", async () => {
    const { ask, lines } = await originOn(open(), withKeys({ eventKey }));
    const first = await ask(forwardedRequest({ ...event, body: '{"id":1}' }));
    expect(first.status).toBe(202);
    const { event: id } = (await first.json()) as { event: string };
    const again = await ask(forwardedRequest({ ...event, body: '{"id":1}' }));
    expect(again.status).toBe(200);
    expect(await again.json()).toEqual({ event: id, duplicate: true });
    expect(lines.at(-1)).toMatchObject({ decision: "accepted", duplicateOf: id, sender: ACME });
    expect(readEvents(file)).toHaveLength(1);
  });

  test("with other bytes under the same key is stored, and logged as a conflict", async () => {
    const { ask, lines } = await originOn(open(), withKeys({ eventKey }));
    const { event: id } = (await (await ask(forwardedRequest({ ...event, body: '{"id":1}' }))).json()) as {
      event: string;
    };
    expect((await ask(forwardedRequest({ ...event, body: '{"id":1,"retryCount":1}' }))).status).toBe(202);
    expect(lines.at(-1)).toMatchObject({ decision: "accepted", conflictsWith: id });
    expect(readEvents(file)).toHaveLength(2);
  });

  test("from its edge under a fresh assertion is answered with 200", async () => {
    const { ask } = await originOn(open());
    const txn = "11111111-1111-4111-8111-111111111111";
    const sent = () => ask(forwardedRequest({ ...event, claims: { txn } }));
    expect((await sent()).status).toBe(202);
    const again = await sent();
    expect([again.status, await again.json()]).toEqual([200, { event: txn, duplicate: true }]);
  });

  test("does not reach a user's handler when the user's own accept says so", async () => {
    const send = await originOn({ accept: () => ({ outcome: "duplicate", of: "mine" }) });
    const answer = await send.ask();
    expect([answer.status, await answer.json()]).toEqual([200, { event: "mine", duplicate: true }]);
    expect(await (await originOn({ accept: () => undefined }))()).toBe(202);
    expect(await (await originOn({ accept: async () => await Promise.resolve({ outcome: "stored" }) }))()).toBe(202);
  });
});

test("the order key of the policy is stored with the event", async () => {
  const inbox = open();
  const send = await originOn(inbox, withKeys({ orderKey: { pointers: ["/envelope"] } }));
  for (const body of ['{"envelope":1,"n":1}', '{"envelope":1,"n":2}', '{"envelope":2}', "{}"]) {
    expect(await send(forwardedRequest({ ...event, body }))).toBe(202);
  }
  expect(readEvents(file).map(({ order_key: orderKey }) => orderKey)).toEqual(['["1"]', '["1"]', '["2"]', null]);
  expect(await inbox.work.claim(9, 1000)).toHaveLength(3);
});

test("a full disk is a 503 with Retry-After, and the same origin accepts again when there is room", async () => {
  const exec = vi.spyOn(DatabaseSync.prototype, "exec");
  const inbox = open();
  const connection = exec.mock.contexts[0] as DatabaseSync;
  exec.mockRestore();
  const { ask } = await originOn(inbox);
  connection.exec("PRAGMA max_page_count = 1");
  const refused = await ask(forwardedRequest({ ...event, body: "a".repeat(60_000) }));
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "30"]);
  connection.exec("PRAGMA max_page_count = 100000");
  expect((await ask(forwardedRequest({ ...event, body: "a".repeat(60_000) }))).status).toBe(202);
});

test("inbox runs in WAL mode with synchronous FULL, on the connection that writes", () => {
  const exec = vi.spyOn(DatabaseSync.prototype, "exec");
  open();
  const connection = exec.mock.contexts[0] as DatabaseSync;
  exec.mockRestore();
  expect(connection.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  expect(connection.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
});

test("inbox keeps every fact of an event", async () => {
  const send = await originOn(open());
  expect(await send(forwardedRequest({ ...event, body: "\u0000übung", target: "/hooks/acme/1?x" }))).toBe(202);
  const [stored] = readEvents(file);
  expect(stored).toMatchObject({
    sequence: 1,
    sender: ACME,
    method: "POST",
    target: "/hooks/acme/1?x",
    policy_digest: event.policyDigest,
  });
  expect(Buffer.from(stored?.["body"] as Uint8Array).toString()).toBe("\u0000übung");
  expect(JSON.parse(String(stored?.["certificate"]))).toMatchObject({ subject: `CN=${ACME},O=${MARKER} Inc` });
  expect(JSON.parse(String(stored?.["factors"]))).toEqual(["mtls"]);
  expect(Number(stored?.["accepted_at"])).toBeGreaterThan(1_700_000_000);
});

test("inbox keeps its events when it is closed and opened again, and recognises them", async () => {
  const first = open();
  const request = forwardedRequest(event);
  expect(await (await originOn(first))(request)).toBe(202);
  await first.close();
  const second = open();
  expect(await second.count()).toBe(1);
  expect(await (await originOn(second))(request)).toBe(409);
  expect(await (await originOn(second))()).toBe(202);
  expect(await second.count()).toBe(2);
});

test("inbox shows an event to other readers as soon as its sender is answered", async () => {
  const send = await originOn(open());
  expect(await send()).toBe(202);
  expect(readEvents(file)).toHaveLength(1);
});

test("two inboxes on one file store an assertion once", async () => {
  const senders = [await originOn(open()), await originOn(open())];
  const request = forwardedRequest(event);
  const statuses = await Promise.all(Array.from({ length: 20 }, (_, i) => senders[i % 2]?.(request)));
  expect(statuses.sort()).toEqual([202, ...Array(19).fill(409)]);
  expect(readEvents(file)).toHaveLength(1);
});

test("inbox treats the same jti of two issuers as two assertions", async () => {
  const send = await originOn(open());
  expect(await send()).toBe(202);
  const database = new DatabaseSync(file);
  database.exec("UPDATE event SET issuer = 'https://other.example.com'");
  const jti = String(database.prepare("SELECT jti FROM event").get()?.["jti"]);
  database.close();
  expect(await send(forwardedRequest({ ...event, claims: { jti } }))).toBe(202);
});

test.each([
  ["closed", (inbox: Inbox) => inbox.close()],
  ["without its table", () => withDatabase((database) => database.exec("DROP TABLE event"))],
  ["full", (_: Inbox, connection: DatabaseSync) => connection.exec("PRAGMA max_page_count = 1")],
])("inbox that is %s makes the origin unavailable", async (_, harm) => {
  const exec = vi.spyOn(DatabaseSync.prototype, "exec");
  const inbox = open();
  const connection = exec.mock.contexts[0] as DatabaseSync;
  exec.mockRestore();
  const send = await originOn(inbox);
  await harm(inbox, connection);
  expect(await send(forwardedRequest({ ...event, body: "a".repeat(60_000) }))).toBe(503);
});

const NEWER =
  /is an inbox of version 11; this program knows versions up to 10: use the newer one that wrote it, or restore a backup/;

const foreign: [string, () => void | Promise<void>, RegExp][] = [
  [
    "of a newer version with the same tables",
    async () => {
      await openSqliteInbox(file).close();
      withDatabase((database) => database.exec("PRAGMA user_version = 11"));
    },
    NEWER,
  ],
  [
    "of a newer version without tables",
    () => withDatabase((database) => database.exec("PRAGMA user_version = 11")),
    NEWER,
  ],
  [
    "of another program",
    () => withDatabase((database) => database.exec("CREATE TABLE customers (id)")),
    /is not an inbox/,
  ],
  ...[1, 10].map((version): (typeof foreign)[number] => [
    `of another program, which is at version ${version}`,
    () => withDatabase((database) => database.exec(`CREATE TABLE customers (id); PRAGMA user_version = ${version}`)),
    /is not an inbox/,
  ]),
  [
    "that is no database",
    () => writeFileSync(file, "a text longer than a database's header ".repeat(40)),
    /not a database/,
  ],
  ["that is a directory", () => mkdirSync(file), /it is not a file/],
];

test.each(foreign)("inbox refuses a file %s, and does not change it", async (_, prepare, reason) => {
  await prepare();
  chmodSync(file, 0o755);
  const before = contentOf();
  expect(() => openSqliteInbox(file)).toThrow(reason);
  expect(contentOf()).toEqual(before);
  // The program may change the mode of an inbox file, even if a newer version made the inbox. It must not change the mode of
  // another program's file.
  if (reason !== NEWER) expect(statSync(file).mode & 0o777).toBe(0o755);
});

test("inbox refuses a directory that does not exist", () => {
  expect(() => openSqliteInbox(join(file, "missing", "inbox.sqlite"))).toThrow();
});

function withDatabase(use: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(file);
  use(database);
  database.close();
}

function contentOf(): unknown {
  return statSync(file).isDirectory() || readFileSync(file);
}
