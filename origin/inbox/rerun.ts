// The SQL that makes done events due again, in one transaction, for SQLite and PostgreSQL. Events with the same order key are
// handled in order, so the latest of them must also be handled last in a rerun. Therefore an event runs again only together with
// all later done events of its order key.

import { isBetween } from "./attempt-rows.ts";
import { conditionsOf, type ParameterSign, type SequenceRange, type Statement } from "./events/filter.ts";
import type { Row } from "./events/row.ts";
import type { EventFilter, Rerun, RerunOptions } from "./inbox.ts";

/** The largest number of events that run again in one transaction. It is limited because other writes wait for the transaction. */
export const MAX_RERUN_EVENTS = 100_000;

export const RERUN_REASON = "run again by the operator";

/** Yields the statements of `rerunSteps`. The store runs each statement and returns its rows to the generator. */
export type RerunSteps = Generator<Statement, Rerun, readonly Row[]>;

/**
 * Yields the statements of one transaction, in order. `now` is in Unix milliseconds.
 * @throws Error if there are more than `MAX_RERUN_EVENTS`, or if events of one order key would run out of order
 */
export function* rerunSteps(
  { ids, filter, isTrial }: RerunOptions,
  range: SequenceRange | undefined,
  sign: ParameterSign,
  now: number,
): RerunSteps {
  const byId = ids !== undefined;
  yield plain(chosenTable(sign));
  for (const which of ids ?? (filter === undefined ? [] : [filter])) yield selectChosen(which, range, sign);
  const [counts = {}] = yield plain(COUNT_CHOSEN);
  const rerun = toRerun(counts, { byId });
  yield plain(leaveOut({ byId }));
  const [overtaken] = yield plain(selectOvertaken(now));
  requireRunnable(rerun, overtaken);
  if (isTrial) return rerun;
  for (const text of [RECORD_ENDS, recordRun(now), updateChosen(now), TRIM_CHOSEN]) yield plain(text);
  return rerun;
}

function plain(text: string): Statement {
  return { text, values: [] };
}

/**
 * Returns the statement that creates the table for `selectChosen`. PostgreSQL drops the table at the commit. For SQLite,
 * `rerunSqlite` drops it.
 */
function chosenTable(sign: ParameterSign): string {
  return `CREATE TEMPORARY TABLE chosen (
    sequence bigint PRIMARY KEY, sender text NOT NULL, order_key text, has_body integer NOT NULL, was_handled integer NOT NULL
  ) ${sign === "$" ? "ON COMMIT DROP" : ""}`;
}

/**
 * Returns the statement that adds events to the table `chosen`: the done events that match a filter, or the done event with the
 * given id.
 */
function selectChosen(which: EventFilter | string, range: SequenceRange | undefined, sign: ParameterSign): Statement {
  const values: (string | number)[] = [];
  const conditions =
    typeof which === "string"
      ? [`event.id = ${sign}${values.push(which)}`]
      : conditionsOf({ ...which, state: "done" }, range, sign, values);
  const tables =
    typeof which === "string" || which.eventKey !== undefined ? "event CROSS JOIN work" : "work CROSS JOIN event";
  const number = (condition: string) => `CASE WHEN ${condition} THEN 1 ELSE 0 END`;
  return {
    // A done event has a reason only if an operator dropped it. Such an event was never handled.
    text: `
      INSERT INTO chosen SELECT work.sequence, work.sender, work.order_key,
        ${number(sign === "$" ? "work.has_body" : "work.has_body = 1")}, ${number("work.reason IS NULL")}
      FROM ${tables} WHERE event.sequence = work.sequence AND work.state = 'done' AND ${conditions.join(" AND ")}
      ON CONFLICT DO NOTHING`,
    values,
  };
}

const COUNT_CHOSEN = `
  SELECT sum(has_body * was_handled) AS handled, sum(has_body) AS whole, sum(1 - has_body) AS erased,
    sum(has_body * (1 - was_handled)) AS dropped FROM chosen`;

/** Converts the counts. If `byId` is true, the operator named the events by their ids, so dropped events are run again too. */
function toRerun(row: Row, { byId }: { readonly byId: boolean }): Rerun {
  const number = (column: string) => Number(row[column] ?? 0);
  return {
    events: number(byId ? "whole" : "handled"),
    erased: number("erased"),
    dropped: byId ? 0 : number("dropped"),
  };
}

function leaveOut({ byId }: { readonly byId: boolean }): string {
  return `DELETE FROM chosen WHERE has_body = 0 ${byId ? "" : "OR was_handled = 0"}`;
}

/**
 * Returns SQL that finds an event that prevents the rerun. Such an event comes after a chosen event with the same order key. It is
 * being handled, or it was handled and is not chosen. `now` is in Unix milliseconds.
 */
function selectOvertaken(now: number): string {
  return `
    SELECT event.id AS id, later.state AS state FROM (
      SELECT sender, order_key, min(sequence) AS sequence FROM chosen WHERE order_key IS NOT NULL GROUP BY sender, order_key
    ) AS earliest JOIN work AS later
      ON later.sender = earliest.sender AND later.order_key = earliest.order_key AND later.sequence > earliest.sequence
    JOIN event ON event.sequence = later.sequence
    WHERE (later.state = 'leased' AND later.due_at > ${now})
      OR (later.state = 'done' AND later.reason IS NULL AND later.sequence NOT IN (SELECT sequence FROM chosen))
    ORDER BY later.sequence LIMIT 1`;
}

const CHOSEN = "work.state = 'done' AND work.sequence IN (SELECT sequence FROM chosen)";
/** The number of records that `RECORD_ENDS` makes for an event: 1 if its row of the table `work` holds an attempt, otherwise 0. */
const ITS_ATTEMPT = "CASE WHEN work.began_at IS NULL THEN 0 ELSE 1 END";

/** Copies a record from the table `work` to the table `attempt`: the record of the attempt that made the event done. */
const RECORD_ENDS = `
  INSERT INTO attempt (sequence, place, outcome, number, began_at, ended_at, status)
  SELECT work.sequence, work.recorded + 1, 'done', work.attempts, work.began_at, work.changed_at, work.status
  FROM work WHERE ${CHOSEN} AND work.began_at IS NOT NULL`;

function recordRun(now: number): string {
  return `
    INSERT INTO attempt (sequence, place, outcome, ended_at)
    SELECT work.sequence, work.recorded + ${ITS_ATTEMPT} + 1, 'operator run', ${now} FROM work WHERE ${CHOSEN}`;
}

const TRIM_CHOSEN = `
  DELETE FROM attempt WHERE sequence IN (SELECT sequence FROM chosen)
    AND ${isBetween("(SELECT recorded FROM work WHERE work.sequence = attempt.sequence)")}`;

function updateChosen(now: number): string {
  return `
    UPDATE work SET state = 'waiting', due_at = ${now}, changed_at = ${now}, attempts = 0, token = NULL,
      reason = '${RERUN_REASON}', reruns = reruns + 1,
      recorded = recorded + ${ITS_ATTEMPT} + 1, began_at = NULL, status = NULL
    WHERE ${CHOSEN}`;
}

/** @throws Error if there are too many events, or if the order would be broken */
function requireRunnable({ events }: Rerun, overtaken: Row | undefined): void {
  if (events > MAX_RERUN_EVENTS)
    throw new Error(
      `${events} events are more than one run may take (${MAX_RERUN_EVENTS}): give an earlier --until, then run the rest`,
    );
  if (overtaken === undefined) return;
  const [id, isLeased] = [String(overtaken["id"]), overtaken["state"] === "leased"];
  throw new Error(
    isLeased
      ? `an event of their order keys is being handled now (${id}): run this again when it is done`
      : `events of one order key run in order, and a later one that was handled is not among these (${id}): include it, for example by --since without --until`,
  );
}
