// The limits of dispatch, each with its reason. All of them can be configured.

/** All times in milliseconds. */
export interface DispatchLimits {
  /** Attempts that run at the same time in one process. */
  readonly concurrency: number;
  /** Bytes of bodies that attempts of one process hold. When it is reached, no attempt is started until others have ended. */
  readonly bodyBytes: number;
  /** Deadline of one attempt. */
  readonly deadlineMilliseconds: number;
  /** Deadline of one attempt whose response the sender waits for. */
  readonly answerDeadlineMilliseconds: number;
  readonly leaseMilliseconds: number;
  /** How often to look for events that other processes accepted. */
  readonly pollMilliseconds: number;
  /** The longest wait before the second attempt. It grows by `retryFactor` with each attempt, up to `maxRetryMilliseconds`. */
  readonly firstRetryMilliseconds: number;
  readonly retryFactor: number;
  readonly maxRetryMilliseconds: number;
  /** The longest wait that a handler or `Retry-After` may ask for. */
  readonly maxNamedRetryMilliseconds: number;
  /** After this number of attempts the event is dead. */
  readonly maxAttempts: number;
  /** How long running attempts may continue when the origin stops. */
  readonly stopMilliseconds: number;
}

export const DISPATCH_LIMITS: DispatchLimits = {
  // Enough to keep a database or an upstream busy.
  concurrency: 16,
  // Six documents of 25 MiB, or three bodies of the largest size that a route allows. With copies that are not freed yet, the
  // process grows by 300 MiB.
  bodyBytes: 128 * 1024 * 1024,
  // The usual timeout of HTTP clients and load balancers.
  deadlineMilliseconds: 30_000,
  // Half of what the edge waits for the origin (20 s), so that the response arrives in time. Docusign wants a response within 5
  // s.
  answerDeadlineMilliseconds: 10_000,
  // The events of a crashed process are attempted again after at most this time. A lease is extended after each third of it.
  leaseMilliseconds: 30_000,
  // One index look-up per second costs nothing. Events that this process accepted do not wait for it.
  pollMilliseconds: 1_000,
  // The first retry is after seconds, for a restart of the handler's program. Retries are at most an hour apart, so that after a
  // long outage every event is retried within the hour.
  firstRetryMilliseconds: 5_000,
  retryFactor: 3,
  maxRetryMilliseconds: 3_600_000,
  // A day: no handler may postpone an event for longer at a time.
  maxNamedRetryMilliseconds: 86_400_000,
  // With waits of half an hour on average, an outage of one night makes no event dead.
  maxAttempts: 30,
  // Orchestrators kill after 30 s, and closing the listener takes up to 20 s of them.
  stopMilliseconds: 15_000,
};

/** How long to wait for the handler after its signal is aborted. A handler that obeys the signal has ended by then. */
export const ABORT_GRACE_MILLISECONDS = 1_000;
/** If nobody waits for the response, up to this much of its body is read, so that the connection can be used again. */
export const MAX_DISCARDED_BYTES = 64 * 1024;
export const DISCARD_MILLISECONDS = 1_000;
/** SOAP responses have a few KB. */
export const MAX_ANSWER_BYTES = 1024 * 1024;
/** Limit of the text of an error. */
export const MAX_REASON_CHARACTERS = 300;
