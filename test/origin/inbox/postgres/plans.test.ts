// Tests that the plans of acceptances and of work on events use indexes, also if the plans were made while the tables were empty.

import { setTimeout } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { issueCertificate } from "../../../../cli/dev/authority.ts";
import type { Inbox, Lease } from "../../../../origin/inbox/inbox.ts";
import { openInbox } from "../../../../origin/inbox/open.ts";
import { type DeliveryParts, deliveryOf } from "../../../support/inbox.ts";
import { missingPostgres } from "../../../support/inbox-stores.ts";
import { startPostgres, withClient } from "../../../support/postgres.ts";

const ROWS = 20_000;
/** The number of certificates of the sender. Without statistics, one statement reads all of them, to find the latest. */
const OF_SENDER = 600;
/** Fills the tables with finished events, old assertions and certificates, without gathering statistics. */
const FILL = `
  WITH stored AS (
    INSERT INTO countersign.event (id, issuer, jti, accepted_at, sender, method, target, content_type, headers, content_digest,
        event_key, certificate, factors, relied_on_edge, policy_digest, assertion_expires)
      SELECT 'old ' || n, 'edge', 'old ' || n, 1, 'acme', 'POST', '/hooks', '', '[]', '', 'old ' || n, 'null', '[]', '[]', '', 1
      FROM generate_series(1, ${ROWS}) AS n
      RETURNING sequence, sender
  ) INSERT INTO countersign.work (sequence, sender, order_key, state, changed_at)
    SELECT sequence, sender, 'old', 'done', 1 FROM stored;
  INSERT INTO countersign.repeated SELECT 'edge', 'old ' || n, 1 FROM generate_series(1, ${ROWS}) AS n;
  INSERT INTO countersign.deleted_event SELECT 'edge', 'gone ' || n, 1 FROM generate_series(1, ${ROWS}) AS n;
  INSERT INTO countersign.certificate (sender, sha256, spki_sha256, issuer, subject, not_after, der, intermediates, first_seen, last_seen)
    SELECT CASE WHEN n <= ${OF_SENDER} THEN 'acme' ELSE 'other' END, 'old ' || n, '', '', '', 1, '', '[]', 1, n
    FROM generate_series(1, ${ROWS}) AS n`;
/** The limit for the rows that all statements together read from one index. A statement without a good plan reads all rows. */
const FEW = 1_000;

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

/** Calls each method that accepts, leases, finishes or changes an event. `name` makes the ids of this call unique. */
async function useAll(inbox: Inbox, name: string): Promise<void> {
  const identity = await issueCertificate({ subject: [{ CN: [name] }] });
  const deliver = (id: string, parts: Partial<DeliveryParts> = {}) =>
    deliveryOf({ id: `${name} ${id}`, sender: "acme", identity, ...parts });
  const assertion = (jti: string) => ({ issuer: "edge", jti: `${name} ${jti}`, expires: 0 });
  const accept = (id: string, parts?: Partial<DeliveryParts>) => inbox.accept(deliver(id, parts), assertion(id));

  const ids = Array.from({ length: 10 }, (_, n) => `event ${n}`);
  for (const id of ids) await accept(id, { orderKey: name });
  await Promise.all(["a", "b", "c", "d", "e"].map((id) => accept(id)));
  const key = { eventKey: `${name} key` };
  await accept("first", { ...key, body: "1" });
  expect(await accept("again", { ...key, body: "1" })).toMatchObject({ outcome: "duplicate" });
  expect(await accept("other", { ...key, body: "2" })).toMatchObject({ conflictsWith: `${name} first` });
  await expect(inbox.accept(deliver("replay"), assertion("first"))).rejects.toMatchObject({ code: "replayed" });
  expect(await inbox.accept(deliver("first", key), assertion("same id"))).toMatchObject({ outcome: "duplicate" });
  const leased = await inbox.acceptLeased(deliver("leased", { orderKey: "other" }), assertion("leased"), 60_000);
  expect(await inbox.work.complete((leased as { readonly lease: Lease }).lease)).toBe(true);

  const [first, second, third, fourth, ...rest] = (await inbox.work.claim(20, 60_000)) as [Lease, Lease, Lease, Lease];
  expect(await inbox.work.extend(first, 70_000)).toBe(true);
  expect(await inbox.work.retry(first, 1, "later")).toBe(true);
  expect(await inbox.work.bury(second, "never")).toBe(true);
  await inbox.work.release([third], { wasBegun: true });
  await inbox.work.release([fourth]);
  for (const lease of rest) expect(await inbox.work.complete(lease)).toBe(true);
  expect(await inbox.retryNow(second.event.id)).toBe(true);
  expect(await inbox.drop(second.event.id, "unwanted")).toBe(true);
  await inbox.work.nextDueIn();
}

/** Resolves when the database has no session but the one that asks. */
async function untilAlone(url: string): Promise<void> {
  const others = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
  await withClient(url, async (client) => {
    while ((await client.query(others)).rows.length > 0) await setTimeout(20);
  });
}

test.skipIf(missingPostgres())("finds rows by indexes after the tables have grown", async () => {
  const server = await startPostgres(stack, { autovacuum: "off" });
  const url = await server.createDatabase();
  const ask = (text: string) => withClient(url, async (client) => (await client.query(text)).rows);
  // The first opening creates the tables, which reads them. The server adds the counts of a session to its statistics when the session
  // ends.
  await (await openInbox(url)).close();
  await untilAlone(url);
  await ask("SELECT pg_stat_reset()");
  const inbox = await openInbox(url);
  try {
    await useAll(inbox, "empty");
    await ask(FILL);
    await useAll(inbox, "full");
  } finally {
    await inbox.close();
  }
  await untilAlone(url);
  const whole = "SELECT relname AS name, seq_scan FROM pg_stat_user_tables WHERE schemaname = 'countersign'";
  expect(await ask(`${whole} AND seq_scan > 0`)).toMatchObject([{ name: "version" }]);
  const read = `SELECT indexrelname AS name, idx_scan, idx_tup_read FROM pg_stat_user_indexes WHERE schemaname = 'countersign'`;
  expect(await ask(`${read} AND idx_tup_read > ${FEW}`)).toEqual([]);
  expect((await ask(`${read} AND idx_tup_read > 0`)).length).toBeGreaterThan(5);
});
