// The numbers of dispatch, each with its reason. All of them can be changed.

/** All times in milliseconds. */
export interface DispatchLimits {
  /** Attempts at a time, of one process. */
  readonly concurrency: number;
  /** Of bodies under way in one process: the one that reaches it is the last until others have ended. */
  readonly bodyBytes: number;
  /** Of one attempt. */
  readonly deadlineMilliseconds: number;
  /** Of one attempt whose answer the sender waits for. */
  readonly answerDeadlineMilliseconds: number;
  readonly leaseMilliseconds: number;
  /** How often to look for events that other processes accepted. */
  readonly pollMilliseconds: number;
  /** The longest wait before the second attempt; it grows by `retryFactor` up to `maxRetryMilliseconds`. */
  readonly firstRetryMilliseconds: number;
  readonly retryFactor: number;
  readonly maxRetryMilliseconds: number;
  /** The longest wait that a handler or `Retry-After` may ask for. */
  readonly maxNamedRetryMilliseconds: number;
  /** Then the event is dead. */
  readonly maxAttempts: number;
  /** How long running attempts may go on when the origin stops. */
  readonly stopMilliseconds: number;
}

export const DISPATCH_LIMITS: DispatchLimits = {
  // Enough to keep a database or an upstream busy.
  concurrency: 16,
  // Six documents of 25 MiB, or three of the largest that a route may take. With copies that are not freed yet the process grows by 300 MiB.
  bodyBytes: 128 * 1024 * 1024,
  // What HTTP clients and load balancers wait by habit.
  deadlineMilliseconds: 30_000,
  // Half of what the edge waits for the origin (20 s), so that the answer gets there; Docusign asks for one within 5 s.
  answerDeadlineMilliseconds: 10_000,
  // How late the events of a crashed process are attempted again. A lease is extended at each third of it.
  leaseMilliseconds: 30_000,
  // One look into an index a second costs nothing; events that this process accepted wait for none.
  pollMilliseconds: 1_000,
  // A restart of the user's program is over in seconds; a real outage is met once an hour, so it ends within an hour for all.
  firstRetryMilliseconds: 5_000,
  retryFactor: 3,
  maxRetryMilliseconds: 3_600_000,
  // A day: nobody is asked to wait longer than until the next one.
  maxNamedRetryMilliseconds: 86_400_000,
  // With waits of half an hour on average, an outage of a night makes no dead letters.
  maxAttempts: 30,
  // Orchestrators kill after 30 s, and the listener takes up to 20 of them.
  stopMilliseconds: 15_000,
};

/** Between an aborted signal and the end of waiting for the handler: a handler that obeys it is over by then. */
export const ABORT_GRACE_MILLISECONDS = 1_000;
/** Of what a handler answers in an attempt that nobody waits for, this much is read, so that the connection can be used again. */
export const MAX_DISCARDED_BYTES = 64 * 1024;
export const DISCARD_MILLISECONDS = 1_000;
/** SOAP answers are a few KB. */
export const MAX_ANSWER_BYTES = 1024 * 1024;
/** Of an error's own text. */
export const MAX_REASON_CHARACTERS = 300;
