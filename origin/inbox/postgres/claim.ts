// Selects the events that may be leased now, and leases them, within one transaction of PostgreSQL.

import { EVENT_COLUMNS, EVENT_TABLES } from "../events/row.ts";
import type { Lease } from "../inbox.ts";
import {
  describeDamage,
  isUnfinished,
  MAX_CLAIMED_BYTES,
  MAX_LOOKED_AT,
  UNFINISHED_APART_MILLISECONDS,
} from "../lease-rules.ts";
import { abandon, RECORDED, recording, recordValues } from "./attempts.ts";
import { lockOrders, type OrderedRow, postponeBlocked, wakeNext } from "./order.ts";
import type { Client } from "./pool.ts";
import { toPostgresEvent } from "./reader.ts";

/**
 * The first query of a claim reads `limit` rows. If events among them have to wait, each further query reads twice as many rows as
 * the query before it, up to this number. The rows that a query reads are locked, and other origins skip them.
 */
const MAX_ROWS_PER_QUERY = 128;

interface Due extends OrderedRow {
  readonly state: string;
  readonly attempts: number;
  /** The number of octets of the event's body. */
  readonly bytes: number;
}

/**
 * Returns the due events, in the order of their due times, and locks their rows. Returns at most `limit` events. Their bodies fit
 * into `maxBytes` together, but a larger first body is returned alone. `now` is in Unix milliseconds.
 */
export async function findDue(
  client: Client,
  now: number,
  { limit, maxBytes }: { readonly limit: number; readonly maxBytes: number },
): Promise<string[]> {
  const found: string[] = [];
  const seen: string[] = [];
  const most = Math.min(maxBytes, MAX_CLAIMED_BYTES);
  let bytes = 0;
  for (let rows = limit; seen.length < MAX_LOOKED_AT; rows = Math.min(rows * 2, MAX_ROWS_PER_QUERY)) {
    const candidates = await selectDue(client, now, rows, seen);
    const expired = candidates.filter(({ state }) => state === "leased");
    await abandon(
      client,
      expired.map(({ sequence }) => sequence),
    );
    seen.push(...candidates.map(({ sequence }) => sequence));
    for (const due of await selectLeasable(client, candidates, now)) {
      bytes += due.bytes;
      if (found.length >= limit || (found.length > 0 && bytes > most)) return found;
      found.push(due.sequence);
    }
    if (candidates.length < rows) break;
  }
  return found;
}

async function selectDue(client: Client, now: number, rows: number, without: readonly string[]): Promise<Due[]> {
  const { rows: due } = await client.query(
    `SELECT work.sequence, work.sender, work.order_key, work.state, work.attempts,
            coalesce((SELECT octet_length(body) FROM event WHERE event.sequence = work.sequence), 0) AS bytes
     FROM work WHERE work.due_at <= $1 AND work.sequence <> ALL($3::bigint[])
     ORDER BY work.due_at, work.sequence LIMIT $2 FOR UPDATE SKIP LOCKED`,
    [now, rows, without],
  );
  return due;
}

/**
 * Returns the candidates that may be leased. Skips events whose order key another origin has locked. Postpones events that wait for
 * another event of their order key. If the lease of a postponed event has expired, an earlier event may have waited for this lease,
 * and is woken. Some events were attempted at least twice, and their last attempt left no outcome. One of these events may have
 * ended the process that handled all of them. So all of these events except the first are postponed.
 */
async function selectLeasable(client: Client, candidates: readonly Due[], now: number): Promise<readonly Due[]> {
  const ordered = candidates.filter(({ order_key: key }) => key !== null);
  const locked = await lockOrders(client, ordered, { isPatient: false });
  const blocked = new Set(
    await postponeBlocked(
      client,
      [...locked].map(({ sequence }) => sequence),
      now,
    ),
  );
  const expired = candidates.filter(({ sequence, state }) => state === "leased" && blocked.has(sequence));
  for (const candidate of expired) await wakeNext(client, candidate, now);
  const free = candidates.filter(
    (candidate) => (candidate.order_key === null || locked.has(candidate)) && !blocked.has(candidate.sequence),
  );
  const [, ...unfinished] = free.filter((candidate) => isUnfinished(candidate));
  await postponeUnfinished(client, unfinished, now);
  return free.filter((candidate) => !unfinished.includes(candidate));
}

async function postponeUnfinished(client: Client, unfinished: readonly Due[], now: number): Promise<void> {
  if (unfinished.length === 0) return;
  await client.query(
    `UPDATE work SET state = 'waiting', token = NULL, due_at = $2::bigint + place * $3::bigint
     FROM unnest($1::bigint[]) WITH ORDINALITY AS apart (sequence, place) WHERE work.sequence = apart.sequence`,
    [unfinished.map(({ sequence }) => sequence), now, UNFINISHED_APART_MILLISECONDS],
  );
}

/**
 * Leases events in the given order. An event whose row is damaged becomes dead, so that it does not block the others. Such an event
 * is missing from the result.
 */
export async function leaseAll(
  client: Client,
  sequences: readonly string[],
  now: number,
  leaseMilliseconds: number,
): Promise<Lease[]> {
  if (sequences.length === 0) return [];
  const until = now + leaseMilliseconds;
  const { rows } = await client.query(
    `WITH leased AS (
       UPDATE work SET state = 'leased', attempts = attempts + 1, due_at = $2, changed_at = $3, began_at = $3, token = gen_random_uuid()
       WHERE sequence = ANY($1) RETURNING sequence, attempts, token
     )
     SELECT ${EVENT_COLUMNS}, event.body, leased.attempts AS attempt, leased.token AS lease_token
     FROM ${EVENT_TABLES} JOIN leased ON leased.sequence = event.sequence
     ORDER BY array_position($1::bigint[], event.sequence)`,
    [sequences, until, now],
  );
  const leases: Lease[] = [];
  const damaged = new Map<string, Damage>(sequences.map((sequence) => [sequence, { why: "the event is gone" }]));
  for (const row of rows) {
    const sequence = String(row["sequence"]);
    const attempt = Number(row["attempt"]);
    try {
      const event = toPostgresEvent(row);
      leases.push({ event, attempt, beganAt: now, until, token: String(row["lease_token"]) });
      damaged.delete(sequence);
    } catch (why) {
      damaged.set(sequence, { why, attempt });
    }
  }
  for (const [sequence, damage] of damaged) await buryDamaged(client, sequence, now, damage);
  return leases;
}

interface Damage {
  readonly why: unknown;
  readonly attempt?: number;
}

const BURY = recording(
  `UPDATE work SET state = 'dead', due_at = NULL, changed_at = $2, reason = $3, ${RECORDED} WHERE sequence = $1`,
  4,
);

async function buryDamaged(client: Client, sequence: string, now: number, { why, attempt = 0 }: Damage): Promise<void> {
  const reason = describeDamage(why);
  const record = recordValues({ outcome: "dead", number: attempt, beganAt: now, endedAt: now, reason });
  const { rows } = await client.query(BURY, [sequence, now, reason, ...record]);
  for (const row of rows) await wakeNext(client, row, now);
}
