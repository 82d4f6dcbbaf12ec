// Which events may be leased now, and their leases, within one transaction of PostgreSQL.

import type { Lease } from "../inbox.ts";
import { type Candidate, lockOrders, postponeBlocked } from "./postgres-order.ts";
import type { Client } from "./postgres-pool.ts";
import { toPostgresEvent } from "./postgres-reader.ts";
import { EVENT_COLUMNS, EVENT_TABLES } from "./rows.ts";
import { MAX_LOOKED_AT } from "./work-rules.ts";

interface Due extends Candidate {
  /** Of its body. */
  readonly bytes: number;
}

/**
 * At most so many that are due, the oldest first, until their bodies have so many bytes; their rows are locked. `now` in Unix
 * milliseconds.
 */
export async function findDue(
  client: Client,
  now: number,
  { limit, maxBytes }: { readonly limit: number; readonly maxBytes: number },
): Promise<string[]> {
  const found: string[] = [];
  const passed: string[] = [];
  let bytes = 0;
  for (let lookedAt = 0; found.length < limit && lookedAt < MAX_LOOKED_AT; ) {
    const wanted = limit - found.length;
    const candidates = await selectDue(client, now, wanted, [...found, ...passed]);
    lookedAt += candidates.length;
    for (const candidate of await separate(client, candidates, now, passed)) {
      if (bytes >= maxBytes) return found;
      found.push(candidate.sequence);
      bytes += candidate.bytes;
    }
    if (candidates.length < wanted) break;
  }
  return found;
}

async function selectDue(client: Client, now: number, limit: number, without: readonly string[]): Promise<Due[]> {
  const { rows } = await client.query(
    `SELECT work.sequence, work.sender, work.order_key, coalesce(octet_length(event.body), 0) AS bytes
     FROM work JOIN event ON event.sequence = work.sequence
     WHERE work.due_at <= $1 AND work.sequence <> ALL($3::bigint[])
     ORDER BY work.due_at, work.sequence LIMIT $2 FOR UPDATE OF work SKIP LOCKED`,
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
  candidates: readonly Due[],
  now: number,
  passed: string[],
): Promise<readonly Due[]> {
  const ordered = candidates.filter(({ order_key: key }) => key !== null);
  if (ordered.length === 0) return candidates;
  const locked = await lockOrders(client, ordered, { isPatient: false });
  const busy = ordered.filter((candidate) => !locked.has(candidate)).map(({ sequence }) => sequence);
  passed.push(...busy);
  const looked = [...locked].map(({ sequence }) => sequence);
  const others = new Set([...busy, ...(await postponeBlocked(client, looked, now))]);
  return candidates.filter(({ sequence }) => !others.has(sequence));
}
