// Which events may be leased now, and their leases, within one transaction of PostgreSQL.

import type { Lease } from "../inbox.ts";
import { type Candidate, lockOrders, postponeBlocked } from "./postgres-order.ts";
import type { Client } from "./postgres-pool.ts";
import { toPostgresEvent } from "./postgres-reader.ts";
import { EVENT_COLUMNS, EVENT_TABLES } from "./rows.ts";
import { MAX_LOOKED_AT } from "./work-rules.ts";

/** At most so many that are due, the oldest first; their rows are locked. `now` in Unix milliseconds. */
export async function findDue(client: Client, now: number, limit: number): Promise<string[]> {
  const found: string[] = [];
  const passed: string[] = [];
  for (let lookedAt = 0; found.length < limit && lookedAt < MAX_LOOKED_AT; ) {
    const wanted = limit - found.length;
    const candidates = await selectDue(client, now, wanted, [...found, ...passed]);
    lookedAt += candidates.length;
    found.push(...(await separate(client, candidates, now, passed)));
    if (candidates.length < wanted) break;
  }
  return found;
}

async function selectDue(client: Client, now: number, limit: number, without: readonly string[]): Promise<Candidate[]> {
  const { rows } = await client.query(
    `SELECT sequence, sender, order_key FROM work WHERE due_at <= $1 AND sequence <> ALL($3::bigint[])
     ORDER BY due_at, sequence LIMIT $2 FOR UPDATE SKIP LOCKED`,
    [now, limit, without],
  );
  return rows;
}

/** In the given order. */
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
       UPDATE work SET state = 'leased', attempts = attempts + 1, due_at = $2, changed_at = $3, token = gen_random_uuid()
       WHERE sequence = ANY($1) RETURNING sequence, attempts, token
     )
     SELECT ${EVENT_COLUMNS}, event.body, leased.attempts AS attempt, leased.token AS lease_token
     FROM ${EVENT_TABLES} JOIN leased ON leased.sequence = event.sequence
     ORDER BY array_position($1::bigint[], event.sequence)`,
    [sequences, until, now],
  );
  return rows.map((row) => ({
    event: toPostgresEvent(row),
    attempt: Number(row["attempt"]),
    until,
    token: String(row["lease_token"]),
  }));
}

/** Those that may be leased. The others are put off, or passed over while another origin looks at their order key. */
async function separate(
  client: Client,
  candidates: readonly Candidate[],
  now: number,
  passed: string[],
): Promise<string[]> {
  const ordered = candidates.filter(({ order_key: key }) => key !== null);
  if (ordered.length === 0) return candidates.map(({ sequence }) => sequence);
  const locked = await lockOrders(client, ordered, { isPatient: false });
  const busy = ordered.filter((candidate) => !locked.has(candidate)).map(({ sequence }) => sequence);
  passed.push(...busy);
  const looked = [...locked].map(({ sequence }) => sequence);
  const blocked = await postponeBlocked(client, looked, now);
  const others = new Set([...busy, ...blocked]);
  return candidates.map(({ sequence }) => sequence).filter((sequence) => !others.has(sequence));
}
