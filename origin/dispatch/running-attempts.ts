// The attempts that run in this process. Only one attempt of an event runs at a time. An attempt is aborted when its lease is lost.

import type { Lease } from "../inbox/inbox.ts";
import { attemptOnce, type Reply } from "./attempt.ts";
import type { Handler } from "./handler.ts";
import { HeldLease } from "./held-lease.ts";
import { type OutcomeOptions, Settlement } from "./settle.ts";

/** The result of an attempt whose response the sender waits for. */
export interface FinishedAttempt {
  /** The stored outcome. `unknown` means that no outcome was stored. Then the event will be attempted again. */
  readonly outcome: "done" | "retry" | "dead" | "unknown";
  readonly isLate: boolean;
  readonly answer: Reply | undefined;
}

interface RunOptions {
  readonly isReplyWanted?: boolean;
  /** Called when the handler has ended and its outcome is being stored. */
  readonly onHandled?: () => void;
}

export class RunningAttempts {
  readonly #options: OutcomeOptions & { readonly handler: Handler };
  readonly #settlement: Settlement;
  readonly #stop = new AbortController();
  /** The attempts by event id. If an event is leased again, the map has only its latest attempt. */
  readonly #attempts = new Map<string, { readonly held: HeldLease; readonly end: Promise<unknown> }>();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(options: OutcomeOptions & { readonly handler: Handler }) {
    this.#options = options;
    this.#settlement = new Settlement(options);
  }

  /** Resolves when no attempt runs. Attempts that still run after `milliseconds` are aborted. */
  async stop(milliseconds: number): Promise<void> {
    const deadline = setTimeout(() => this.#stop.abort(new Error("the origin stops")), milliseconds);
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    clearTimeout(deadline);
    this.#stop.abort(new Error("the origin stops"));
  }

  /** Begins an attempt. `since` is the value of `performance.now()` when the lease was requested. */
  begin(lease: Lease, since: number, options: RunOptions): Promise<FinishedAttempt> {
    const { id } = lease.event;
    const held = new HeldLease(this.#options.work, lease, this.#options.limits.leaseMilliseconds, since);
    // This process may still run an earlier attempt of the same event, under a lease that has expired. The earlier attempt must end
    // before the new one starts.
    const earlier = this.#attempts.get(id);
    earlier?.held.lose();
    const run = () => this.#run(held, options);
    const end = Promise.resolve(earlier?.end)
      .then(run)
      .catch((error): FinishedAttempt => {
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

  async #run(held: HeldLease, { isReplyWanted = false, onHandled = () => {} }: RunOptions): Promise<FinishedAttempt> {
    const { end, outcome } = await this.#handle(held, isReplyWanted).finally(onHandled);
    return { outcome: await outcome, isLate: end.ending === "deadline", answer: end.answer };
  }

  /** Resolves when the handler has ended and its outcome is being stored. */
  async #handle(held: HeldLease, isReplyWanted: boolean) {
    const { deadlineMilliseconds, answerDeadlineMilliseconds, maxAttempts } = this.#options.limits;
    const started = performance.now();
    const end = await attemptOnce(held.lease, {
      maxAttempts,
      handler: this.#options.handler,
      deadlineMilliseconds: isReplyWanted ? answerDeadlineMilliseconds : deadlineMilliseconds,
      interrupt: AbortSignal.any([held.lost, this.#stop.signal]),
      isReplyWanted,
      clock: this.#options.clock,
    });
    const outcome = this.#settlement.store(held, end, Math.round(performance.now() - started));
    return { end, outcome };
  }
}
