// Stores the outcomes of attempts and logs them. If the lease of an attempt is lost, the outcome of this attempt is not stored.
// Another process may attempt the event now, and the outcome of that process counts.

import type { LogLine } from "../../core/log-line.ts";
import type { Lease, WorkQueue } from "../inbox/inbox.ts";
import type { AttemptEnd } from "./attempt.ts";
import type { HeldLease } from "./held-lease.ts";
import { type AttemptOutcome, scheduleRetry } from "./judge.ts";
import type { DispatchLimits } from "./limits.ts";

export interface OutcomeOptions {
  readonly work: WorkQueue;
  readonly log: (line: LogLine) => void;
  readonly limits: DispatchLimits;
  /** Returns Unix milliseconds. */
  readonly clock: () => number;
  readonly random: () => number;
  readonly isStopping: () => boolean;
}

/** The number of tries to store an outcome while the origin stops. If storing took much longer, the process would be killed. */
const MAX_TRIES_WHILE_STOPPING = 5;
const STORE_WAIT_MILLISECONDS = 500;

/** The log line for a verdict, and the function that stores the verdict. */
interface Step {
  readonly decision: LogLine["decision"];
  readonly facts: Readonly<Record<string, unknown>>;
  readonly store: () => Promise<boolean>;
}

export class Settlement {
  readonly #options: OutcomeOptions;

  constructor(options: OutcomeOptions) {
    this.#options = options;
  }

  /** Stores the outcome. `unknown` means that no outcome was stored, and that the event will be attempted again. */
  async store(held: HeldLease, end: AttemptEnd, milliseconds: number): Promise<"done" | "retry" | "dead" | "unknown"> {
    const { lease, lost } = held;
    const facts = { id: lease.event.id, sender: lease.event.sender, attempt: lease.attempt };
    if (!lost.aborted && end.ending === "interrupted") {
      await this.#try(held, () => this.#options.work.release([lease], { wasBegun: true }).then(() => true));
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

  #limitAttempts(verdict: AttemptOutcome, { attempt }: Lease): AttemptOutcome {
    const { maxAttempts } = this.#options.limits;
    if (verdict.outcome !== "retry" || attempt < maxAttempts) return verdict;
    return { ...verdict, outcome: "dead", reason: `${verdict.reason} (the last of ${maxAttempts} attempts)` };
  }

  #stepOf(verdict: AttemptOutcome, lease: Lease): Step {
    const { work, clock, random, limits } = this.#options;
    const { status } = verdict;
    if (verdict.outcome === "done") {
      return { decision: "dispatched", facts: {}, store: () => work.complete(lease, status) };
    }
    const { reason } = verdict;
    if (verdict.outcome === "dead") {
      return { decision: "dead", facts: { reason }, store: () => work.bury(lease, reason, status) };
    }
    const now = clock();
    const wait = scheduleRetry(verdict, { attempt: lease.attempt, now, random }, limits);
    const facts = { dueAt: new Date(now + wait).toISOString(), reason };
    return { decision: "retrying", facts, store: () => work.retry(lease, wait, reason, status) };
  }

  /**
   * Calls `store` until it succeeds, as long as the lease lasts. `store` may fail for a short time, for example while the database
   * restarts. If the outcome were not stored, a done event would be handled again. Returns false if the lease is lost, or if
   * nothing could be stored.
   */
  async #try(held: HeldLease, store: () => Promise<boolean>): Promise<boolean> {
    const { limits, isStopping, log } = this.#options;
    const { id } = held.lease.event;
    const most = Math.max(MAX_TRIES_WHILE_STOPPING, limits.leaseMilliseconds / STORE_WAIT_MILLISECONDS);
    for (let tries = 1; tries <= (isStopping() ? MAX_TRIES_WHILE_STOPPING : most) && !held.lost.aborted; tries += 1) {
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
