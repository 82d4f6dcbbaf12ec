// Lists the newest events in pages. Most filters have no index, so a search may have to read many rows. A search reads a limited
// number of rows at a time and ends after a limited time, because other requests wait while a SQLite file is read.

import { setImmediate } from "node:timers/promises";
import type { NewestPage, NewestQuery } from "../inbox.ts";
import { conditionsOf, hasText, type ParameterSign, SELECT_ENDS, type SequenceRange } from "./filter.ts";
import { type Ask, findTimeRange } from "./pages.ts";
import { SHOWN_COLUMNS, toShownEvent } from "./row.ts";

/** The number of rows that one statement examines. */
const WINDOW = 10_000;
/** After this time, no further statement is started. */
const SEARCH_MILLISECONDS = 200;

export async function readNewest(ask: Ask, sign: ParameterSign, query: NewestQuery): Promise<NewestPage> {
  const ends = await findEnds(ask, query);
  const isWhole = query.text !== undefined && (await isKnown(ask, sign, query.text));
  const isUnfinished = isOfUnfinished(query) && (await areFew(ask, "due_at IS NOT NULL"));
  const select = (range: SequenceRange, limit: number) =>
    ask(...statementOf({ query: { ...query, limit }, range, sign, isWhole, isUnfinished }));
  // An index finds the events of these queries fast, so one statement searches all rows.
  const isIndexed = isWhole || isUnfinished || isOnlyDead(query);
  const { rows, searched } = await search(select, ends, query.limit + 1, isIndexed ? Number.POSITIVE_INFINITY : WINDOW);
  const events = rows.slice(0, query.limit).map(toShownEvent);
  const isFull = rows.length > query.limit;
  if (isFull) return { events, next: events.at(-1)?.sequence, searchedTo: undefined };
  if (searched <= ends.first) return { events, next: undefined, searchedTo: undefined };
  const [at] = await ask(`SELECT accepted_at FROM event WHERE sequence >= ${searched} ORDER BY sequence LIMIT 1`, []);
  return { events, next: searched, searchedTo: at && Number(at["accepted_at"]) };
}

/** Returns the range of rows to search. If no event can match, `first` is greater than `last`. */
async function findEnds(ask: Ask, query: NewestQuery): Promise<SequenceRange> {
  const [row] = await ask(SELECT_ENDS, []);
  if (row === undefined || row["first"] === null) return { first: 1, last: 0 };
  const ends = (await findTimeRange(ask, query)) ?? { first: Number(row["first"]), last: Number(row["last"]) };
  return { first: ends.first, last: Math.min(ends.last, (query.before ?? Number.POSITIVE_INFINITY) - 1) };
}

/**
 * Searches from the newest row down, until `limit` rows are found or `SEARCH_MILLISECONDS` have passed. In the result, `searched`
 * is the sequence of the oldest row that was examined.
 */
async function search<R>(
  select: (range: SequenceRange, limit: number) => Promise<readonly R[]>,
  { first, last }: SequenceRange,
  limit: number,
  window: number,
): Promise<{ readonly rows: readonly R[]; readonly searched: number }> {
  const deadline = performance.now() + SEARCH_MILLISECONDS;
  const rows: R[] = [];
  let searched = last + 1;
  while (searched > first && rows.length < limit && (searched === last + 1 || performance.now() < deadline)) {
    // A SQLite file is read in this process, so waiting requests get their turn between two statements.
    if (searched <= last) await setImmediate();
    const from = Math.max(first, searched - window);
    rows.push(...(await select({ first: from, last: searched - 1 }, limit - rows.length)));
    searched = from;
  }
  return { rows, searched };
}

interface Search {
  readonly query: NewestQuery;
  readonly range: SequenceRange;
  readonly sign: ParameterSign;
  readonly isWhole: boolean;
  readonly isUnfinished: boolean;
}

function statementOf({
  query,
  range,
  sign,
  isWhole,
  isUnfinished,
}: Search): [text: string, values: (string | number)[]] {
  const values: (string | number)[] = [];
  const conditions = conditionsOf(query, range, sign, values);
  if (query.text !== undefined) conditions.push(hasText(query.text, { isWhole, sign, values }));
  // Without this condition, a database may read all rows in the order of their sequence, and not only the unfinished events.
  if (isUnfinished) conditions.push("work.sequence IN (SELECT sequence FROM work WHERE due_at IS NOT NULL)");
  const tables = isWhole || query.eventKey !== undefined ? "event CROSS JOIN work" : "work CROSS JOIN event";
  return [
    `SELECT ${SHOWN_COLUMNS} FROM ${tables} WHERE ${["event.sequence = work.sequence", ...conditions].join(" AND ")}
     ORDER BY work.sequence DESC LIMIT ${query.limit}`,
    values,
  ];
}

/** Returns true if an event has this text as its id or its event key. */
async function isKnown(ask: Ask, sign: ParameterSign, text: string): Promise<boolean> {
  const values: (string | number)[] = [];
  const condition = hasText(text, { isWhole: true, sign, values });
  return (await ask(`SELECT 1 AS found FROM event WHERE ${condition} LIMIT 1`, values)).length > 0;
}

function isOnlyDead({ limit: _limit, before: _before, state, ...others }: NewestQuery): boolean {
  return state === "dead" && Object.values(others).every((value) => value === undefined);
}

function isOfUnfinished({ state }: NewestQuery): boolean {
  return state === "waiting" || state === "leased";
}

/**
 * Returns true if at most `WINDOW` rows of the table `work` satisfy the condition. There must be an index that has only these rows.
 */
export async function areFew(ask: Ask, condition: "due_at IS NOT NULL" | "state = 'dead'"): Promise<boolean> {
  const some = `SELECT 1 FROM work WHERE ${condition} LIMIT ${WINDOW + 1}`;
  const [row] = await ask(`SELECT count(*) AS events FROM (${some}) AS found`, []);
  return Number(row?.["events"]) <= WINDOW;
}
