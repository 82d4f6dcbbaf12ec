// How long attempts took, and how long events waited until they were done: by the hour of their acceptance, from what is stored.
// Of many events a sample is read, so that it takes a limited time.

import { findRange, type Spans } from "./activity.ts";
import { DURATION_LIMITS, type DurationSpan, type Durations } from "./attempts.ts";
import type { SequenceRange } from "./events/filter.ts";
import type { Ask } from "./events/pages.ts";
import type { Row } from "./events/row.ts";

/** Each event has few records of attempts. */
const MAX_SAMPLES = 5_000;

export async function readDurations(ask: Ask, spans: Spans): Promise<Durations> {
  const range = await findRange(ask, spans);
  if (range === undefined) return { spans: toSpans([], spans, 1), isExact: true };
  const step = Math.max(1, Math.ceil((range.last - range.first + 1) / MAX_SAMPLES));
  const rows = await ask(selectDurations(spans, range, step), []);
  return { spans: toSpans(rows, spans, step), isExact: step === 1 };
}

/** Each of the kinds counts by span and place among the limits. SQLite keeps the order of a CROSS JOIN: the sample comes first. */
function selectDurations({ since, seconds, count }: Spans, { first, last }: SequenceRange, step: number): string {
  const select = (kind: keyof typeof DURATION_LIMITS, milliseconds: string, source: string, conditions: string) => `
    SELECT '${kind}' AS kind, (event.accepted_at - ${since}) / ${seconds} AS span,
      ${placeAmong(milliseconds, DURATION_LIMITS[kind])} AS place, count(*) AS events
    FROM sample CROSS JOIN ${source} CROSS JOIN event
    WHERE ${source}.sequence = sample.at AND event.sequence = sample.at AND ${conditions}
      AND event.accepted_at >= ${since} AND event.accepted_at < ${since + seconds * count}
    GROUP BY 1, 2, 3`;
  const done = "work.state = 'done' AND work.began_at IS NOT NULL";
  return `
    WITH RECURSIVE sample (at) AS (
      SELECT CAST(${first} AS bigint) UNION ALL SELECT at + ${step} FROM sample WHERE at + ${step} <= ${last}
    )
    ${select("attempt", "work.changed_at - work.began_at", "work", done)}
    UNION ALL
    ${select("attempt", "attempt.ended_at - attempt.began_at", "attempt", "attempt.began_at IS NOT NULL AND attempt.ended_at IS NOT NULL")}
    UNION ALL
    ${select("untilDone", "work.changed_at - event.accepted_at * 1000", "work", done)}`;
}

/** The number of limits that are not above the duration. */
function placeAmong(milliseconds: string, limits: readonly number[]): string {
  const cases = limits.map((limit, place) => `WHEN ${milliseconds} < ${limit} THEN ${place}`);
  return `CASE ${cases.join(" ")} ELSE ${limits.length} END`;
}

function toSpans(rows: readonly Row[], { since, seconds, count }: Spans, step: number): DurationSpan[] {
  return Array.from({ length: count }, (_, span) => {
    const own = rows.filter((row) => Number(row["span"]) === span);
    const counts = (kind: keyof typeof DURATION_LIMITS) =>
      Array.from({ length: DURATION_LIMITS[kind].length + 1 }, (_, place) => {
        const meant = own.filter((row) => row["kind"] === kind && Number(row["place"]) === place);
        return meant.reduce((sum, row) => sum + Number(row["events"]), 0) * step;
      });
    return { from: since + span * seconds, attempt: counts("attempt"), untilDone: counts("untilDone") };
  });
}
