// Counts how much of an inbox is not done, for programs and people that watch it. SQLite and PostgreSQL run the same statement.

import type { Row } from "./events/row.ts";
import type { Backlog } from "./inbox.ts";

/**
 * Counting stops at this number of waiting and leased events together, and at this number of dead events. A larger number would be
 * no more useful, and counting further would delay other statements. If the waiting and leased events reach this number, there may
 * be more of each, and an older one.
 */
const MAX_COUNTED_EVENTS = 100_000;

export const SELECT_BACKLOG = `
  SELECT counted.state, counted.events, (SELECT accepted_at FROM event WHERE sequence = counted.first) AS accepted_at FROM (
    SELECT state, count(*) AS events, min(sequence) AS first
    FROM (SELECT state, sequence FROM work WHERE due_at IS NOT NULL LIMIT ${MAX_COUNTED_EVENTS}) AS unfinished GROUP BY state
    UNION ALL
    SELECT 'dead', count(*), NULL FROM (SELECT 1 FROM work WHERE state = 'dead' LIMIT ${MAX_COUNTED_EVENTS}) AS dead
  ) AS counted
`;

export function toBacklog(rows: readonly Row[]): Backlog {
  const count = (state: string) => Number(rows.find((row) => row["state"] === state)?.["events"] ?? 0);
  const times = rows.flatMap(({ accepted_at: at }) => (at === null ? [] : [Number(at)]));
  return {
    ...{ waiting: count("waiting"), leased: count("leased"), dead: count("dead") },
    oldestAcceptedAt: times.length === 0 ? undefined : Math.min(...times),
  };
}
