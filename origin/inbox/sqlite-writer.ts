// The one connection that writes to the file: whatever is written in the same turn of the event loop shares a transaction.

import type { DatabaseSync } from "node:sqlite";
import { GroupCommit } from "./group-commit.ts";
import { isBusy, resultCodeOf } from "./sqlite-result.ts";
import { BUSY_MILLISECONDS } from "./sqlite-schema.ts";

/** What is done within the transaction. It may be done twice: what a rolled back attempt did is undone by then. */
type Job = () => unknown;

/** SQLITE_ERROR codes that say nothing of one write: every other would meet the same. */
const OF_THE_DATABASE: ReadonlySet<number> = new Set([
  5 /* BUSY */, 6 /* LOCKED */, 7 /* NOMEM */, 8 /* READONLY */, 10 /* IOERR */, 11 /* CORRUPT */, 13 /* FULL */,
  14 /* CANTOPEN */, 26 /* NOTADB */,
]); // biome-ignore format: codes beside their names

const MAX_PAUSE_MILLISECONDS = 4;

export class SqliteWriter {
  readonly #database: DatabaseSync;
  readonly #group = new GroupCommit<Job, unknown>({ commit: (jobs) => this.#transact(jobs), isOfTheDatabase });

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Resolves with what the job returned once that is on disk. `bytes`: about what the job holds in memory. */
  write<T>(job: () => T, bytes = 0): Promise<T> {
    return this.#group.add(job, bytes) as Promise<T>;
  }

  idle(): Promise<void> {
    return this.#group.idle();
  }

  /** Waits for other processes beside the event loop, and so that each has its turn: SQLite itself would sleep in it. */
  async #begin(): Promise<void> {
    const deadline = performance.now() + BUSY_MILLISECONDS;
    for (;;) {
      try {
        return this.#database.exec("BEGIN IMMEDIATE");
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * MAX_PAUSE_MILLISECONDS));
      }
    }
  }

  async #transact(jobs: readonly Job[]): Promise<readonly unknown[]> {
    await this.#begin();
    try {
      const results = jobs.map((job) => job());
      this.#database.exec("COMMIT");
      return results;
    } catch (error) {
      // A full disk ends the transaction by itself.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}

function isOfTheDatabase(error: unknown): boolean {
  const result = resultCodeOf(error);
  const isClosed = (error as { code?: unknown }).code === "ERR_INVALID_STATE";
  return isClosed || (result !== undefined && OF_THE_DATABASE.has(result));
}
