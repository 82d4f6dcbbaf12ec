// Deletes entries that are older than the retention rule allows, with short statements. Several origins may delete at the same
// time.

import { DIRECT } from "../../accept.ts";
import type { Retention } from "../inbox.ts";
import { DELIVERED_AGAIN_SECONDS, MAX_ERASED_EVENTS, oldCertificates, REPEATED_SECONDS } from "../retention.ts";
import type { PostgresPool } from "./pool.ts";
import { prunePostgresRefusals } from "./refusals.ts";

const oldest = (condition: string) =>
  `SELECT sequence FROM work WHERE ${condition} AND changed_at < $1 ORDER BY changed_at LIMIT ${MAX_ERASED_EVENTS}
   FOR UPDATE SKIP LOCKED`;

const ERASE_BODIES = `
  WITH old AS (${oldest("state = 'done' AND has_body")}),
    erased AS (UPDATE event SET body = NULL FROM old WHERE event.sequence = old.sequence)
  UPDATE work SET has_body = false FROM old WHERE work.sequence = old.sequence`;

/**
 * Deletes old events. An id that may arrive again is kept in another table: the id of an event in `deleted_event`, and the id of an
 * assertion in `repeated`.
 */
const DELETE_EVENTS = `
  WITH old AS (${oldest("due_at IS NULL")}),
    deleted AS (DELETE FROM event USING old WHERE event.sequence = old.sequence
                RETURNING event.issuer, event.id, event.jti, accepted_at,
                          greatest(assertion_expires, accepted_at) AS expires),
    attempts AS (DELETE FROM attempt USING old WHERE attempt.sequence = old.sequence),
    asserted AS (SELECT * FROM deleted WHERE issuer <> '${DIRECT}'),
    assertions AS (
      INSERT INTO repeated (issuer, jti, expires)
      SELECT issuer, jti, expires FROM asserted WHERE expires >= $2::bigint - ${REPEATED_SECONDS} ON CONFLICT DO NOTHING
    ), ids AS (
      INSERT INTO deleted_event (issuer, id, expires)
      SELECT issuer, id, accepted_at + ${DELIVERED_AGAIN_SECONDS} FROM asserted
      WHERE accepted_at + ${DELIVERED_AGAIN_SECONDS} >= $2::bigint ON CONFLICT DO NOTHING
    )
  DELETE FROM work USING old WHERE work.sequence = old.sequence`;

const FORGET_REPEATED = `
  DELETE FROM repeated WHERE (issuer, jti) IN (SELECT issuer, jti FROM repeated WHERE expires < $1 LIMIT ${MAX_ERASED_EVENTS})`;

const FORGET_DELETED = `
  DELETE FROM deleted_event WHERE (issuer, id) IN
    (SELECT issuer, id FROM deleted_event WHERE expires < $1 LIMIT ${MAX_ERASED_EVENTS})`;

/**
 * Deletes old certificates. It runs only when nothing else is left to delete, because the search for senders with many certificates
 * reads a whole index.
 */
const DELETE_CERTIFICATES = `
  DELETE FROM certificate WHERE id IN (
    ${oldCertificates("least($1::bigint, (SELECT accepted_at FROM event ORDER BY sequence LIMIT 1))")})`;

/** Runs one step of the deletion. `now` is in Unix milliseconds. Returns the number of changed rows. */
export async function prunePostgres(
  pool: PostgresPool,
  { bodySeconds, eventSeconds }: Retention,
  now: number,
): Promise<number> {
  let changed = 0;
  const seconds = Math.floor(now / 1000);
  for (const [text, ...values] of [
    [ERASE_BODIES, now - bodySeconds * 1000],
    [DELETE_EVENTS, now - eventSeconds * 1000, seconds],
    [FORGET_REPEATED, seconds - REPEATED_SECONDS],
    [FORGET_DELETED, seconds],
  ] as const) {
    const { rowCount } = await pool.query(text, values);
    changed += rowCount ?? 0;
  }
  changed += await prunePostgresRefusals(pool, now - bodySeconds * 1000, MAX_ERASED_EVENTS);
  return changed > 0 ? changed : ((await pool.query(DELETE_CERTIFICATES, [seconds])).rowCount ?? 0);
}
