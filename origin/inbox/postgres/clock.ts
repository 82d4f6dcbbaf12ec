// The clock of the database server. Origins that share an inbox use it to decide when a lease expires, because their own clocks may
// differ by more than the duration of a lease.

import type { Queryable } from "./pool.ts";

/** The interval at which the server's clock is read. Between two reads, a monotonic clock continues the time. */
const TRUSTED_MILLISECONDS = 30_000;
/**
 * The server reads its clock at some moment between request and response. If the response took longer than this, the time is too
 * inaccurate and is not used.
 */
const MAX_ROUND_TRIP_MILLISECONDS = 1_000;
/**
 * If the system clock and the monotonic clock differ by more than this, the machine slept or somebody set the clock. Then the
 * server is asked again.
 */
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

  /** Returns the server's time in Unix milliseconds. `now` is an arrow property, because callers pass it on without its object. */
  readonly now = (): number => {
    const { server, system, monotonic } = this.#look;
    const elapsed = performance.now() - monotonic;
    const isApart = Math.abs(Date.now() - system - elapsed) > MAX_APART_MILLISECONDS;
    if (isApart || elapsed > TRUSTED_MILLISECONDS) this.#looking ??= this.#lookAgain();
    return Math.round(server + elapsed);
  };

  /** Reads the server's clock in the background. Until the server answers, the local monotonic clock continues the time. */
  async #lookAgain(): Promise<void> {
    try {
      const { look, roundTrip } = await readServer(this.#pool);
      if (roundTrip <= MAX_ROUND_TRIP_MILLISECONDS) this.#look = look;
    } catch {
      // The error is ignored, because the next call of `now()` tries again.
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
