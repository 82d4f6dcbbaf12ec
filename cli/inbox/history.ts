// Formats the history of one event: its attempts, and the actions of operators.

import type { EventAttempt, EventHistory, OperatorAction } from "../../origin/inbox/attempts.ts";
import type { Line } from "../output.ts";
import { bad, type Cell, doubtful, good, heading, type Row, tabulate } from "../table.ts";

/** Returns the members that `show --json` adds to the facts of the event. */
export function describeHistory(history: EventHistory | undefined) {
  return { records: history?.records.map(describeRecord), recordsLeftOut: history?.leftOut };
}

function describeRecord(record: EventAttempt | OperatorAction) {
  if (record.kind === "operator") return { ...record, at: formatTime(record.at) };
  const { beganAt, endedAt, dueAt } = record;
  return { ...record, beganAt: formatTime(beganAt), endedAt: formatTime(endedAt), dueAt: formatTime(dueAt) };
}

const HEADINGS = ["attempt", "began", "took", "outcome", "status", "next or reason"];

/** Returns the lines below the facts of the event. Empty if the event has no records. */
export function formatHistory(history: EventHistory | undefined): Line[] {
  if (history === undefined || history.records.length === 0) return [];
  const { records, leftOut } = history;
  const note = leftOut === 0 ? [] : [`${leftOut} records between the first and the latest are not kept`];
  return ["", ...tabulate([HEADINGS.map(heading), ...records.map(rowOf)]), ...note];
}

function rowOf(record: EventAttempt | OperatorAction): Row {
  if (record.kind === "operator") {
    return ["", formatTime(record.at), "", `operator: ${record.action}`, "", record.reason ?? ""];
  }
  const { number, beganAt, endedAt, outcome, status, reason, dueAt } = record;
  const took = endedAt === undefined ? "" : `${((endedAt - beganAt) / 1000).toFixed(3)} s`;
  const next = [dueAt === undefined ? [] : `due ${formatTime(dueAt)}`, reason ?? []].flat().join(": ");
  return [String(number), formatTime(beganAt), took, paint(outcome), String(status ?? ""), next];
}

function paint(outcome: EventAttempt["outcome"]): Cell {
  if (outcome === "done") return good(outcome);
  return outcome === "dead" ? bad(outcome) : outcome === "running" ? outcome : doubtful(outcome);
}

function formatTime(milliseconds: number): string;
function formatTime(milliseconds: number | undefined): string | undefined;
function formatTime(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}
