// Delivers stored events to the user's code, each at least once. Several events are delivered at the same time, but each event by
// only one process at a time. The process leases the event and attempts it. Then the process stores in the inbox that the event is
// done, due again, or dead.

import type { LogLine } from "../../core/log-line.ts";
import type { Lease, WorkQueue } from "../inbox/inbox.ts";
import type { Handler } from "./handler.ts";
import { DISPATCH_LIMITS, type DispatchLimits } from "./limits.ts";
import { type FinishedAttempt, RunningAttempts } from "./running-attempts.ts";

/** Options of a Dispatcher. `limits` has the members of `DispatchLimits` that differ from the default. */
export interface DispatchOptions {
  readonly work: WorkQueue;
  readonly handler: Handler;
  /** Receives one line per attempt: `dispatched`, `retrying`, `dead`, `released` or `failed`. */
  readonly log: (line: LogLine) => void;
  readonly limits?: Partial<DispatchLimits>;
  /** Returns Unix milliseconds. Retries are scheduled by this clock. */
  readonly clock?: () => number;
  /** Returns a number from 0 up to, but not including, 1. */
  readonly random?: () => number;
}

/** The shortest time between two searches for due events, unless `wake()` is called. */
const MIN_WAIT_MILLISECONDS = 50;

/**
 * If attempts are running, the dispatcher waits a moment before it claims further events. The wait is this fraction of the time
 * that the last claim took. Several attempts may end during the wait. Then a single claim, which costs one commit, replaces all
 * attempts that have ended by new attempts.
 */
const GATHERING_SHARE = 1 / 4;
const MAX_GATHERING_MILLISECONDS = 20;

/**
 * Delivers the events of an inbox to a handler, until each is done or dead. Delivery is at least once, so a handler should
 * remember the event's id. Call `start` when the app is ready, `wake` after each `accept`, and `stop` before the inbox is closed.
 */
export class Dispatcher {
  readonly #options: DispatchOptions;
  readonly #limits: DispatchLimits;
  readonly #attempts: RunningAttempts;
  #taken = 0;
  #takenBytes = 0;
  /** The time that the last claim took. */
  #claimMilliseconds = 0;
  #isStarted = false;
  #isStopping = false;
  #fault: string | undefined;
  #isWanted = false;
  #looking: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: DispatchOptions) {
    const { work, handler, log, limits, clock = Date.now, random = Math.random } = options;
    this.#options = options;
    this.#limits = { ...DISPATCH_LIMITS, ...limits };
    this.#attempts = new RunningAttempts({
      ...{ work, handler, log, limits: this.#limits, clock, random },
      isStopping: () => this.#isStopping,
    });
  }

  start(): void {
    this.#isStarted = true;
    this.wake();
  }

  /**
   * Looks for due events. Call this after each `accept`. Without a call, the dispatcher looks again when an attempt ends, and every
   * `pollMilliseconds`.
   */
  wake(): void {
    if (!this.#isStarted || this.#isStopping) return;
    this.#isWanted = true;
    // If no place is free, the end of an attempt calls `wake()` again.
    if (this.#free > 0) this.#looking ??= this.#look();
  }

  /**
   * Starts no further attempt. Running attempts may continue for `milliseconds`. Then their signals are aborted. If an attempt has
   * not succeeded a moment later, its event is released, so that another process can attempt the event at once.
   */
  async stop(milliseconds = this.#limits.stopMilliseconds): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    await this.#looking;
    await this.#attempts.stop(milliseconds);
  }

  /**
   * Attempts an event that was leased when it was accepted. The attempt does not count against the limit of concurrent attempts.
   * Resolves when the outcome is stored. `since` is the value of `performance.now()` when the lease was requested.
   */
  answer(lease: Lease, since: number): Promise<FinishedAttempt> {
    return this.#attempts.begin(lease, since, { isReplyWanted: true });
  }

  /**
   * Returns why no event is delivered now: the dispatcher is not started, it is stopping, or the last look into the inbox failed.
   * Undefined if nothing is wrong.
   */
  get fault(): string | undefined {
    if (!this.#isStarted) return "not started";
    return this.#isStopping ? "stopping" : this.#fault;
  }

  /** The time for which an event should be leased. */
  get leaseMilliseconds(): number {
    return this.#limits.leaseMilliseconds;
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    let wait = this.#limits.pollMilliseconds;
    try {
      while (this.#isWanted && this.#free > 0 && !this.#isStopping) {
        await this.#gather();
        if (this.#isStopping) break;
        this.#isWanted = false;
        await this.#claim();
      }
      if (this.#free > 0 && !this.#isStopping) wait = await this.#untilDue();
      this.#fault = undefined;
    } catch (error) {
      this.#fault = String(error);
      this.#options.log({ decision: "failed", code: "dispatch_unavailable", why: this.#fault });
      this.#isWanted = false;
    }
    this.#looking = undefined;
    if (this.#isStopping) return;
    if (this.#isWanted && this.#free > 0) this.wake();
    else this.#timer = setTimeout(() => this.wake(), wait);
  }

  get #free(): number {
    const { concurrency, bodyBytes } = this.#limits;
    return this.#takenBytes < bodyBytes ? concurrency - this.#taken : 0;
  }

  async #gather(): Promise<void> {
    const milliseconds = Math.min(this.#claimMilliseconds * GATHERING_SHARE, MAX_GATHERING_MILLISECONDS);
    // Timers cannot wait for less than 1 ms.
    if (this.#taken > 0 && milliseconds >= 1) await new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  async #claim(): Promise<void> {
    const since = performance.now();
    const free = this.#free;
    const { leaseMilliseconds, bodyBytes } = this.#limits;
    const leases = await this.#options.work.claim(free, leaseMilliseconds, bodyBytes - this.#takenBytes);
    this.#claimMilliseconds = performance.now() - since;
    if (this.#isStopping) return await this.#options.work.release(leases);
    for (const lease of leases) {
      const bytes = lease.event.body?.byteLength ?? 0;
      this.#taken += 1;
      this.#takenBytes += bytes;
      // `onHandled` is called while the outcome is being stored. So a store that groups its writes can commit the outcome and the
      // next claim together.
      const onHandled = () => {
        this.#taken -= 1;
        this.#takenBytes -= bytes;
        this.wake();
      };
      void this.#attempts.begin(lease, since, { onHandled }).then(({ outcome }) => {
        const isFollowed = outcome !== "done" || lease.event.orderKey !== undefined;
        if (isFollowed) this.wake();
      });
    }
    if (leases.length === free) this.#isWanted = true;
  }

  /**
   * Returns the milliseconds to wait before the next search: until the next event is due, but at most `pollMilliseconds`, because
   * another process may accept an event in the meantime.
   */
  async #untilDue(): Promise<number> {
    const { pollMilliseconds } = this.#limits;
    const dueIn = (await this.#options.work.nextDueIn()) ?? Number.POSITIVE_INFINITY;
    return Math.min(Math.max(dueIn, MIN_WAIT_MILLISECONDS), pollMilliseconds);
  }
}
