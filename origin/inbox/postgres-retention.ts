// Erasing what is older than the rule allows, in short statements. Several origins may do it at once.

import type { Retention } from "../inbox.ts";
import type { PostgresPool } from "./postgres-pool.ts";
import { MAX_ERASED_EVENTS, REPEATED_SECONDS } from "./retention.ts";

const oldest = (condition: string) =>
  `SELECT sequence FROM work WHERE ${condition} AND changed_at < $1 ORDER BY changed_at LIMIT ${MAX_ERASED_EVENTS}
   FOR UPDATE SKIP LOCKED`;

const ERASE_BODIES = `
  WITH old AS (${oldest("state = 'done' AND has_body")}),
    erased AS (UPDATE event SET body = NULL FROM old WHERE event.sequence = old.sequence)
  UPDATE work SET has_body = false FROM old WHERE work.sequence = old.sequence`;

const DELETE_EVENTS = `
  WITH old AS (${oldest("due_at IS NULL")}),
    deleted AS (DELETE FROM event USING old WHERE event.sequence = old.sequence)
  DELETE FROM work USING old WHERE work.sequence = old.sequence`;

const FORGET_REPEATED = `
  DELETE FROM repeated WHERE (issuer, jti) IN (SELECT issuer, jti FROM repeated WHERE expires < $1 LIMIT ${MAX_ERASED_EVENTS})`;

/** One step; `now` in Unix milliseconds. Returns how many rows changed. */
export async function prunePostgres(
  pool: PostgresPool,
  { bodySeconds, eventSeconds }: Retention,
  now: number,
): Promise<number> {
  let changed = 0;
  for (const [text, before] of [
    [ERASE_BODIES, now - bodySeconds * 1000],
    [DELETE_EVENTS, now - eventSeconds * 1000],
    [FORGET_REPEATED, Math.floor(now / 1000) - REPEATED_SECONDS],
  ] as const) {
    const { rowCount } = await pool.query(text, [before]);
    changed += rowCount ?? 0;
  }
  return changed;
}
