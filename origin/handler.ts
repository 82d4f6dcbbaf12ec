// What the user's code is to dispatch: a function that gets a delivery, and how it says that it will never, or not yet, succeed.

import type { Delivery } from "../core/delivery.ts";

/** One attempt to handle an event. */
export interface HandlerContext {
  /** The event's id: the same on every attempt. An event may be attempted again after it was handled: remember the id. */
  readonly id: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** When the event was stored, in Unix seconds. */
  readonly acceptedAt: number;
  /**
   * Aborted at the deadline, when the origin stops, and when the lease was lost. What still runs afterwards may overlap with
   * the next attempt: pass it on to `fetch` and the like.
   */
  readonly signal: AbortSignal;
}

/**
 * Handles one event. It is done when this returns or resolves, and is attempted again when it throws or rejects.
 * A `Response` counts by its status, as an upstream's does: 2xx is done, 410 is dead at once, the rest is attempted again.
 * A route with `"answer": "handler"` sends it to the event's sender.
 */
export type Handler = (delivery: Delivery, context: HandlerContext) => unknown;

/** Thrown by a handler: no further attempt can succeed. Recognised by its name, so a copy of this class does as well. */
export class PermanentFailure extends Error {
  override readonly name = "PermanentFailure";
}

/** Thrown by a handler: not before `at`. Recognised by its name, as PermanentFailure is. */
export class RetryLater extends Error {
  override readonly name = "RetryLater";
  readonly at: Date;

  constructor(message: string, at: Date) {
    super(message);
    this.at = at;
  }
}
