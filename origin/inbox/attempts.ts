// The types for the history of an event and for the durations of attempts. The history has the attempts of the event and the
// actions of operators on the event.

/**
 * The way in which an attempt ended. `done`, `retry` and `dead` are the outcomes that dispatch stores. `released`: the origin
 * stopped, and the attempt does not count. `abandoned`: no outcome was stored, because the process ended or lost its lease.
 * `running`: the attempt has not ended yet.
 */
export type AttemptOutcome = "done" | "retry" | "dead" | "released" | "abandoned" | "running";

/** One attempt to deliver an event. All times are in Unix milliseconds, by the clock of the store. */
export interface EventAttempt {
  readonly kind: "attempt";
  /**
   * The number of the attempt. Counting begins again with 1 when an operator runs a done event again, or retries a dead event.
   */
  readonly number: number;
  readonly beganAt: number;
  /** The time at which the attempt ended. Undefined while the attempt runs, and if it was abandoned. */
  readonly endedAt: number | undefined;
  readonly outcome: AttemptOutcome;
  /** The HTTP status of the response. Undefined if there was none. */
  readonly status: number | undefined;
  /** The reason why the attempt failed, in one line of limited length. */
  readonly reason: string | undefined;
  /** The time at which the next attempt was due, if the outcome is `retry`. */
  readonly dueAt: number | undefined;
}

/** An action of an operator on an event: `countersign inbox retry`, `drop` or `run`. */
export interface OperatorAction {
  readonly kind: "operator";
  readonly action: "retry" | "drop" | "run";
  /** The time of the action in Unix milliseconds. */
  readonly at: number;
  readonly reason: string | undefined;
}

export interface EventHistory {
  /**
   * The records, the oldest first. Of a long history, only the first `MAX_FIRST_ATTEMPTS` and the latest `MAX_LATEST_ATTEMPTS`
   * records are kept.
   */
  readonly records: readonly (EventAttempt | OperatorAction)[];
  /** The number of records that are not kept. They were between the first and the latest records. */
  readonly leftOut: number;
}

/**
 * The limits, in milliseconds, of the ranges in which durations are counted. `attempt` is for attempts. `untilDone` is for the time
 * from the acceptance of an event until it was done.
 */
export const DURATION_LIMITS = {
  attempt: [100, 1_000, 10_000],
  // The time of acceptance is stored in whole seconds, so limits below two seconds would be inaccurate.
  untilDone: [2_000, 10_000, 60_000],
} as const;

/** The durations of the events that were accepted in one span of time. */
export interface DurationSpan {
  /** The start of the span in Unix seconds, inclusive. */
  readonly from: number;
  /**
   * The number of ended attempts in each range of `DURATION_LIMITS`: below the first limit, between two limits, and from the last
   * limit on.
   */
  readonly attempt: readonly number[];
  /**
   * The number of handled events in each range of `DURATION_LIMITS`, by the time from acceptance until done. Events that wait, are
   * dead or were dropped are not counted.
   */
  readonly untilDone: readonly number[];
}

export interface Durations {
  readonly spans: readonly DurationSpan[];
  /**
   * False if there are so many events that only a sample was counted. The numbers are then an estimate, scaled up from the sample.
   */
  readonly isExact: boolean;
}
