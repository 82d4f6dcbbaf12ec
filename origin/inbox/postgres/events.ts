// Stores a batch of events within one transaction of PostgreSQL.

import type { Insertion } from "../events/columns.ts";
import type { Arrival } from "../intake.ts";
import { askDeleted, assertionOf, settleDeleted, useUp } from "./deleted.ts";
import { type CertifiedArrival, insertAll } from "./insert.ts";
import { type Client, GONE, lockNumber } from "./pool.ts";
import { digestOf } from "./schema.ts";

interface Other {
  readonly id: string;
  readonly sequence: number;
}

/**
 * The condition that two events have the same sender, event key, method and target. The targets are compared by their digests,
 * because the unique index contains the digest.
 */
const HAS_SAME_KEY = `event.sender = asked.sender AND event.event_key = asked.event_key AND event.method = asked.method
  AND ${digestOf("event.target")} = ${digestOf("asked.target")}`;

/**
 * Inserts a batch of events, and returns a result for each event, in order. If a unique index refuses an event, the result says
 * whether the event is a replay or a duplicate.
 */
export async function insertEvents(client: Client, arrivals: readonly CertifiedArrival[]): Promise<Insertion[]> {
  // All statements are sent together. The server executes them one after the other.
  const [, others, sequences, replays] = await Promise.all([
    lockKeys(client, arrivals),
    findSameKeys(client, arrivals),
    insertAll(client, arrivals),
    askDeleted(client, arrivals),
  ]);
  const deleted = await settleDeleted(client, replays, arrivals, sequences);
  const refused = arrivals.filter((arrival, index) => sequences[index] === undefined && !deleted.has(arrival));
  const explanations = await explainAll(client, refused);
  const flagged = new Set<number>();
  const insertions = arrivals.map((arrival, index): Insertion => {
    const known = deleted.get(arrival);
    if (known !== undefined) return known;
    const sequence = sequences[index];
    if (sequence === undefined) return explanations.shift() ?? { outcome: "replayed" };
    const key = keyOf(arrival);
    const other = key === undefined ? undefined : others.get(key);
    // Only one other event with the same key gets the conflict flag here. If there are several other events, all of them already
    // have it.
    if (other !== undefined) flagged.add(sequence).add(other.sequence);
    if (key !== undefined) others.set(key, { id: arrival.delivery.id, sequence });
    return { outcome: "stored", sequence, ...(other !== undefined && { conflictsWith: other.id }) };
  });
  if (flagged.size > 0)
    await client.query("UPDATE work SET has_conflict = true WHERE sequence = ANY($1)", [[...flagged]]);
  return insertions;
}

/**
 * Locks the event keys and the order keys. Events with the same key are accepted one after the other, even by several origins.
 * Then the later event sees a conflict, and comes after the earlier event in the order. The locks are sorted, so that there is no
 * deadlock.
 */
async function lockKeys(client: Client, arrivals: readonly Arrival[]): Promise<void> {
  const locks = new Set<string>();
  for (const { delivery, leaseMilliseconds } of arrivals) {
    const { sender, eventKey, orderKey } = delivery;
    if (eventKey !== undefined) locks.add(lockNumber("event", sender, eventKey));
    if (orderKey === undefined) continue;
    // Claims use a different lock (`orderLock`), and do not wait if it is taken. If every acceptance took `orderLock`, acceptances
    // could hold it without a break, and claims would never get it. So an acceptance takes `orderLock` only for an event that is
    // also leased.
    locks.add(lockNumber("accept", sender, orderKey));
    if (leaseMilliseconds !== undefined) locks.add(orderLock(sender, orderKey));
  }
  if (locks.size > 0)
    await client.query("SELECT pg_advisory_xact_lock(n) FROM unnest($1::bigint[]) AS n", [[...locks].sort()]);
}

/** Returns the number of the lock for leasing, finishing or postponing an event of the order key. */
export function orderLock(sender: string, orderKey: string): string {
  return lockNumber("order", sender, orderKey);
}

async function findSameKeys(client: Client, arrivals: readonly Arrival[]): Promise<Map<string, Other>> {
  const keyed = arrivals.map(({ delivery }) => delivery).filter(({ eventKey }) => eventKey !== undefined);
  if (keyed.length === 0) return new Map();
  const { rows } = await client.query(
    `SELECT asked.sender, asked.event_key, asked.method, asked.target, other.id, other.sequence
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS asked (sender, event_key, method, target), LATERAL (
       SELECT id, sequence FROM event WHERE ${HAS_SAME_KEY} LIMIT 1
     ) AS other`,
    [
      keyed.map(({ sender }) => sender),
      keyed.map(({ eventKey }) => eventKey),
      keyed.map(({ request }) => request.method),
      keyed.map(({ request }) => request.target),
    ],
  );
  return new Map(
    rows.map((row) => [
      JSON.stringify([row["sender"], row["event_key"], row["method"], row["target"]]),
      { id: String(row["id"]), sequence: Number(row["sequence"]) },
    ]),
  );
}

function keyOf({ delivery: { sender, eventKey, request } }: Arrival): string | undefined {
  return eventKey === undefined ? undefined : JSON.stringify([sender, eventKey, request.method, request.target]);
}

/**
 * Finds out why an index refused each event: the event is a replay, or it is already stored. A duplicate is not stored again, but
 * its assertion is recorded as used, so that a replay of the duplicate is detected.
 */
async function explainAll(client: Client, refused: readonly Arrival[]): Promise<Insertion[]> {
  if (refused.length === 0) return [];
  const firsts = await findFirsts(client, refused);
  const repeated = refused.filter((_, index) => firsts[index]?.isReplay === false);
  const used = await useUp(client, repeated);
  const counted: number[] = [];
  const insertions = refused.map(({ assertion }, index): Insertion => {
    const first = firsts[index];
    if (first === undefined)
      throw Object.assign(new Error("the event was refused by an index and is not there"), { code: GONE });
    // If two arrivals in a batch have the same assertion, only the first of them is a duplicate. The second is a replay.
    if (first.isReplay || !used.delete(assertionOf(assertion))) return { outcome: "replayed" };
    counted.push(first.sequence);
    return { outcome: "duplicate", of: first.id };
  });
  if (counted.length > 0) {
    await client.query(
      `UPDATE work SET duplicates = duplicates + again.times
       FROM (SELECT sequence, count(*) AS times FROM unnest($1::bigint[]) AS again (sequence) GROUP BY sequence) AS again
       WHERE work.sequence = again.sequence`,
      [counted],
    );
  }
  return insertions;
}

/**
 * Finds for each event the stored event for which an index refused it: first one with the same assertion, then one with the same id,
 * then one with the same event key and bytes. Each part has a query of its own, so that each uses its index.
 */
async function findFirsts(client: Client, refused: readonly Arrival[]) {
  const { rows } = await client.query(
    `SELECT asked.place, first.sequence, first.id, first.is_replay
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
       WITH ORDINALITY AS asked (issuer, jti, id, sender, event_key, content_digest, method, target, place), LATERAL (
       SELECT 1 AS part, sequence, id, true AS is_replay FROM event WHERE issuer = asked.issuer AND jti = asked.jti
       UNION ALL SELECT 2, sequence, id, false FROM event WHERE id = asked.id AND issuer = asked.issuer
       UNION ALL SELECT 3, sequence, id, false FROM event WHERE ${HAS_SAME_KEY} AND content_digest = asked.content_digest
       ORDER BY part LIMIT 1
     ) AS first`,
    [
      refused.map(({ assertion }) => assertion.issuer),
      refused.map(({ assertion }) => assertion.jti),
      refused.map(({ delivery }) => delivery.id),
      refused.map(({ delivery }) => delivery.sender),
      refused.map(({ delivery }) => delivery.eventKey ?? null),
      refused.map(({ delivery }) => delivery.contentDigest),
      refused.map(({ delivery }) => delivery.request.method),
      refused.map(({ delivery }) => delivery.request.target),
    ],
  );
  const firsts: ({ readonly sequence: number; readonly id: string; readonly isReplay: boolean } | undefined)[] = [];
  for (const row of rows) {
    const { place, sequence, id, is_replay: isReplay } = row as Record<string, unknown>;
    firsts[Number(place) - 1] = { sequence: Number(sequence), id: String(id), isReplay: isReplay === true };
  }
  return firsts;
}
