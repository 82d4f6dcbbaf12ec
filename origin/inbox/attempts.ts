// The history of an event: its attempts, and what operators did with it. How long attempts of many events took.

/**
 * How an attempt ended. `done`, `retry` and `dead` are the outcomes that dispatch stores. `released`: the origin stopped, and the
 * attempt does not count. `abandoned`: no outcome was stored, because the process ended or lost its lease. `running`: it has not
 * ended yet.
 */
export type AttemptOutcome = "done" | "retry" | "dead" | "released" | "abandoned" | "running";

/** One attempt to deliver an event. All times in Unix milliseconds, by the clock of the store. */
export interface EventAttempt {
  readonly kind: "attempt";
  /** 1 for the first attempt since the event was accepted, or since an operator ran it again or retried it after its death. */
  readonly number: number;
  readonly beganAt: number;
  /** Undefined while it runs, and if it was abandoned. */
  readonly endedAt: number | undefined;
  readonly outcome: AttemptOutcome;
  /** The HTTP status of the response. Undefined if there was none. */
  readonly status: number | undefined;
  /** Why it failed: one line of limited length. */
  readonly reason: string | undefined;
  /** When the next attempt was due, if the outcome is `retry`. */
  readonly dueAt: number | undefined;
}

/** What an operator did with an event: `countersign inbox retry`, `drop` or `run`. */
export interface OperatorAction {
  readonly kind: "operator";
  readonly action: "retry" | "drop" | "run";
  /** Unix milliseconds. */
  readonly at: number;
  readonly reason: string | undefined;
}

export interface EventHistory {
  /** The oldest first. Of a long history the first MAX_FIRST_ATTEMPTS and the latest MAX_LATEST_ATTEMPTS records are kept. */
  readonly records: readonly (EventAttempt | OperatorAction)[];
  /** How many records between the first and the latest ones are not kept. */
  readonly leftOut: number;
}

/** Milliseconds between which durations are counted: of an attempt, and from the acceptance of an event until it was done. */
export const DURATION_LIMITS = {
  attempt: [100, 1_000, 10_000],
  // Acceptance is stored to the second.
  untilDone: [2_000, 10_000, 60_000],
} as const;

/** The events that were accepted in one span of time. */
export interface DurationSpan {
  /** Unix seconds, inclusive. */
  readonly from: number;
  /** Attempts that ended: below the first of DURATION_LIMITS, then below the next, and at the end all longer ones. */
  readonly attempt: readonly number[];
  /** Events that were handled: how long after their acceptance. Without those that wait, are dead or were dropped. */
  readonly untilDone: readonly number[];
}

export interface Durations {
  readonly spans: readonly DurationSpan[];
  /** False if there are so many events that a sample was counted, and multiplied. */
  readonly isExact: boolean;
}
