// Brings stored events to the user's code: at least once, several at a time, each by one process at a time.
// An event is leased, attempted, and then done, due again, or dead. What is not stored in the inbox did not happen.

import type { LogLine } from "../core/decision.ts";
import { type Answer, attemptOnce } from "./dispatch/attempt.ts";
import { HeldLease } from "./dispatch/held-lease.ts";
import { DISPATCH_LIMITS, type DispatchLimits } from "./dispatch/limits.ts";
import { Outcomes } from "./dispatch/outcomes.ts";
import type { Handler } from "./handler.ts";
import type { Lease, WorkQueue } from "./inbox.ts";

/** Which inbox, which handler, and how patiently. `limits` are those of `DispatchLimits` that differ. */
export interface DispatchOptions {
  readonly work: WorkQueue;
  readonly handler: Handler;
  /** Receives one line per attempt: `dispatched`, `retrying`, `dead`, `released` or `failed`. */
  readonly log: (line: LogLine) => void;
  readonly limits?: Partial<DispatchLimits>;
  /** Unix milliseconds: what retries are due by. */
  readonly clock?: () => number;
  /** From 0 up to 1. */
  readonly random?: () => number;
}

/** What became of an attempt whose answer the sender waits for. */
export interface AnsweredAttempt {
  /** As it is stored; `unknown` when nothing is, and the event will be attempted again. */
  readonly outcome: "done" | "retry" | "dead" | "unknown";
  readonly isLate: boolean;
  readonly answer: Answer | undefined;
}

interface RunOptions {
  readonly isAnswerWanted?: boolean;
  /** Called when the handler has ended, and its outcome is on the way into the store. */
  readonly onHandled?: () => void;
}

/** The shortest wait between two looks into the inbox that nobody asked for. */
const MIN_WAIT_MILLISECONDS = 50;

/**
 * Attempts end one after the other. While some run, a claim waits for such a part of the time that the last one took: it then takes what
 * several of them left, where each would cost a commit.
 */
const GATHERING_SHARE = 1 / 4;
const MAX_GATHERING_MILLISECONDS = 20;

/**
 * Brings the events of an inbox to a handler, until each is done or dead: at least once, so a handler remembers the event's id.
 * `start` it when the app is ready, `wake` it after each `accept`, `stop` it before the inbox is closed.
 */
export class Dispatcher {
  readonly #options: DispatchOptions;
  readonly #limits: DispatchLimits;
  readonly #clock: () => number;
  readonly #outcomes: Outcomes;
  readonly #stop = new AbortController();
  /** Attempts under way, by event: of one that is leased again, the last. */
  readonly #attempts = new Map<string, { readonly held: HeldLease; readonly end: Promise<unknown> }>();
  readonly #underWay = new Set<Promise<unknown>>();
  #taken = 0;
  #takenBytes = 0;
  /** How long the last claim took. */
  #claimMilliseconds = 0;
  #isStarted = false;
  #isStopping = false;
  #isWanted = false;
  #looking: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: DispatchOptions) {
    const { work, log, limits, clock = Date.now, random = Math.random } = options;
    this.#options = options;
    this.#limits = { ...DISPATCH_LIMITS, ...limits };
    this.#clock = clock;
    this.#outcomes = new Outcomes({
      ...{ work, log, limits: this.#limits, clock, random },
      isStopping: () => this.#isStopping,
    });
  }

  start(): void {
    this.#isStarted = true;
    this.wake();
  }

  /** There may be something to do: an event was accepted, an attempt has ended, or time has passed. */
  wake(): void {
    if (!this.#isStarted || this.#isStopping) return;
    this.#isWanted = true;
    // Without a free place the end of an attempt looks.
    if (this.#free > 0) this.#looking ??= this.#look();
  }

  /**
   * Begins nothing more. What runs may end until the deadline, then its signal is aborted, and what has not ended a moment later is
   * given back, so that others take it at once.
   */
  async stop(milliseconds = this.#limits.stopMilliseconds): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    await this.#looking;
    const deadline = setTimeout(() => this.#stop.abort(new Error("the origin stops")), milliseconds);
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    clearTimeout(deadline);
    this.#stop.abort(new Error("the origin stops"));
  }

  /**
   * Attempts an event that was leased when it was accepted, beside the others, and tells what came of it once that is stored.
   * `since` is when the lease was asked for, by `performance.now()`.
   */
  answer(lease: Lease, since: number): Promise<AnsweredAttempt> {
    return this.#begin(lease, since, { isAnswerWanted: true });
  }

  /** How long an event is to be leased. */
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
    } catch (error) {
      this.#options.log({ decision: "failed", code: "dispatch_unavailable", why: String(error) });
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
    // A shorter wait is longer than it says.
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
      // The next one is claimed while the outcome is stored, in the same commit where the store can.
      const onHandled = () => {
        this.#taken -= 1;
        this.#takenBytes -= bytes;
        this.wake();
      };
      void this.#begin(lease, since, { onHandled }).then(({ outcome }) => {
        const isFollowed = outcome !== "done" || lease.event.orderKey !== undefined;
        if (isFollowed) this.wake();
      });
    }
    if (leases.length === free) this.#isWanted = true;
  }

  /** Until something is due, at most until the next look for events of other processes. */
  async #untilDue(): Promise<number> {
    const { pollMilliseconds } = this.#limits;
    const dueIn = (await this.#options.work.nextDueIn()) ?? Number.POSITIVE_INFINITY;
    return Math.min(Math.max(dueIn, MIN_WAIT_MILLISECONDS), pollMilliseconds);
  }

  #begin(lease: Lease, since: number, options: RunOptions): Promise<AnsweredAttempt> {
    const { id } = lease.event;
    const held = new HeldLease(this.#options.work, lease, this.#limits.leaseMilliseconds, since);
    // Of this process itself, whose lease ran out: it must be over before the next begins.
    const earlier = this.#attempts.get(id);
    earlier?.held.lose();
    const run = () => this.#run(held, options);
    const end = Promise.resolve(earlier?.end)
      .then(run)
      .catch((error): AnsweredAttempt => {
        this.#options.log({ decision: "failed", code: "internal_error", id, why: String(error) });
        return { outcome: "unknown", isLate: false, answer: undefined };
      });
    const entry = { held, end };
    this.#attempts.set(id, entry);
    this.#underWay.add(end);
    void end.finally(() => {
      held.letGo();
      this.#underWay.delete(end);
      if (this.#attempts.get(id) === entry) this.#attempts.delete(id);
    });
    return end;
  }

  async #run(held: HeldLease, { isAnswerWanted = false, onHandled = () => {} }: RunOptions): Promise<AnsweredAttempt> {
    const { end, outcome } = await this.#handle(held, isAnswerWanted).finally(onHandled);
    return { outcome: await outcome, isLate: end.ending === "deadline", answer: end.answer };
  }

  /** Resolves when the handler has ended, and its outcome is on the way into the store. */
  async #handle(held: HeldLease, isAnswerWanted: boolean) {
    const { deadlineMilliseconds, answerDeadlineMilliseconds, maxAttempts } = this.#limits;
    const started = performance.now();
    const end = await attemptOnce(held.lease, {
      maxAttempts,
      handler: this.#options.handler,
      deadlineMilliseconds: isAnswerWanted ? answerDeadlineMilliseconds : deadlineMilliseconds,
      interrupt: AbortSignal.any([held.lost, this.#stop.signal]),
      isAnswerWanted,
      clock: this.#clock,
    });
    const outcome = this.#outcomes.store(held, end, Math.round(performance.now() - started));
    return { end, outcome };
  }
}
