// What takes responsibility for an event, and what became of it: between the middleware and whatever stores events.

import type { Delivery } from "../core/delivery.ts";
import { Refusal } from "../core/refusal.ts";

/** What became of an event that was handed over. */
export type Acceptance =
  | {
      readonly outcome: "stored";
      /** An event that has the same key, method and target, and other bytes. Both are kept, and flagged. */
      readonly conflictsWith?: string;
    }
  /** It is there already, from the sender's own retry (same key, method, target and bytes) or from an edge that delivered it again. */
  | { readonly outcome: "duplicate"; readonly of: string };

/** `issuer` of what came without an assertion: its ids are made here, for one request, and never come again. */
export const DIRECT = "direct";

/** What makes an assertion unique (`issuer`, `jti`), and the Unix second after which it is refused anyway. */
export interface AssertionId {
  readonly issuer: string;
  readonly jti: string;
  readonly expires: number;
}

/**
 * Takes responsibility for a delivery: records the assertion's id, with the event if it keeps events, in one atomic step.
 * Nothing, or `stored`, lets the handler run. A `duplicate` is answered with 200 and the stored event's id, without it.
 * @throws ReplayedError when the id is there already. Any other error means that nothing was recorded: the sender is told to come again
 */
export type AcceptDelivery = (
  delivery: Delivery,
  assertion: AssertionId,
  // biome-ignore lint/suspicious/noConfusingVoidType: a user's own function may return nothing
) => void | Acceptance | Promise<void | Acceptance>;

/** Thrown by an `accept`: the assertion's id is recorded already. The sender gets 409. */
export class ReplayedError extends Refusal {
  /** The line of the log names the `jti` of an assertion that is given. */
  constructor(assertion?: Pick<AssertionId, "jti">) {
    super("replayed", assertion && { jti: assertion.jti });
  }
}

/** What an `accept` recorded. @throws Refusal `store_unavailable` for every error that is no refusal */
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
