// A lease that is held while an attempt runs. It is extended in time. If extending fails until the lease has expired, it is lost.
// Time is measured by a monotonic clock, so that setting the clock does not make a lease longer.

import type { Lease, WorkQueue } from "../inbox/inbox.ts";

/** The lease is extended after each third of its time, so two extensions may fail before it expires. */
const EXTENSIONS_PER_LEASE = 3;

export class HeldLease {
  readonly lease: Lease;
  readonly #work: WorkQueue;
  readonly #milliseconds: number;
  readonly #lost = new AbortController();
  #isHeld = true;
  readonly #interval: ReturnType<typeof setInterval>;
  #end: ReturnType<typeof setTimeout>;

  /** `since`: when the lease was requested, by `performance.now()`. */
  constructor(work: WorkQueue, lease: Lease, milliseconds: number, since: number) {
    this.lease = lease;
    this.#work = work;
    this.#milliseconds = milliseconds;
    this.#end = this.#loseAfter(since);
    this.#interval = setInterval(() => void this.#extend(), milliseconds / EXTENSIONS_PER_LEASE);
  }

  /** Aborted when another process may lease the event. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Another process has the lease. */
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
      // The next extension may succeed. If none does, the lease is lost when it expires.
    }
  }

  #loseAfter(since: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.lose(), since + this.#milliseconds - performance.now());
  }
}
