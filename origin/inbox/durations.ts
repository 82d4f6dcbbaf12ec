// Counts how long attempts took, and how long it took from acceptance until events were done. The counts are grouped by the time of
// acceptance. If there are many events, only a sample is read, so that the count takes a limited time.

import { findRange, type Spans } from "./activity.ts";
import { DURATION_LIMITS, type DurationSpan, type Durations } from "./attempts.ts";
import type { SequenceRange } from "./events/filter.ts";
import type { Ask } from "./events/pages.ts";
import type { Row } from "./events/row.ts";

/**
 * The largest number of events in a sample. This number also limits the attempts that are read, because only a few records of
 * attempts are kept for each event.
 */
const MAX_SAMPLES = 2_000;

export async function readDurations(ask: Ask, spans: Spans): Promise<Durations> {
  const range = await findRange(ask, spans);
  if (range === undefined) return { spans: toSpans([], spans, 1), isExact: true };
  const step = Math.max(1, Math.ceil((range.last - range.first + 1) / MAX_SAMPLES));
  const rows = await ask(selectDurations(spans, range, step), []);
  return { spans: toSpans(rows, spans, step), isExact: step === 1 };
}

/**
 * Returns SQL that counts durations by kind, by span, and by their place among `DURATION_LIMITS`. Only the rows of the sample are
 * read, because SQLite keeps the order of a CROSS JOIN.
 */
function selectDurations({ since, seconds, count }: Spans, { first, last }: SequenceRange, step: number): string {
  const select = (kind: keyof typeof DURATION_LIMITS, milliseconds: string, source: string, condition: string) => `
    SELECT '${kind}' AS kind, (base.accepted_at - ${since}) / ${seconds} AS span,
      ${placeAmong(milliseconds, DURATION_LIMITS[kind])} AS place, count(*) AS events
    FROM base CROSS JOIN ${source} WHERE ${source}.sequence = base.sequence AND ${condition} GROUP BY 1, 2, 3`;
  const isDone = "work.state = 'done' AND work.began_at IS NOT NULL";
  const hasEnded = "attempt.began_at IS NOT NULL AND attempt.ended_at IS NOT NULL";
  return `
    WITH RECURSIVE sample (at) AS (
      SELECT CAST(${first} AS bigint) UNION ALL SELECT at + ${step} FROM sample WHERE at + ${step} <= ${last}
    ), base AS MATERIALIZED (
      SELECT event.sequence, event.accepted_at FROM sample CROSS JOIN event
      WHERE event.sequence = sample.at AND accepted_at >= ${since} AND accepted_at < ${since + seconds * count}
    )
    ${select("attempt", "work.changed_at - work.began_at", "work", isDone)}
    UNION ALL ${select("attempt", "attempt.ended_at - attempt.began_at", "attempt", hasEnded)}
    UNION ALL ${select("untilDone", "work.changed_at - base.accepted_at * 1000", "work", isDone)}`;
}

/**
 * Returns SQL for the number of limits that are not larger than the duration. This number is the place of the duration among the
 * limits.
 */
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
