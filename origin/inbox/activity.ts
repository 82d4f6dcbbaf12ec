// Counts the accepted events in each span of time, and finds out whether an inbox has changed. There is no index on the time, but
// events are stored in the order of time. So a few sample rows show where in the table a span begins.

import { narrow, SELECT_ENDS, type SequenceRange, selectSamples } from "./events/filter.ts";
import type { Ask } from "./events/pages.ts";
import type { Row } from "./events/row.ts";
import type { Activity, ActivitySpan } from "./inbox.ts";

/** If the spans have fewer rows than this, the time of every row is read. Otherwise only samples are read. */
const MAX_READ_ROWS = 10_000;

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
  const rows = isExact ? await countByTime(ask, spans, range) : await countByPlace(ask, spans, range);
  return { spans: toSpans(rows, spans), isExact };
}

/**
 * Finds the rows from the start of the first span on. The range may also have some earlier rows. Undefined if no event is stored.
 */
export async function findRange(ask: Ask, { since }: Spans): Promise<SequenceRange | undefined> {
  const [row] = await ask(SELECT_ENDS, []);
  if (row === undefined || row["first"] === null) return undefined;
  const ends = { first: Number(row["first"]), last: Number(row["last"]) };
  const samples = await readSamples(ask, ends);
  return narrow({ since, limit: 1 }, samples, ends);
}

async function readSamples(ask: Ask, range: SequenceRange) {
  const samples = await ask(selectSamples(range), []);
  return samples.map(({ at, accepted_at: acceptedAt }) => ({ at: Number(at), acceptedAt: Number(acceptedAt) }));
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

/** Counts without reading the time of every row. A row between two samples counts for the span of the earlier sample. */
async function countByPlace(ask: Ask, { since, seconds, count }: Spans, range: SequenceRange): Promise<Row[]> {
  const samples = await readSamples(ask, range);
  const starts = Array.from({ length: count + 1 }, (_, span) => {
    const found = samples.find(({ acceptedAt }) => acceptedAt >= since + span * seconds);
    return found?.at ?? range.last + 1;
  });
  const rows: Row[] = [];
  for (const [span, first] of starts.slice(0, count).entries()) {
    const end = starts[span + 1] ?? first;
    if (end <= first) continue;
    const counted = await ask(
      `SELECT state, count(*) AS events FROM work WHERE sequence >= ${first} AND sequence < ${end} GROUP BY state`,
      [],
    );
    rows.push(...counted.map((row) => ({ ...row, span })));
  }
  return rows;
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

/**
 * Selects values that change when the inbox changes: the numbers of the newest event and the newest refusal, the time at which an
 * event last became done or dead, and the earliest and the latest due time.
 */
const SELECT_PULSE = `
  SELECT (SELECT max(sequence) FROM event) AS accepted,
    (SELECT max(changed_at) FROM work WHERE due_at IS NULL) AS finished,
    (SELECT min(due_at) FROM work WHERE due_at IS NOT NULL) AS due,
    (SELECT max(due_at) FROM work WHERE due_at IS NOT NULL) AS latest,
    (SELECT max(sequence) FROM refusal) AS refused`;

export async function readPulse(ask: Ask): Promise<string> {
  const [row = {}] = await ask(SELECT_PULSE, []);
  return ["accepted", "finished", "due", "latest", "refused"].map((name) => row[name]).join(" ");
}
