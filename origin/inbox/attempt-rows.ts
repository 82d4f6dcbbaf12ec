// The records of attempts, for SQLite and PostgreSQL. The event's row of the table `work` holds a running attempt, or the attempt
// that made the event done. Most events have only this attempt, so they need no row in the table `attempt`. Every other attempt
// that ended gets a row there. If an event has too many of these rows, some are deleted (`isBetween`).

import { MAX_FIRST_ATTEMPTS, MAX_LATEST_ATTEMPTS } from "../../core/wire.ts";
import { formatReason } from "../dispatch/judge.ts";
import type { AttemptOutcome, EventAttempt, EventHistory, OperatorAction } from "./attempts.ts";
import type { Row } from "./events/row.ts";

/** A row of the table `attempt`, without `sequence` and `place`. Times are in Unix milliseconds. */
export interface AttemptRow {
  readonly outcome: Exclude<AttemptOutcome, "running"> | `operator ${OperatorAction["action"]}`;
  readonly number?: number;
  readonly beganAt?: number;
  readonly endedAt?: number;
  readonly status?: number | undefined;
  readonly reason?: string;
  readonly dueAt?: number;
}

/** The columns of the table `attempt`, without `sequence` and `place`. */
export const ATTEMPT_ROW_COLUMNS = "outcome, number, began_at, ended_at, status, reason, due_at";

/** Returns one value for each of `ATTEMPT_ROW_COLUMNS`, in the same order. */
export function attemptColumnsOf({ outcome, number, beganAt, endedAt, status, reason, dueAt }: AttemptRow) {
  const text = reason === undefined ? null : formatReason(reason);
  return [
    outcome, number ?? null, beganAt ?? null, endedAt ?? null, status ?? null, text, dueAt ?? null,
  ] as const; // biome-ignore format: one value a column
}

/** Returns true if the event has more records than are kept. `recorded` is the number of all its records. */
export function isLong(recorded: number): boolean {
  return recorded > MAX_FIRST_ATTEMPTS + MAX_LATEST_ATTEMPTS;
}

/**
 * Returns an SQL condition that is true for the records to delete. These are the records between the first `MAX_FIRST_ATTEMPTS` and
 * the latest `MAX_LATEST_ATTEMPTS` records of the event. `recorded` is SQL for the number of all records of the event.
 */
export function isBetween(recorded: string): string {
  return `place > ${MAX_FIRST_ATTEMPTS} AND place <= ${recorded} - ${MAX_LATEST_ATTEMPTS}`;
}

/** The columns of the table `work` that `toHistory` needs. */
export const WORK_HISTORY_COLUMNS = "state, attempts, changed_at, began_at, status, recorded";

/**
 * Returns the history of an event. `work` is the row of `WORK_HISTORY_COLUMNS`. `rows` are the event's rows of the table `attempt`,
 * in the order of `place`.
 */
export function toHistory(work: Row, rows: readonly Row[]): EventHistory {
  const records = rows.map(toRecord);
  const latest = attemptOfWork(work);
  return {
    records: latest === undefined ? records : [...records, latest],
    leftOut: Number(work["recorded"]) - rows.length,
  };
}

function toRecord(row: Row): EventAttempt | OperatorAction {
  const outcome = String(row["outcome"]);
  const reason = row["reason"] === null ? undefined : String(row["reason"]);
  if (outcome.startsWith("operator ")) {
    const action = outcome.slice("operator ".length) as OperatorAction["action"];
    return { kind: "operator", action, at: Number(row["ended_at"]), reason };
  }
  return {
    kind: "attempt",
    number: Number(row["number"]),
    beganAt: Number(row["began_at"]),
    endedAt: numberOf(row["ended_at"]),
    outcome: outcome as AttemptOutcome,
    status: numberOf(row["status"]),
    reason,
    dueAt: numberOf(row["due_at"]),
  };
}

/** Returns the attempt that is recorded in the row of the table `work`. Undefined if the row has none. */
function attemptOfWork(work: Row): EventAttempt | undefined {
  const state = work["state"];
  if (work["began_at"] === null || (state !== "done" && state !== "leased")) return undefined;
  const isDone = state === "done";
  return {
    kind: "attempt",
    number: Number(work["attempts"]),
    beganAt: Number(work["began_at"]),
    endedAt: isDone ? Number(work["changed_at"]) : undefined,
    outcome: isDone ? "done" : "running",
    status: isDone ? numberOf(work["status"]) : undefined,
    reason: undefined,
    dueAt: undefined,
  };
}

function numberOf(value: unknown): number | undefined {
  return value === null ? undefined : Number(value);
}
