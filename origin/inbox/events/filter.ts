// Builds the SQL of an event filter, for SQLite and PostgreSQL. There is no index on the time, but events are stored in the order
// of time. So a few sample rows show in which part of the table a time lies.

import type { EventFilter } from "../inbox.ts";
import { EVENT_COLUMNS } from "./row.ts";

export type Value = string | number | null;

export interface Statement {
  readonly text: string;
  readonly values: readonly Value[];
}

/** The rows between these sequence numbers, both inclusive. */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The prefix of parameters in SQL: `$` for PostgreSQL, `?` for SQLite. A number follows the prefix. The first parameter has the
 * number 1.
 */
export type ParameterSign = "$" | "?";

export const SELECT_ENDS =
  "SELECT (SELECT min(sequence) FROM event) AS first, (SELECT max(sequence) FROM event) AS last";

const SAMPLES = 1_000;

/** A sequence number, and the time at which the first event from this number on was accepted. */
interface Sample {
  readonly at: number;
  readonly acceptedAt: number;
}

/** Selects about as many rows as `SAMPLES` says, at equal distances. */
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
 * Returns the range of rows to search for events from `since` to `until`. Only the samples are compared. If somebody set the clock,
 * the samples are not in the order of their times. Therefore the range begins at the sample with the latest time before `since`,
 * and ends at the sample with the earliest time after `until`.
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

/** Selects events. The result has rows for `toListedEvent`. */
export function selectEvents(
  filter: EventFilter,
  range: SequenceRange | undefined,
  { sign, order }: { readonly sign: ParameterSign; readonly order: "newest first" | "oldest first" },
): Statement {
  const values: (string | number)[] = [];
  const conditions = conditionsOf(filter, range, sign, values);
  values.push(filter.limit);
  // SQLite reads the first table of a CROSS JOIN first. For an event key, the first table is `event`, which has an index of event
  // keys. For any other filter, it is `work`, which has short rows.
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

/** Returns conditions on the tables `work` and `event`, and adds their parameters to `values`. */
export function conditionsOf(
  { state, sender, since, until, route, eventKey, hasConflict }: Omit<EventFilter, "limit">,
  range: SequenceRange | undefined,
  sign: ParameterSign,
  values: (string | number)[],
): string[] {
  const parameter = (value: string | number) => `${sign}${values.push(value)}`;
  return [
    // The state is one of four fixed words. It is written into the SQL text, because the database uses the index for a state only
    // if the text has the state.
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

/**
 * Returns the condition for a route. `named` is as in the policy: a path, or a prefix that ends in `/*`, with or without a host
 * before it. A target may have a query after its path.
 */
function onRoute(named: string, parameter: (value: string) => string): string {
  const route = named.startsWith("/") ? named : `//${named}`;
  const startsWith = (start: string) => `substr(event.target, 1, ${[...start].length}) = ${parameter(start)}`;
  // `/*` is for every target without a host. A target without a host begins with one slash. A target that names a host begins with
  // two slashes.
  if (route === "/*") return "substr(event.target, 1, 2) <> '//'";
  return route.endsWith("/*")
    ? startsWith(route.slice(0, -1))
    : `(event.target = ${parameter(route)} OR ${startsWith(`${route}?`)})`;
}

/**
 * Selects every sender that has event keys. A filter without a sender needs these senders, because the index of event keys begins
 * with the sender.
 */
const SENDERS_WITH_KEYS = `
  WITH RECURSIVE keyed (sender) AS (
    SELECT min(sender) FROM event WHERE event_key IS NOT NULL
    UNION ALL
    SELECT (SELECT min(event.sender) FROM event WHERE event_key IS NOT NULL AND event.sender > keyed.sender)
    FROM keyed WHERE keyed.sender IS NOT NULL
  ) SELECT sender FROM keyed WHERE sender IS NOT NULL`;

/**
 * Returns SQL for the events whose id or event key contains this text. If `isWhole` is true, the id or key must be equal to the
 * text, so the indexes find the event.
 */
export function hasText(
  text: string,
  {
    isWhole,
    sign,
    values,
  }: { readonly isWhole: boolean; readonly sign: ParameterSign; readonly values: (string | number)[] },
): string {
  const parameter = (value: string) => `${sign}${values.push(value)}`;
  if (!isWhole) {
    const part = parameter(text.toLowerCase());
    const holds = (column: string) =>
      sign === "$" ? `strpos(lower(${column}), ${part}) > 0` : `instr(lower(${column}), ${part}) > 0`;
    return `(${holds("event.id")} OR ${holds("coalesce(event.event_key, '')")})`;
  }
  const keyed = hasKey(text, undefined, { sign, parameter }).join(" AND ");
  return `event.sequence IN (
    SELECT sequence FROM event WHERE event.id = ${parameter(text)} UNION SELECT sequence FROM event WHERE ${keyed})`;
}

/**
 * Returns SQL conditions for the events with this event key. `eventKey` has one of the two forms of `EventFilter.eventKey`: the
 * stored JSON list of texts, or the only text of this list.
 */
function hasKey(
  eventKey: string,
  sender: string | undefined,
  { sign, parameter }: { readonly sign: ParameterSign; readonly parameter: (value: string) => string },
): string[] {
  const keys = `event.event_key IN (${parameter(eventKey)}, ${parameter(JSON.stringify([eventKey]))})`;
  // PostgreSQL gets the senders as an array, because its planner expects many rows from a subquery, but few from an array.
  const any = sign === "$" ? `= ANY (ARRAY(${SENDERS_WITH_KEYS}))` : `IN (${SENDERS_WITH_KEYS})`;
  return [`event.sender ${sender === undefined ? any : `= ${parameter(sender)}`}`, keys];
}
