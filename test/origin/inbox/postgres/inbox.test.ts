// Tests what can only happen with a database server: the server stops and starts again, another session holds the locks of the
// inbox, and the URL of the inbox contains a password.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Refusal } from "../../../../core/refusal.ts";
import type { Acceptance } from "../../../../origin/accept.ts";
import type { Inbox, Lease } from "../../../../origin/inbox/inbox.ts";
import { describeInbox } from "../../../../origin/inbox/location.ts";
import { openInbox, openInboxReader } from "../../../../origin/inbox/open.ts";
import { deliveryOf } from "../../../support/inbox.ts";
import { missingPostgres, openTestInbox } from "../../../support/inbox-stores.ts";
import { PASSWORD, type PostgresServer, startPostgres, withClient } from "../../../support/postgres.ts";

/**
 * A trigger that delays each transaction in which the state of an event becomes `done`. As long as another session holds the
 * advisory lock 42, the transaction is not committed.
 */
const HOLD_COMMITS = `
  CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END';
  CREATE CONSTRAINT TRIGGER hold AFTER UPDATE ON countersign.work DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state = 'done') EXECUTE FUNCTION hold()`;

describe.skipIf(missingPostgres())("an inbox in PostgreSQL", () => {
  const servers = new AsyncDisposableStack();
  let server: PostgresServer;
  let stack: AsyncDisposableStack;
  let url: string;

  beforeAll(async () => {
    server = await startPostgres(servers);
  });
  afterAll(() => servers.disposeAsync());
  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    url = await server.createDatabase();
  });
  afterEach(() => stack.disposeAsync());

  const accept = async (inbox: Inbox, id: string): Promise<Acceptance> =>
    (await inbox.accept(deliveryOf({ id, sender: "acme" }), { issuer: "direct", jti: id, expires: 0 })) as Acceptance;
  const acceptInOrder = (inbox: Inbox, id: string) =>
    inbox.accept(deliveryOf({ id, sender: "acme", orderKey: "o" }), { issuer: "direct", jti: id, expires: 0 });
  const outcomeOf = (inbox: Inbox, id: string) =>
    accept(inbox, id).then(
      ({ outcome }) => outcome as string,
      (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
    );
  const query = (text: string) => withClient(url, async (client) => (await client.query(text)).rows);

  test("keeps what it acknowledged when the server is killed, refuses meanwhile, and recovers by itself", async () => {
    const inbox = await openTestInbox(stack, url);
    const before = await Promise.all(Array.from({ length: 50 }, (_, n) => outcomeOf(inbox, `before ${n}`)));
    expect(before).toEqual(Array(50).fill("stored"));
    const during = Promise.all(Array.from({ length: 200 }, (_, n) => outcomeOf(inbox, `during ${n}`)));
    await server.crash();
    expect(await outcomeOf(inbox, "down")).toBe("store_unavailable");
    await expect(inbox.work.claim(1, 1000)).rejects.toThrow();
    await server.start();
    expect(await outcomeOf(inbox, "after")).toBe("stored");
    // Some of the 200 events may be stored only after the server has started again.
    const outcomes = await during;
    const ids = new Set((await inbox.events({ limit: 1000 })).map(({ id }) => id));
    const told = outcomes.flatMap((outcome, n) => (outcome === "stored" ? [`during ${n}`] : []));
    expect([...told, "before 0", "before 49", "after"].filter((id) => !ids.has(id))).toEqual([]);
    expect(ids.has("down")).toBe(false);
  });

  test("stores an event again if retention deletes the first one at that moment, once for each assertion", async () => {
    const inbox = await openTestInbox(stack, url);
    for (const times of [1, 2]) {
      const key = `key ${times}`;
      const acceptKey = (id: string) =>
        inbox.accept(deliveryOf({ id, sender: "acme", eventKey: key, body: "{}" }), {
          ...{ issuer: "edge", jti: id, expires: 2_000_000_000 },
        });
      await acceptKey(`first ${times}`);
      const outcomes = await withClient(url, async (holder) => {
        await holder.query("BEGIN; LOCK TABLE countersign.deleted_event IN ACCESS EXCLUSIVE MODE");
        // The requests are sent one after the other, so that they are not in the same batch.
        const again = Array.from({ length: times }, (_, n) =>
          new Promise((resolve) => setTimeout(resolve, n * 50)).then(() => acceptKey(`again ${times}`)),
        );
        const settled = Promise.allSettled(again);
        await expect
          .poll(() => query("SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND NOT granted"))
          .toHaveLength(1);
        await holder.query(`DELETE FROM countersign.event WHERE id = 'first ${times}'; COMMIT`);
        return (await settled).map((one) =>
          one.status === "fulfilled" ? (one.value as Acceptance).outcome : (one.reason as { code?: unknown }).code,
        );
      });
      // PostgreSQL rolls back one of the transactions, and the inbox repeats it after the other transaction. So the order of the
      // outcomes is not checked.
      expect(outcomes.toSorted()).toEqual(["replayed", "stored"].slice(-times));
    }
  });

  test("recovers when its connections are ended", async () => {
    const inbox = await openTestInbox(stack, url);
    await accept(inbox, "a");
    await query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()",
    );
    await expect.poll(() => outcomeOf(inbox, "b")).toBe("stored");
    expect(await inbox.count()).toBe(2);
  });

  test("stores events one by one if one event of their batch cannot be stored", async () => {
    const inbox = await openTestInbox(stack, url);
    await query("ALTER TABLE countersign.event ADD CHECK (id <> 'bad')");
    const outcomes = await Promise.all(["a", "bad", "b"].map((id) => outcomeOf(inbox, id)));
    expect(outcomes).toEqual(["stored", "store_unavailable", "stored"]);
  });

  test.each<[string, (inbox: Inbox, lease: Lease) => Promise<boolean>]>([
    ["ends", (inbox, lease) => inbox.work.complete(lease)],
    ["is dropped", async (inbox, lease) => (await inbox.work.bury(lease, "no")) && inbox.drop("first", "by hand")],
  ])("does not put off an event while the commit is pending in which the event before it %s", async (_, end) => {
    const [inbox, other] = [await openTestInbox(stack, url), await openTestInbox(stack, url)];
    await acceptInOrder(inbox, "first");
    const [lease] = (await inbox.work.claim(1, 60_000)) as [Lease];
    await query(HOLD_COMMITS);
    await withClient(url, async (holder) => {
      await holder.query("SELECT pg_advisory_lock(42)");
      const ended = end(inbox, lease);
      const waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted";
      await expect.poll(() => query(waits)).toHaveLength(1);
      expect(await acceptInOrder(other, "second")).toEqual({ outcome: "stored" });
      // This claim must not postpone the second event. Normally, the transaction that ends the first event makes a postponed second
      // event due. But here that transaction is pending, and it does not see the second event. If the claim postponed the second
      // event, nothing would make that event due, and that event would wait forever.
      expect(await other.work.claim(1, 60_000)).toEqual([]);
      await holder.query("SELECT pg_advisory_unlock(42)");
      expect(await ended).toBe(true);
    });
    expect((await other.work.claim(1, 60_000)).map(({ event }) => event.id)).toEqual(["second"]);
  });

  test("decides by the server's clock when a lease expires, whatever the origins' clocks say", async () => {
    const inbox = await openTestInbox(stack, url);
    await accept(inbox, "a");
    const { now } = Date;
    const clock = vi.spyOn(Date, "now");
    stack.defer(() => clock.mockRestore());
    const lease = 600_000;
    expect(await inbox.work.claim(1, lease)).toHaveLength(1);
    for (const apart of [3_600_000, -3_600_000]) {
      clock.mockImplementation(() => now() + apart);
      const other = await openTestInbox(stack, url);
      // `inbox` was opened before the clock changed, and `other` after the change.
      for (const one of [other, inbox]) {
        expect(await one.work.claim(1, 30_000)).toEqual([]);
        expect(Math.abs(((await one.work.nextDueIn()) ?? 0) - lease)).toBeLessThan(60_000);
        const id = `${apart} ${one === other}`;
        await accept(one, id);
        const [own] = (await one.work.claim(1, lease)) as [Lease];
        expect(own.event.id).toBe(id);
        expect(Math.abs(own.event.acceptedAt * 1000 - now())).toBeLessThan(60_000);
        await one.work.complete(own);
      }
    }
  });

  test("does not delay an event that another origin stored with the time from before the clock was set back", async () => {
    let now = Date.now();
    const inbox = await openTestInbox(stack, url, { clock: () => now });
    await inbox.work.claim(1, 30_000);
    const before = now;
    const other = await openTestInbox(stack, url, { clock: () => before });
    now -= 86_400_000;
    await inbox.work.claim(1, 30_000);
    await accept(other, "a");
    await expect.poll(() => inbox.work.claim(1, 30_000)).toHaveLength(1);
  });

  test("leases events of an order key while senders send more of them", async () => {
    const [inbox, other] = [await openTestInbox(stack, url), await openTestInbox(stack, url)];
    let isOver = false;
    let sent = 0;
    const send = async (origin: Inbox) => {
      while (!isOver) await acceptInOrder(origin, `event ${sent++}`);
    };
    const senders = [inbox, other].flatMap((origin) => Array.from({ length: 4 }, () => send(origin)));
    let handled = 0;
    // The limit is long, because a busy machine needs more time.
    const end = Date.now() + 60_000;
    while (handled <= 20 && Date.now() < end) {
      for (const lease of await inbox.work.claim(1, 30_000)) {
        await inbox.work.complete(lease);
        handled += 1;
      }
    }
    isOver = true;
    await Promise.all(senders);
    expect(handled).toBeGreaterThan(20);
  });

  test("writes with synchronous_commit on, whatever the database's default is", async () => {
    await query(
      "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$",
    );
    const inbox = await openTestInbox(stack, url);
    await query(`
      CREATE TABLE countersign.seen (setting text);
      CREATE FUNCTION countersign.note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO countersign.seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$;
      CREATE TRIGGER note AFTER INSERT ON countersign.event FOR EACH ROW EXECUTE FUNCTION countersign.note()`);
    await accept(inbox, "a");
    expect(await query("SELECT setting FROM countersign.seen")).toEqual([{ setting: "on" }]);
  });

  test("sees what others committed, whatever the database's default isolation is", async () => {
    await query(
      "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''repeatable read''', current_database()); END $$",
    );
    const [inbox, other] = [await openTestInbox(stack, url), await openTestInbox(stack, url)];
    const acceptAs = (origin: Inbox, id: string, eventKey: string, body: string) =>
      origin.accept(deliveryOf({ id, sender: "acme", eventKey, body }), { issuer: "direct", jti: id, expires: 0 });
    const outcomes: Acceptance[] = [];
    // Waits for each pair of events before the next pair is sent, so that no batch contains events of two pairs. If an event of
    // such a batch failed, the inbox would store the events of the batch one by one, and the race would not be tested.
    for (let n = 0; n < 50; n += 1) {
      const differ = [acceptAs(inbox, `a ${n}`, `differ ${n}`, "a"), acceptAs(other, `b ${n}`, `differ ${n}`, "b")];
      outcomes.push(...((await Promise.all(differ)) as Acceptance[]));
      const same = [acceptAs(inbox, `c ${n}`, `same ${n}`, "same"), acceptAs(other, `d ${n}`, `same ${n}`, "same")];
      outcomes.push(...((await Promise.all(same)) as Acceptance[]));
    }
    expect(outcomes.filter(({ outcome }) => outcome === "duplicate")).toHaveLength(50);
    const events = await inbox.events({ limit: 999 });
    expect(events.filter(({ hasConflict }) => hasConflict)).toHaveLength(100);
    expect(events.filter(({ duplicates }) => duplicates === 1)).toHaveLength(50);
  });

  test("can be used by a role that may not create tables, after the tables exist", async () => {
    await openTestInbox(stack, url);
    await query(`
      CREATE ROLE worker LOGIN PASSWORD 'worker';
      GRANT USAGE ON SCHEMA countersign TO worker;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA countersign TO worker`);
    const worker = new URL(url);
    worker.username = "worker";
    worker.password = "worker";
    const inbox = await openTestInbox(stack, worker.href);
    expect(await outcomeOf(inbox, "a")).toBe("stored");
    const [lease] = (await inbox.work.claim(1, 30_000)) as [Lease];
    expect(await inbox.work.complete(lease)).toBe(true);
  });

  test("is created once by origins that start at the same time", async () => {
    const inboxes = await Promise.all(Array.from({ length: 6 }, () => openTestInbox(stack, url)));
    expect(await Promise.all(inboxes.map((inbox) => inbox.count()))).toEqual(Array(6).fill(0));
    expect(await query("SELECT version FROM countersign.version")).toEqual([{ version: 10 }]);
  });

  test("of a newer version is refused and not changed, and a reader refuses a database without an inbox", async () => {
    await expect(openInboxReader(url)).rejects.toThrow(/holds no inbox: start an origin on it once/);
    await (await openInbox(url)).close();
    await query("UPDATE countersign.version SET version = 11");
    await expect(openInbox(url)).rejects.toThrow(/is an inbox of version 11; this program knows versions up to 10/);
    await expect(openInboxReader(url)).rejects.toThrow(/version 11/);
    expect(await query("SELECT version FROM countersign.version")).toEqual([{ version: 11 }]);
  });

  test("leaves other tables of the database alone", async () => {
    await query("CREATE TABLE event (mine text)");
    const inbox = await openTestInbox(stack, url);
    await accept(inbox, "a");
    expect(await query("SELECT * FROM public.event")).toEqual([]);
  });

  test("is read by connections that cannot write", async () => {
    await accept(await openTestInbox(stack, url), "a");
    const reader = await openInboxReader(url);
    stack.defer(() => reader.close());
    expect(await reader.event("a")).toMatchObject({ id: "a", state: "waiting" });
    expect(await reader.events({ limit: 1, sender: "acme", state: "waiting" })).toHaveLength(1);
  });

  test("names no password in any error", async () => {
    const encoded = encodeURIComponent(PASSWORD);
    const bad = [
      url.replace(/inbox_\d+$/, "missing"),
      url.replace("//postgres:", "//nobody:"),
      `postgres://${url.slice("postgres:".length)}`,
      url.replace(encodeURIComponent(PASSWORD), PASSWORD),
      url.replace(/\/\/postgres:[^@]*@/, "//").concat(`?user=postgres&password=${encodeURIComponent(`${PASSWORD}x`)}`),
      url.replace(/:\d+\//, ":1/"),
      url.replace(encodeURIComponent(PASSWORD), "%zz"),
      `postgres://postgres:${PASSWORD}@[not a host/inbox`,
      `${url}?sslmode=verify-full`,
      `${url}?sslmode=nonsense&sslrootcert=/no/such/file`,
    ];
    for (const location of bad) {
      const error: unknown = await openInbox(location).then(
        async (inbox) => await inbox.close(),
        (reason: unknown) => reason,
      );
      expect(error, location).toBeInstanceOf(Error);
      const { message, stack: trace, cause } = error as Error;
      const text = [message, trace, JSON.stringify(error), String(cause)].join("\n");
      for (const secret of [PASSWORD, encoded, decodeURIComponent(PASSWORD)]) expect(text).not.toContain(secret);
      expect(describeInbox(location)).not.toMatch(/p%|ss\/w/);
    }
  });

  test("names no password in the refusal of an event", async () => {
    const inbox = await openTestInbox(stack, url);
    await query("DO $$ BEGIN EXECUTE format('ALTER TABLE countersign.event RENAME TO %I', 'gone'); END $$");
    const error: unknown = await accept(inbox, "a").catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "store_unavailable", details: { cause: expect.stringContaining("event") } });
    expect(JSON.stringify(error)).not.toContain(encodeURIComponent(PASSWORD));
  });
});
