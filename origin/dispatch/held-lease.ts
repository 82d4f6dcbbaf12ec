// A lease, held while an attempt runs: extended in time, and given up when that fails for as long as it lasted.
// Time is measured by a clock that only moves forward, so that a clock that is set does not make a lease longer.

import type { Lease, WorkQueue } from "../inbox.ts";

/** A third of the lease: two extensions may fail before it runs out. */
const EXTENSIONS_PER_LEASE = 3;

export class HeldLease {
  readonly lease: Lease;
  readonly #work: WorkQueue;
  readonly #milliseconds: number;
  readonly #lost = new AbortController();
  #isHeld = true;
  readonly #interval: ReturnType<typeof setInterval>;
  #end: ReturnType<typeof setTimeout>;

  /** `since` is when the lease was asked for, by `performance.now()`. */
  constructor(work: WorkQueue, lease: Lease, milliseconds: number, since: number) {
    this.lease = lease;
    this.#work = work;
    this.#milliseconds = milliseconds;
    this.#end = this.#loseAfter(since);
    this.#interval = setInterval(() => void this.#extend(), milliseconds / EXTENSIONS_PER_LEASE);
  }

  /** Aborted once another process may have the event. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Somebody else has it. */
  lose(): void {
    this.letGo();
    this.#lost.abort();
  }

  /** Extends it no longer. */
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
      // The next one may succeed; if none does, the lease is lost when it ends.
    }
  }

  #loseAfter(since: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.lose(), since + this.#milliseconds - performance.now());
  }
}
