// The interface of the user's code for dispatch: a function that gets a delivery, and errors that say that it will never succeed,
// or not before a certain time.

import type { Delivery } from "../../core/delivery/delivery.ts";

/** One attempt to handle an event. */
export interface HandlerContext {
  /** The event's id: the same on every attempt. An event may be attempted again after it was handled, so remember the id. */
  readonly id: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** When the event was stored, in Unix seconds. */
  readonly acceptedAt: number;
  /**
   * Aborted at the deadline, when the origin stops, and when the lease is lost. Work that continues afterwards may overlap with
   * the next attempt, so pass the signal to `fetch` and the like.
   */
  readonly signal: AbortSignal;
}

/**
 * Handles one event. The event is done when this returns or resolves, and is attempted again when it throws or rejects. A
 * `Response` is judged by its status, like that of an upstream: 2xx is done, 410 is dead at once, anything else is attempted
 * again. On a route with `"answer": "handler"`, the event's sender gets this response.
 */
export type Handler = (delivery: Delivery, context: HandlerContext) => unknown;

/** Thrown by a handler: no further attempt can succeed. It is recognised by its name, so a copy of this class works too. */
export class PermanentFailure extends Error {
  override readonly name = "PermanentFailure";
}

/** Thrown by a handler: try again, but not before `at`. It is recognised by its name, like PermanentFailure. */
export class RetryLater extends Error {
  override readonly name = "RetryLater";
  readonly at: Date;

  constructor(message: string, at: Date) {
    super(message);
    this.at = at;
  }
}
