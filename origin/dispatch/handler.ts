// The interface of the user's code for dispatch. A handler is a function that gets a delivery. A handler can throw two special
// errors: one says that no further attempt can succeed, the other says before which time the handler must not be called again.

import type { Delivery } from "../../core/delivery/delivery.ts";

/** The facts about one attempt to handle an event. */
export interface HandlerContext {
  /**
   * The event's id, which is the same on every attempt. An event may be attempted again after it was handled. To recognise the
   * repetition, remember `delivery.eventKey ?? id`. If the policy names an event key, a sender's retry with a different body has
   * the same key, but a different id.
   */
  readonly id: string;
  /** The number of the attempt. The first attempt has the number 1. */
  readonly attempt: number;
  /** The time at which the event was stored, in Unix seconds. */
  readonly acceptedAt: number;
  /**
   * The signal is aborted at the deadline, when the origin stops, and when the lease is lost. Work that continues afterwards may
   * overlap with the next attempt, so pass the signal to `fetch` and similar functions.
   */
  readonly signal: AbortSignal;
}

/**
 * Handles one event. If the handler returns or resolves, the event is done. If it throws or rejects, the event is attempted again.
 * A `Response` is judged by its status, like the response of an upstream: 2xx is done, 410 is dead at once, and any other status
 * is attempted again. On a route with `"answer": "handler"`, the event's sender gets this response.
 */
export type Handler = (delivery: Delivery, context: HandlerContext) => unknown;

/**
 * The error that a handler throws if no further attempt can succeed. Dispatch recognises the error by its name, so a copy of this
 * class works too.
 */
export class PermanentFailure extends Error {
  override readonly name = "PermanentFailure";
}

/** The error that a handler throws to be called again, but not before `at`. Dispatch recognises the error by its name. */
export class RetryLater extends Error {
  override readonly name = "RetryLater";
  readonly at: Date;

  constructor(message: string, at: Date) {
    super(message);
    this.at = at;
  }
}
