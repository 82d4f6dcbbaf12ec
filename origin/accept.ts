// The contract between the code that verifies requests and the code that stores events: `AcceptDelivery` and its results.

import type { Delivery } from "../core/delivery/delivery.ts";
import { Refusal } from "../core/refusal.ts";

/** The result of an `accept` function. */
export type Acceptance =
  | {
      readonly outcome: "stored";
      /**
       * The id of an event that was stored earlier. It has the same event key, method and target as the new event, but other bytes.
       * Both events are kept and flagged.
       */
      readonly conflictsWith?: string;
    }
  /**
   * The event is already stored. Either the sender sent the same event key, method, target and bytes again, or an edge delivered
   * the event again.
   */
  | { readonly outcome: "duplicate"; readonly of: string };

/**
 * The `issuer` of a request without an assertion. The origin makes a new `jti` for each of these requests, so no `jti` occurs
 * twice.
 */
export const DIRECT = "direct";

/**
 * The `issuer` and `jti` make an assertion unique. After the Unix second `expires`, the assertion is refused, because it has
 * expired.
 */
export interface AssertionId {
  readonly issuer: string;
  readonly jti: string;
  readonly expires: number;
}

/**
 * Takes responsibility for a delivery. Records the assertion's id. A function that stores events records the id and the event in
 * one atomic step. After `stored`, or if nothing is returned, the handler runs. A `duplicate` is answered with 200 and the id of
 * the stored event, and the handler does not run.
 * @throws ReplayedError if the id is already recorded. Any other error means that nothing was recorded, and the sender is told to
 * retry
 */
export type AcceptDelivery = (
  delivery: Delivery,
  assertion: AssertionId,
  // biome-ignore lint/suspicious/noConfusingVoidType: a user's own function may return nothing
) => void | Acceptance | Promise<void | Acceptance>;

/** The error that an `accept` function throws if the id of the assertion is already recorded. The sender gets 409. */
export class ReplayedError extends Refusal {
  /** If an assertion is given, the log line names its `jti`. */
  constructor(assertion?: Pick<AssertionId, "jti">) {
    super("replayed", assertion && { jti: assertion.jti });
  }
}

/** Calls `accept` and returns what it recorded. @throws Refusal `store_unavailable` for every error that is not a Refusal */
export async function recordBy(
  accept: AcceptDelivery,
  delivery: Delivery,
  assertion: AssertionId,
): Promise<Acceptance> {
  try {
    return (await accept(delivery, assertion)) ?? { outcome: "stored" };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("store_unavailable", {
      cause: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
}
