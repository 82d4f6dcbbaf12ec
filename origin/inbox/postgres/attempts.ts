// Records attempts in PostgreSQL, in the statement that changes the row of the table `work`.

import {
  ATTEMPT_ROW_COLUMNS,
  type AttemptRow,
  attemptColumnsOf,
  isBetween,
  toHistory,
  WORK_HISTORY_COLUMNS,
} from "../attempt-rows.ts";
import type { EventHistory } from "../attempts.ts";
import type { Row } from "../events/row.ts";
import type { Client, Queryable } from "./pool.ts";

/** Each UPDATE that is passed to `recording` must make these assignments. */
export const RECORDED = "token = NULL, began_at = NULL, recorded = recorded + 1";

const TYPES = ["text", "integer", "bigint", "bigint", "integer", "text", "bigint"];

/**
 * Returns SQL that changes rows of the table `work` and adds one record for each changed row. `update` must set `RECORDED`. In the
 * returned SQL, the parameters from number `first` on are the values of the record. The statement returns one row for each changed
 * row.
 */
export function recording(update: string, first: number): string {
  const values = TYPES.map((type, index) => `$${first + index}::${type}`);
  return `
    WITH changed AS (${update} RETURNING work.sequence, work.sender, work.order_key, work.recorded),
    kept AS (
      INSERT INTO attempt (sequence, place, ${ATTEMPT_ROW_COLUMNS})
      SELECT sequence, recorded, ${values.join(", ")} FROM changed
    ), trimmed AS (
      DELETE FROM attempt USING changed WHERE attempt.sequence = changed.sequence AND ${isBetween("changed.recorded")}
    ) SELECT sequence, sender, order_key FROM changed`;
}

/** Returns the values of a record, as parameters for a statement of `recording`. */
export function recordValues(row: AttemptRow): readonly unknown[] {
  return attemptColumnsOf(row);
}

const ABANDON = `
  WITH begun AS (
    SELECT sequence, attempts, began_at, recorded FROM work
    WHERE sequence = ANY($1::bigint[]) AND state = 'leased' AND began_at IS NOT NULL
  ), changed AS (
    UPDATE work SET began_at = NULL, recorded = work.recorded + 1 FROM begun WHERE work.sequence = begun.sequence
  ), trimmed AS (
    DELETE FROM attempt USING begun WHERE attempt.sequence = begun.sequence AND ${isBetween("begun.recorded + 1")}
  )
  INSERT INTO attempt (sequence, place, outcome, number, began_at)
  SELECT sequence, recorded + 1, 'abandoned', attempts, began_at FROM begun`;

/**
 * Records that the running attempts of these events left no outcome, unless this is already recorded. Must be called only when
 * their leases have expired and their rows are locked.
 */
export async function abandon(client: Client, sequences: readonly string[]): Promise<void> {
  if (sequences.length > 0) await client.query(ABANDON, [sequences]);
}

/** Reads the history of the event with an id. */
export async function readHistory(pool: Queryable, id: string): Promise<EventHistory | undefined> {
  const { rows } = await pool.query(
    `SELECT sequence, ${WORK_HISTORY_COLUMNS} FROM work
     WHERE sequence = (SELECT sequence FROM event WHERE id = $1 ORDER BY sequence LIMIT 1)`,
    [id],
  );
  const [work] = rows as readonly Row[];
  if (work === undefined) return undefined;
  const { rows: records } = await pool.query(
    `SELECT ${ATTEMPT_ROW_COLUMNS} FROM attempt WHERE sequence = $1 ORDER BY place`,
    [work["sequence"]],
  );
  return toHistory(work, records as readonly Row[]);
}
