// Storing a batch of events within one transaction of PostgreSQL.

import type { Arrival } from "./acceptor.ts";
import { assertionOf, findDeleted, useUp } from "./postgres-deleted.ts";
import { type Client, GONE, lockNumber } from "./postgres-pool.ts";
import { digestOf } from "./postgres-schema.ts";
import { columnsOf, EVENT_ROW_COLUMNS, type Insertion } from "./stored-columns.ts";

/** With the certificate's row, when that is known. */
export type CertifiedArrival = Arrival & { readonly certificateId: number | undefined };

interface Other {
  readonly id: string;
  readonly sequence: number;
}

/** By the unique index. */
const HAS_SAME_KEY = `event.sender = asked.sender AND event.event_key = asked.event_key AND event.method = asked.method
  AND ${digestOf("event.target")} = ${digestOf("asked.target")}`;

/** An outcome for each, in order. The unique indexes decide; the rest is finding out which of them it was. */
export async function insertEvents(client: Client, arrivals: readonly CertifiedArrival[]): Promise<Insertion[]> {
  await lockKeys(client, arrivals);
  const others = await findSameKeys(client, arrivals);
  const stored = await insertAll(client, arrivals);
  const sequences = arrivals.map((arrival) => takeStored(stored, arrival));
  const deleted = await findDeleted(client, arrivals, sequences);
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
    // Of more than one other all are flagged already.
    if (other !== undefined) flagged.add(sequence).add(other.sequence);
    if (key !== undefined) others.set(key, { id: arrival.delivery.id, sequence });
    return { outcome: "stored", sequence, ...(other !== undefined && { conflictsWith: other.id }) };
  });
  if (flagged.size > 0)
    await client.query("UPDATE work SET has_conflict = true WHERE sequence = ANY($1)", [[...flagged]]);
  return insertions;
}

/**
 * What shares an event key or an order key is accepted one after the other, also by other origins: a conflict must be seen,
 * and an order be kept, by whoever comes second. Sorted, so that no two wait for each other.
 */
async function lockKeys(client: Client, arrivals: readonly Arrival[]): Promise<void> {
  const locks = new Set<string>();
  for (const { delivery, leaseMilliseconds } of arrivals) {
    const { sender, eventKey, orderKey } = delivery;
    if (eventKey !== undefined) locks.add(lockNumber("event", sender, eventKey));
    if (orderKey === undefined) continue;
    // Not that of leases: senders hand it to each other, and claims, which do not wait, would never find it free.
    locks.add(lockNumber("accept", sender, orderKey));
    if (leaseMilliseconds !== undefined) locks.add(orderLock(sender, orderKey));
  }
  if (locks.size > 0)
    await client.query("SELECT pg_advisory_xact_lock(n) FROM unnest($1::bigint[]) AS n", [[...locks].sort()]);
}

/** Of whoever leases, ends or puts off an event of the order key. */
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

/** The rows that were stored, by what makes them unique. Bodies go as parameters of their own, which are binary. */
async function insertAll(client: Client, arrivals: readonly CertifiedArrival[]): Promise<Map<string, number>> {
  const values: unknown[] = [];
  const rows = arrivals.map(({ delivery, assertion, now, certificateId }) => {
    const columns = columnsOf(delivery, assertion, now, certificateId ?? null);
    const first = values.push(...columns) - columns.length;
    return `(${columns.map((_, index) => `$${first + index + 1}`).join(", ")})`;
  });
  const { rows: stored } = await client.query(
    `WITH stored AS (
       INSERT INTO event (${EVENT_ROW_COLUMNS}) VALUES ${rows.join(", ")} ON CONFLICT DO NOTHING
       RETURNING sequence, id, issuer, jti, sender, order_key, accepted_at
     ), queued AS (
       INSERT INTO work (sequence, sender, order_key, state, due_at, changed_at)
       SELECT sequence, sender, order_key, 'waiting', accepted_at * 1000, accepted_at * 1000 FROM stored
     ) SELECT sequence, id, issuer, jti FROM stored`,
    values,
  );
  return new Map(
    stored.map((row) => [JSON.stringify([row["id"], row["issuer"], row["jti"]]), Number(row["sequence"])]),
  );
}

/** Of two in one batch that are the same, the first was stored. */
function takeStored(stored: Map<string, number>, { delivery, assertion }: Arrival): number | undefined {
  const key = JSON.stringify([delivery.id, assertion.issuer, assertion.jti]);
  const sequence = stored.get(key);
  stored.delete(key);
  return sequence;
}

/** What an index refused: a replay, or an event that is there. Its assertion is used up too, though it stored nothing. */
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
    // Of two with one assertion in one batch the first used it up.
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

async function findFirsts(client: Client, refused: readonly Arrival[]) {
  const { rows } = await client.query(
    `SELECT asked.place, first.sequence, first.id, first.is_replay
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
       WITH ORDINALITY AS asked (issuer, jti, id, sender, event_key, content_digest, method, target, place), LATERAL (
       SELECT sequence, id, issuer = asked.issuer AND jti = asked.jti AS is_replay FROM event
       WHERE (issuer = asked.issuer AND jti = asked.jti) OR (id = asked.id AND issuer = asked.issuer)
          OR (${HAS_SAME_KEY} AND content_digest = asked.content_digest)
       ORDER BY is_replay DESC, (id = asked.id AND issuer = asked.issuer) DESC LIMIT 1
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
