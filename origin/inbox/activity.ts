// Counts the accepted events in each span of time, and finds out whether an inbox has changed. There is no index on the time, but
// events are stored in the order of time. So a few sample rows show where in the table a span begins. If there are many events,
// only a sample is counted, because a SQLite file is read in this process, and other requests wait meanwhile.

import { narrow, SELECT_ENDS, type SequenceRange, selectSamples } from "./events/filter.ts";
import { areFew } from "./events/newest.ts";
import type { Ask } from "./events/pages.ts";
import type { Row } from "./events/row.ts";
import type { Activity, ActivitySpan } from "./inbox.ts";

/** If the spans have fewer rows than this, every row is read. Otherwise a sample is read. */
const MAX_READ_ROWS = 10_000;
/**
 * The largest number of rows in a sample. With this number, a bar of the console's chart that stands for a tenth of all events is
 * counted from 200 rows.
 */
const MAX_SAMPLES = 2_000;

export interface Spans {
  /** The start of the first span in Unix seconds. */
  readonly since: number;
  readonly seconds: number;
  readonly count: number;
}

export async function readActivity(ask: Ask, spans: Spans): Promise<Activity> {
  const range = await findRange(ask, spans);
  if (range === undefined) return { spans: toSpans([], spans), isExact: true };
  const isExact = range.last - range.first < MAX_READ_ROWS;
  const rows = isExact ? await countByTime(ask, spans, range) : await countSome(ask, spans, range);
  return { spans: toSpans(rows, spans), isExact };
}

/**
 * Finds the rows from the start of the first span on. The range may also have some earlier rows. Undefined if no event is stored.
 */
export async function findRange(ask: Ask, { since }: Spans): Promise<SequenceRange | undefined> {
  const [row] = await ask(SELECT_ENDS, []);
  if (row === undefined || row["first"] === null) return undefined;
  const ends = { first: Number(row["first"]), last: Number(row["last"]) };
  const samples = await ask(selectSamples(ends), []);
  const times = samples.map(({ at, accepted_at: acceptedAt }) => ({ at: Number(at), acceptedAt: Number(acceptedAt) }));
  return narrow({ since, limit: 1 }, times, ends);
}

async function countByTime(ask: Ask, { since, seconds, count }: Spans, { first, last }: SequenceRange) {
  return await ask(
    `SELECT (event.accepted_at - ${since}) / ${seconds} AS span, work.state AS state, count(*) AS events
     FROM work CROSS JOIN event WHERE event.sequence = work.sequence AND work.sequence BETWEEN ${first} AND ${last}
       AND event.accepted_at >= ${since} AND event.accepted_at < ${since + seconds * count}
     GROUP BY 1, 2`,
    [],
  );
}

/** The states for which the table `work` has an index, with the condition of that index. */
const INDEXED = [
  { condition: "due_at IS NOT NULL", states: ["waiting", "leased"] },
  { condition: "state = 'dead'", states: ["dead"] },
] as const;

/**
 * Counts without reading every row. If the unfinished events are few, they are counted exactly, with an index. The same holds for
 * the dead events. All other events are counted in a sample.
 */
async function countSome(ask: Ask, spans: Spans, range: SequenceRange): Promise<Row[]> {
  const exact: Row[] = [];
  const states: string[] = [];
  for (const indexed of INDEXED) {
    if (!(await areFew(ask, indexed.condition))) continue;
    exact.push(...(await countFew(ask, spans, indexed.condition)));
    states.push(...indexed.states);
  }
  const sampled = await countSample(ask, spans, range);
  return [...exact, ...sampled.filter(({ state }) => !states.includes(String(state)))];
}

async function countFew(ask: Ask, { since, seconds, count }: Spans, condition: string) {
  return await ask(
    `SELECT (event.accepted_at - ${since}) / ${seconds} AS span, few.state AS state, count(*) AS events
     FROM (SELECT sequence, state FROM work WHERE ${condition} LIMIT ${MAX_READ_ROWS}) AS few CROSS JOIN event
     WHERE event.sequence = few.sequence AND event.accepted_at >= ${since} AND event.accepted_at < ${since + seconds * count}
     GROUP BY 1, 2`,
    [],
  );
}

/**
 * Counts rows at equal distances, and multiplies the counts by the distance. SQLite keeps the order of a CROSS JOIN, so only these
 * rows are read.
 */
async function countSample(ask: Ask, { since, seconds, count }: Spans, { first, last }: SequenceRange) {
  const step = Math.ceil((last - first + 1) / MAX_SAMPLES);
  return await ask(
    `WITH RECURSIVE sample (at) AS (
       SELECT CAST(${first} AS bigint) UNION ALL SELECT at + ${step} FROM sample WHERE at + ${step} <= ${last}
     )
     SELECT (event.accepted_at - ${since}) / ${seconds} AS span, work.state AS state, count(*) * ${step} AS events
     FROM sample CROSS JOIN work CROSS JOIN event
     WHERE work.sequence = sample.at AND event.sequence = sample.at
       AND event.accepted_at >= ${since} AND event.accepted_at < ${since + seconds * count}
     GROUP BY 1, 2`,
    [],
  );
}

function toSpans(rows: readonly Row[], { since, seconds, count }: Spans): ActivitySpan[] {
  return Array.from({ length: count }, (_, span) => {
    const own = rows.filter((row) => Number(row["span"]) === span);
    const sum = (...states: readonly string[]) =>
      own.reduce((total, row) => total + (states.includes(String(row["state"])) ? Number(row["events"]) : 0), 0);
    const from = since + span * seconds;
    return { from, done: sum("done"), unfinished: sum("waiting", "leased"), dead: sum("dead") };
  });
}

/** The number of due times that the pulse reads. They are read from an index. */
const MAX_PULSE_TIMES = 1_000;

/**
 * Selects values that change when the inbox changes: the sequence numbers of the newest event and the newest refusal, the time at
 * which an event last became done or dead, the sum of the earliest due times, and the latest due time.
 */
const SELECT_PULSE = `
  SELECT (SELECT max(sequence) FROM event) AS accepted,
    (SELECT max(changed_at) FROM work WHERE due_at IS NULL) AS finished,
    (SELECT sum(due_at) FROM (
       SELECT due_at FROM work WHERE due_at IS NOT NULL ORDER BY due_at LIMIT ${MAX_PULSE_TIMES}
     ) AS earliest) AS due,
    (SELECT max(due_at) FROM work WHERE due_at IS NOT NULL) AS latest,
    (SELECT max(sequence) FROM refusal) AS refused`;

export async function readPulse(ask: Ask): Promise<string> {
  const [row = {}] = await ask(SELECT_PULSE, []);
  return ["accepted", "finished", "due", "latest", "refused"].map((name) => row[name]).join(" ");
}
