// Stores what attempts came to, and says so in the log. A lease that is lost stores nothing: the attempt of another process counts.

import type { LogLine } from "../../core/decision.ts";
import type { Lease, WorkQueue } from "../inbox.ts";
import type { AttemptEnd } from "./attempt.ts";
import type { HeldLease } from "./held-lease.ts";
import type { DispatchLimits } from "./limits.ts";
import { scheduleRetry, type Verdict } from "./verdict.ts";

export interface OutcomeOptions {
  readonly work: WorkQueue;
  readonly log: (line: LogLine) => void;
  readonly limits: DispatchLimits;
  /** Unix milliseconds. */
  readonly clock: () => number;
  readonly random: () => number;
  readonly isStopping: () => boolean;
}

/** When the origin stops: it is killed if it takes much longer. */
const TRIES_OF_A_STOP = 5;
const STORE_WAIT_MILLISECONDS = 500;

export class Outcomes {
  readonly #options: OutcomeOptions;

  constructor(options: OutcomeOptions) {
    this.#options = options;
  }

  /** `unknown`: nothing is stored, and the event is attempted again. */
  async store(held: HeldLease, end: AttemptEnd, milliseconds: number): Promise<"done" | "retry" | "dead" | "unknown"> {
    const { lease, lost } = held;
    const facts = { id: lease.event.id, sender: lease.event.sender, attempt: lease.attempt };
    if (!lost.aborted && end.ending === "interrupted") {
      await this.#try(held, () => this.#options.work.release([lease]).then(() => true));
      this.#options.log({ decision: "released", ...facts });
      return "unknown";
    }
    const verdict = this.#limitAttempts(end.verdict, lease);
    const step = this.#stepOf(verdict, lease);
    if (lost.aborted || !(await this.#try(held, step.store))) {
      this.#options.log({ decision: "failed", code: "lease_lost", ...facts, outcome: verdict.outcome });
      return "unknown";
    }
    this.#options.log({ decision: step.decision, ...facts, ...step.facts, milliseconds });
    return verdict.outcome;
  }

  #limitAttempts(verdict: Verdict, { attempt }: Lease): Verdict {
    const { maxAttempts } = this.#options.limits;
    if (verdict.outcome !== "retry" || attempt < maxAttempts) return verdict;
    return { outcome: "dead", reason: `${verdict.reason} (the last of ${maxAttempts} attempts)` };
  }

  #stepOf(verdict: Verdict, lease: Lease) {
    const { work, clock, random, limits } = this.#options;
    if (verdict.outcome === "done") {
      return { decision: "dispatched", facts: {}, store: () => work.complete(lease) };
    }
    const { reason } = verdict;
    if (verdict.outcome === "dead") {
      return { decision: "dead", facts: { reason }, store: () => work.bury(lease, reason) };
    }
    const now = clock();
    const wait = scheduleRetry(verdict, { attempt: lease.attempt, now, random }, limits);
    const facts = { dueAt: new Date(now + wait).toISOString(), reason };
    return { decision: "retrying", facts, store: () => work.retry(lease, wait, reason) };
  }

  /**
   * A store that is busy or restarts is asked again, for as long as the lease is: else an event that is done would be handled once
   * more. False when the lease is lost, or nothing could be stored.
   */
  async #try(held: HeldLease, store: () => Promise<boolean>): Promise<boolean> {
    const { limits, isStopping, log } = this.#options;
    const { id } = held.lease.event;
    const most = Math.max(TRIES_OF_A_STOP, limits.leaseMilliseconds / STORE_WAIT_MILLISECONDS);
    for (let tries = 1; tries <= (isStopping() ? TRIES_OF_A_STOP : most) && !held.lost.aborted; tries += 1) {
      try {
        return await store();
      } catch (error) {
        if (tries === 1) log({ decision: "failed", code: "outcome_not_stored", id, why: String(error) });
        await new Promise((resolve) => setTimeout(resolve, STORE_WAIT_MILLISECONDS));
      }
    }
    return false;
  }
}
