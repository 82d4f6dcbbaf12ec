// The limits of dispatch, each with its reason. The members of `DispatchLimits` can be configured.

/** The limits of dispatch. All times are in milliseconds. */
export interface DispatchLimits {
  /** The number of attempts that run at the same time in one process. */
  readonly concurrency: number;
  /**
   * The largest total size of the bodies that the attempts of one process hold, in octets. If it is reached, no attempt is started
   * until a running attempt has ended.
   */
  readonly bodyBytes: number;
  /** The deadline of one attempt. */
  readonly deadlineMilliseconds: number;
  /** The deadline of one attempt whose response the sender waits for. */
  readonly answerDeadlineMilliseconds: number;
  readonly leaseMilliseconds: number;
  /** The interval at which to look for events that other processes accepted. */
  readonly pollMilliseconds: number;
  /**
   * The longest wait before the second attempt. For each further attempt, the longest wait is multiplied by `retryFactor`, up to
   * `maxRetryMilliseconds`.
   */
  readonly firstRetryMilliseconds: number;
  readonly retryFactor: number;
  readonly maxRetryMilliseconds: number;
  /** The longest wait that a handler or `Retry-After` may ask for. */
  readonly maxNamedRetryMilliseconds: number;
  /** After this number of attempts the event is dead. */
  readonly maxAttempts: number;
  /** The time for which running attempts may continue when the origin stops. */
  readonly stopMilliseconds: number;
}

export const DISPATCH_LIMITS: DispatchLimits = {
  // This is enough to keep a database or an upstream busy.
  concurrency: 16,
  // This is enough for five documents of 25 MiB, or for two bodies of the largest size that a route allows. The process grows by up
  // to 300 MiB, because copies are not freed at once.
  bodyBytes: 128 * 1024 * 1024,
  // This is the usual timeout of HTTP clients and load balancers.
  deadlineMilliseconds: 30_000,
  // The edge waits 20 s for the origin. This is half of that time, so that the response arrives in time. For Docusign, which wants
  // a response within 5 s, this is too long.
  answerDeadlineMilliseconds: 10_000,
  // The events of a crashed process are attempted again after at most this time. A running process extends its leases whenever a
  // third of this time has passed.
  leaseMilliseconds: 30_000,
  // One index look-up per second costs nearly nothing. Events that this process accepted are attempted without this look-up.
  pollMilliseconds: 1_000,
  // The first retry follows after seconds, in case the handler's program is restarting. Retries are at most an hour apart, so that
  // every event is retried within one hour after a long outage.
  firstRetryMilliseconds: 5_000,
  retryFactor: 3,
  maxRetryMilliseconds: 3_600_000,
  // This is a day. If a handler or an upstream asks for a longer wait, the event is attempted after a day.
  maxNamedRetryMilliseconds: 86_400_000,
  // The waits are half an hour on average, so an outage of one night makes no event dead.
  maxAttempts: 30,
  // This is less than the 20 s that the listener may take to close. Orchestrators kill a process 30 s after they tell it to stop.
  stopMilliseconds: 15_000,
};

/** The time to wait for the handler after its signal is aborted. A handler that obeys the signal has ended by then. */
export const ABORT_GRACE_MILLISECONDS = 1_000;
/**
 * The largest number of octets that are read from a response body that nobody waits for. If the body ends within this limit, the
 * connection can be used again.
 */
export const MAX_DISCARDED_BYTES = 64 * 1024;
export const DISCARD_MILLISECONDS = 1_000;
/** The largest response body that is passed on to a sender. SOAP responses have a few KB. */
export const MAX_ANSWER_BYTES = 1024 * 1024;
/** The largest length of an error's text that is stored and logged. */
export const MAX_REASON_CHARACTERS = 300;
