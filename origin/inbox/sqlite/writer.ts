// Runs all writes of this process to the file. Writes that arrive at the same time share a transaction.

import type { DatabaseSync } from "node:sqlite";
import { GroupCommit } from "../group-commit.ts";
import { isBusy, resultCodeOf } from "./result.ts";
import { BUSY_MILLISECONDS } from "./schema.ts";

/** A write that runs within the transaction. If the transaction is rolled back, the write may run a second time. */
type Job = () => unknown;

/**
 * SQLite result codes that are faults of the database, not of one write. After such a fault, the writes are not tried again one by
 * one.
 */
const DATABASE_FAULTS: ReadonlySet<number> = new Set([
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

  /** Resolves with the result of the job when the result is on disk. `bytes` is the approximate size of the job in memory. */
  write<T>(job: () => T, bytes = 0): Promise<T> {
    return this.#group.add(job, bytes) as Promise<T>;
  }

  idle(): Promise<void> {
    return this.#group.idle();
  }

  /**
   * Begins a transaction. While another process writes, tries again after short pauses, so that each process gets its turn.
   * SQLite's own busy handler would block the event loop.
   */
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
      // SQLite may already have rolled back, for example because the disk is full.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}

function isOfTheDatabase(error: unknown): boolean {
  const result = resultCodeOf(error);
  const isClosed = (error as { code?: unknown }).code === "ERR_INVALID_STATE";
  return isClosed || (result !== undefined && DATABASE_FAULTS.has(result));
}
