// Writes to PostgreSQL which events are done. Events that end at the same time share a statement and a commit. No row is added to
// the table `attempt`: the event's row of the table `work` is the record of the attempt that made the event done.

import { GroupCommit } from "../group-commit.ts";
import type { Lease } from "../inbox.ts";
import { isOfTheDatabase, type PostgresPool, type Queryable } from "./pool.ts";

export interface End {
  readonly lease: Lease;
  readonly status: number | undefined;
  /** The time of the end in Unix milliseconds. */
  readonly now: number;
}

/**
 * The number of statements that are sent at the same time. While one statement waits for the server's disk, the next can be sent.
 */
const STATEMENTS = 2;

/**
 * Writes the ends of events together. The result is false if the lease was lost. Pass only events without an order key, because
 * this write does not wake the next event of an order key.
 */
export function groupEnds(pool: PostgresPool): GroupCommit<End, boolean> {
  return new GroupCommit<End, boolean>({
    commit: (ends) => writeEnds(pool, ends),
    isOfTheDatabase,
    parallel: STATEMENTS,
  });
}

export async function writeEnds(pool: Queryable, ends: readonly End[]): Promise<boolean[]> {
  const { rows } = await pool.query(
    `UPDATE work SET state = 'done', due_at = NULL, changed_at = ended.now, reason = NULL, status = ended.status, token = NULL
     FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::bigint[]) AS ended (sequence, token, status, now)
     WHERE work.sequence = ended.sequence AND work.token = ended.token RETURNING ended.token`,
    [
      ends.map(({ lease }) => lease.event.sequence),
      ends.map(({ lease }) => lease.token),
      ends.map(({ status }) => status ?? null),
      ends.map(({ now }) => now),
    ],
  );
  const written = new Set(rows.map((row) => row["token"]));
  return ends.map(({ lease }) => written.has(lease.token));
}
