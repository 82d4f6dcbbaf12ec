// The server's clock, by which origins that share its inbox tell when leases run out: their own may differ by more than a lease.

import type { Queryable } from "./postgres-pool.ts";

/** Between two looks at the server's clock. In between ours goes on from there, by a clock that nobody sets. */
const TRUSTED_MILLISECONDS = 30_000;
/** The answer is from somewhere between question and answer: one that took longer says too little. */
const MAX_ROUND_TRIP_MILLISECONDS = 1_000;
/** A machine that slept has a clock that did not go on. */
const MAX_APART_MILLISECONDS = 1_000;

interface Look {
  readonly server: number;
  readonly system: number;
  readonly monotonic: number;
}

export class PostgresClock {
  readonly #pool: Queryable;
  #look: Look;
  #looking: Promise<void> | undefined;

  private constructor(pool: Queryable, look: Look) {
    this.#pool = pool;
    this.#look = look;
  }

  static async open(pool: Queryable): Promise<PostgresClock> {
    const { look } = await readServer(pool);
    return new PostgresClock(pool, look);
  }

  /** Unix milliseconds. Passed on as a function. */
  readonly now = (): number => {
    const { server, system, monotonic } = this.#look;
    const elapsed = performance.now() - monotonic;
    const isApart = Math.abs(Date.now() - system - elapsed) > MAX_APART_MILLISECONDS;
    if (isApart || elapsed > TRUSTED_MILLISECONDS) this.#looking ??= this.#lookAgain();
    return Math.round(server + elapsed);
  };

  /** Beside what asked for the time. While the server does not answer, ours goes on. */
  async #lookAgain(): Promise<void> {
    try {
      const { look, roundTrip } = await readServer(this.#pool);
      if (roundTrip <= MAX_ROUND_TRIP_MILLISECONDS) this.#look = look;
    } catch {
      // The next one to ask tries again.
    } finally {
      this.#looking = undefined;
    }
  }
}

async function readServer(pool: Queryable): Promise<{ look: Look; roundTrip: number }> {
  const before = performance.now();
  const { rows } = await pool.query("SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now");
  const monotonic = performance.now();
  const roundTrip = monotonic - before;
  const server = Number(rows[0]?.["now"]) + roundTrip / 2;
  return { look: { server, system: Date.now(), monotonic }, roundTrip };
}
