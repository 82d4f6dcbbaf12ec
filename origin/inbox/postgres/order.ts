// Keeps the order of events while several origins lease them. An origin that decides about the events of an order key holds the
// lock of this key.

import { BLOCKED_MILLISECONDS, BLOCKED_TOKEN } from "../lease-rules.ts";
import { orderLock } from "./events.ts";
import type { Client } from "./pool.ts";

/** A row of the table `work`. The driver returns a `bigint` as text. */
export interface OrderedRow {
  readonly sequence: string;
  readonly sender: string;
  readonly order_key: string | null;
}

/**
 * Locks the order keys of the candidates until the transaction ends. If another transaction has locked a key, waits for it, or
 * skips the key if `isPatient` is false. Returns the candidates whose key this call has locked.
 */
export async function lockOrders(
  client: Client,
  candidates: readonly OrderedRow[],
  { isPatient = true } = {},
): Promise<Set<OrderedRow>> {
  const locks = new Map<OrderedRow, string>();
  for (const candidate of candidates) {
    if (candidate.order_key !== null) locks.set(candidate, orderLock(candidate.sender, candidate.order_key));
  }
  if (locks.size === 0) return new Set();
  const numbers = [...new Set(locks.values())].sort();
  const { rows } = isPatient
    ? await client.query("SELECT n, pg_advisory_xact_lock(n) FROM unnest($1::bigint[]) AS n", [numbers])
    : await client.query("SELECT n FROM unnest($1::bigint[]) AS n WHERE pg_try_advisory_xact_lock(n)", [numbers]);
  const held = new Set(rows.map((row) => String(row["n"])));
  return new Set([...locks].filter(([, number]) => held.has(number)).map(([candidate]) => candidate));
}

/**
 * Postpones the events that must wait for another event of their order key, and returns the sequences of the postponed events. This
 * statement is separate from the statement that takes the locks, so that it sees what was committed before the locks were held. An
 * event waits for every earlier event that is not finished. It waits for a later event only while a lease of the later event lasts.
 */
export async function postponeBlocked(
  client: Client,
  sequences: readonly string[],
  now: number,
  until = now + BLOCKED_MILLISECONDS,
): Promise<string[]> {
  if (sequences.length === 0) return [];
  const { rows } = await client.query(
    `UPDATE work SET state = 'waiting', due_at = $3, token = '${BLOCKED_TOKEN}' WHERE sequence = ANY($1) AND EXISTS (
       SELECT 1 FROM work AS other
       WHERE other.sender = work.sender AND other.order_key = work.order_key AND other.due_at IS NOT NULL
         AND (other.sequence < work.sequence
              OR (other.sequence > work.sequence AND other.state = 'leased' AND other.due_at > $2))
     ) RETURNING sequence`,
    [sequences, now, until],
  );
  return rows.map((row) => String(row["sequence"]));
}

/**
 * Makes the next event of an order key due at once, if it was postponed to wait for its turn. Must be called after each change that
 * ends an event or an attempt.
 */
export async function wakeNext(
  client: Client,
  { sender, order_key: orderKey }: OrderedRow,
  now: number,
): Promise<void> {
  if (orderKey === null) return;
  await client.query(
    `UPDATE work SET due_at = least(due_at, $3), token = NULL
     WHERE state = 'waiting' AND token = '${BLOCKED_TOKEN}' AND sequence = (
       SELECT min(sequence) FROM work WHERE sender = $1 AND order_key = $2 AND due_at IS NOT NULL)`,
    [sender, orderKey, now],
  );
}
