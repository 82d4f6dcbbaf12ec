// Holds the lease of an event while an attempt runs, and extends the lease before it expires. If no extension succeeds in time, the
// lease is lost. The time is measured by a monotonic clock, so a change of the system clock does not make a lease longer.

import type { Lease, WorkQueue } from "../inbox/inbox.ts";

/** The number of extensions in the time of one lease. With three, two extensions may fail before the lease expires. */
const EXTENSIONS_PER_LEASE = 3;

export class HeldLease {
  readonly lease: Lease;
  readonly #work: WorkQueue;
  readonly #milliseconds: number;
  readonly #lost = new AbortController();
  #isHeld = true;
  readonly #interval: ReturnType<typeof setInterval>;
  #end: ReturnType<typeof setTimeout>;

  /** `since` is the value of `performance.now()` when the lease was requested. */
  constructor(work: WorkQueue, lease: Lease, milliseconds: number, since: number) {
    this.lease = lease;
    this.#work = work;
    this.#milliseconds = milliseconds;
    this.#end = this.#loseAfter(since);
    this.#interval = setInterval(() => void this.#extend(), milliseconds / EXTENSIONS_PER_LEASE);
  }

  /** This signal is aborted when the lease is lost. From then on, another process may lease the event. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Marks the lease as lost. Must be called when the event was leased again, by another process or by this one. */
  lose(): void {
    this.letGo();
    this.#lost.abort();
  }

  /** Stops extending the lease. */
  letGo(): void {
    this.#isHeld = false;
    clearInterval(this.#interval);
    clearTimeout(this.#end);
  }

  async #extend(): Promise<void> {
    const since = performance.now();
    try {
      const isOurs = await this.#work.extend(this.lease, this.#milliseconds);
      if (!this.#isHeld) return;
      if (!isOurs) return this.lose();
      clearTimeout(this.#end);
      this.#end = this.#loseAfter(since);
    } catch {
      // The next extension may succeed. If none succeeds, the lease is lost when it expires.
    }
  }

  #loseAfter(since: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.lose(), since + this.#milliseconds - performance.now());
  }
}
