// Records attempts in one SQLite file, within the transaction that changes the row of the table `work`.

import type { DatabaseSync } from "node:sqlite";
import {
  ATTEMPT_ROW_COLUMNS,
  type AttemptRow,
  attemptColumnsOf,
  isBetween,
  isLong,
  toHistory,
  WORK_HISTORY_COLUMNS,
} from "../attempt-rows.ts";
import type { EventHistory } from "../attempts.ts";

export class SqliteAttempts {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: DatabaseSync) {
    this.#statements = prepare(database);
  }

  /** `place` is the number of records of the event, including this record. */
  record(sequence: number, place: number, row: AttemptRow): void {
    this.#statements.insert.run(sequence, place, ...attemptColumnsOf(row));
    if (isLong(place)) this.#statements.trim.run(sequence, place);
  }

  /**
   * For each of these events, records that the last attempt ended without an outcome. Leaves out events for which this is already
   * recorded. Must be called only for events whose leases have expired.
   */
  abandon(events: readonly { readonly sequence: number }[]): void {
    const { begun, forget } = this.#statements;
    for (const { sequence } of events) {
      const row = begun.get(sequence);
      if (row === undefined) continue;
      forget.run(sequence);
      const facts = { number: Number(row["attempts"]), beganAt: Number(row["began_at"]) };
      this.record(sequence, Number(row["recorded"]) + 1, { outcome: "abandoned", ...facts });
    }
  }
}

function prepare(database: DatabaseSync) {
  return {
    insert: database.prepare(
      `INSERT INTO attempt (sequence, place, ${ATTEMPT_ROW_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    trim: database.prepare(`DELETE FROM attempt WHERE sequence = ? AND ${isBetween("?")}`),
    begun: database.prepare(
      "SELECT attempts, began_at, recorded FROM work WHERE sequence = ? AND state = 'leased' AND began_at IS NOT NULL",
    ),
    forget: database.prepare("UPDATE work SET began_at = NULL, recorded = recorded + 1 WHERE sequence = ?"),
  };
}

/** Returns a function that reads the history of the event with the given id. */
export function sqliteHistoryOf(database: DatabaseSync): (id: string) => EventHistory | undefined {
  const work = database.prepare(
    `SELECT sequence, ${WORK_HISTORY_COLUMNS} FROM work
     WHERE sequence = (SELECT sequence FROM event WHERE id = ? ORDER BY sequence LIMIT 1)`,
  );
  const rows = database.prepare(`SELECT ${ATTEMPT_ROW_COLUMNS} FROM attempt WHERE sequence = ? ORDER BY place`);
  return (id) => {
    const row = work.get(id);
    return row && toHistory(row, rows.all(Number(row["sequence"])));
  };
}
