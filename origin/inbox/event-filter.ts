// Which events are meant, as SQL for both stores. No index has the time: events are stored in the order of time, so that a few looks
// at the table tell between which rows a time lies.

import type { EventFilter } from "../inbox.ts";
import { EVENT_COLUMNS } from "./rows.ts";

export interface Statement {
  readonly text: string;
  readonly values: (string | number)[];
}

/** Rows between these sequences, both included. */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

/** How a store writes its parameters: `$` or `?`, with a number from 1 on. */
export type ParameterSign = "$" | "?";

export const SELECT_ENDS =
  "SELECT (SELECT min(sequence) FROM event) AS first, (SELECT max(sequence) FROM event) AS last";

const SAMPLES = 1_000;

/** A place in the order of rows, and when the row there was accepted. */
interface Sample {
  readonly at: number;
  readonly acceptedAt: number;
}

/** Looks at so many rows, evenly spread. */
export function selectSamples({ first, last }: SequenceRange): string {
  const step = Math.max(1, Math.ceil((last - first) / SAMPLES));
  return `
    WITH RECURSIVE place (at) AS (
      SELECT CAST(${first} AS bigint) UNION ALL SELECT at + ${step} FROM place WHERE at + ${step} <= ${last}
    )
    SELECT at, (SELECT accepted_at FROM event WHERE sequence >= at ORDER BY sequence LIMIT 1) AS accepted_at
    FROM place ORDER BY at`;
}

/**
 * Between which rows the times lie. Where somebody set the clock, times are not in the order of rows, and a sample may lie on a wrong
 * one. So the range is wider than the samples need: it begins at the sample with the latest time of all before `since`, and ends at
 * the one with the earliest time of all after `until`.
 */
export function narrow({ since, until }: EventFilter, samples: readonly Sample[], ends: SequenceRange): SequenceRange {
  const late = since === undefined ? 0 : samples.findIndex(({ acceptedAt }) => acceptedAt >= since);
  const before = late === -1 ? samples : samples.slice(0, late);
  const early = until === undefined ? samples.length : samples.findLastIndex(({ acceptedAt }) => acceptedAt < until);
  const after = samples.slice(early + 1);
  const latest = before.reduce<Sample | undefined>(
    (found, sample) => (found !== undefined && found.acceptedAt > sample.acceptedAt ? found : sample),
    undefined,
  );
  const earliest = after.reduce<Sample | undefined>(
    (found, sample) => (found !== undefined && found.acceptedAt <= sample.acceptedAt ? found : sample),
    undefined,
  );
  return { first: latest?.at ?? ends.first, last: earliest?.at ?? ends.last };
}

/** Rows of toListedEvent. */
export function selectEvents(
  filter: EventFilter,
  range: SequenceRange | undefined,
  { sign, order }: { readonly sign: ParameterSign; readonly order: "newest first" | "oldest first" },
): Statement {
  const values: (string | number)[] = [];
  const conditions = conditionsOf(filter, range, sign, values);
  values.push(filter.limit);
  // A file's planner keeps the order of a CROSS JOIN: a key is looked up, anything else is read from the narrow table.
  const tables = filter.eventKey === undefined ? "work CROSS JOIN event" : "event CROSS JOIN work";
  return {
    text: `
      SELECT ${EVENT_COLUMNS}, coalesce(length(event.body), 0) AS body_bytes
      FROM ${tables} LEFT JOIN certificate AS seen ON seen.id = event.certificate_id
      WHERE ${["event.sequence = work.sequence", ...conditions].join(" AND ")}
      ORDER BY work.sequence ${order === "newest first" ? "DESC" : ""} LIMIT ${sign}${values.length}`,
    values,
  };
}

/** Of the tables work and event. Its parameters are added to the values. */
export function conditionsOf(
  { state, sender, since, until, route, eventKey, hasConflict }: Omit<EventFilter, "limit">,
  range: SequenceRange | undefined,
  sign: ParameterSign,
  values: (string | number)[],
): string[] {
  const parameter = (value: string | number) => `${sign}${values.push(value)}`;
  return [
    // One of four words of ours: in the text, its index is used.
    ...(state === undefined ? [] : [`work.state = '${state}'`]),
    ...(state === "waiting" || state === "leased" ? ["work.due_at IS NOT NULL"] : []),
    ...(sender === undefined ? [] : [`work.sender = ${parameter(sender)}`]),
    ...(hasConflict === true ? [`work.has_conflict = ${sign === "$" ? "true" : "1"}`] : []),
    ...(range === undefined ? [] : [`work.sequence >= ${range.first}`, `work.sequence <= ${range.last}`]),
    ...(since === undefined ? [] : [`event.accepted_at >= ${parameter(since)}`]),
    ...(until === undefined ? [] : [`event.accepted_at < ${parameter(until)}`]),
    ...(route === undefined ? [] : [onRoute(route, parameter)]),
    ...(eventKey === undefined ? [] : hasKey(eventKey, sender, { sign, parameter })),
  ];
}

/** As the policy writes it: a path, or a prefix that ends with `/*`. A target has a query behind its path. */
function onRoute(route: string, parameter: (value: string) => string): string {
  const startsWith = (start: string) => `substr(event.target, 1, ${[...start].length}) = ${parameter(start)}`;
  return route.endsWith("/*")
    ? startsWith(route.slice(0, -1))
    : `(event.target = ${parameter(route)} OR ${startsWith(`${route}?`)})`;
}

/** The index begins with the sender: where none is named, each that has keys is looked up. */
const SENDERS_WITH_KEYS = `
  WITH RECURSIVE keyed (sender) AS (
    SELECT min(sender) FROM event WHERE event_key IS NOT NULL
    UNION ALL
    SELECT (SELECT min(event.sender) FROM event WHERE event_key IS NOT NULL AND event.sender > keyed.sender)
    FROM keyed WHERE keyed.sender IS NOT NULL
  ) SELECT sender FROM keyed WHERE sender IS NOT NULL`;

/** As it is stored, or its only part alone. */
function hasKey(
  eventKey: string,
  sender: string | undefined,
  { sign, parameter }: { readonly sign: ParameterSign; readonly parameter: (value: string) => string },
): string[] {
  const keys = `event.event_key IN (${parameter(eventKey)}, ${parameter(JSON.stringify([eventKey]))})`;
  // PostgreSQL's planner takes a subquery for many rows, unless it is an array.
  const any = sign === "$" ? `= ANY (ARRAY(${SENDERS_WITH_KEYS}))` : `IN (${SENDERS_WITH_KEYS})`;
  return [`event.sender ${sender === undefined ? any : `= ${parameter(sender)}`}`, keys];
}
