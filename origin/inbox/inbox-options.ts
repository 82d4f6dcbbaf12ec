// What both stores are opened with, and what they have in common around a commit.

import type { Delivery } from "../../core/delivery.ts";
import { Refusal } from "../../core/refusal.ts";
import type { FirstSight } from "../inbox.ts";

export interface InboxOptions {
  /** Unix milliseconds. */
  readonly clock?: () => number;
  /**
   * Called when a sender was accepted with what it was not seen with before, after the commit, in the one process that
   * wrote it; with nothing in the list when the sender itself is new, or its key, issuer and intermediates are known.
   */
  readonly onNewCertificate?: (firstSights: readonly FirstSight[]) => void;
}

/** About what an event holds in memory beside its body. */
const EVENT_BYTES = 4096;

export function weigh({ body }: Delivery): number {
  return body.byteLength + EVENT_BYTES;
}

/** @throws Refusal always */
export function toUnavailable(error: unknown): never {
  if (error instanceof Refusal) throw error;
  throw new Refusal("store_unavailable", { cause: error instanceof Error ? error.message : String(error) });
}

/** The event is stored: a listener that fails must not make its sender send it again. */
export function tellNewCertificate(
  tell: (firstSights: readonly FirstSight[]) => void,
  sights: readonly Omit<FirstSight, "id" | "sender">[],
  { id, sender }: Pick<FirstSight, "id" | "sender">,
): void {
  try {
    tell(sights.map((sight) => ({ ...sight, sender, id })));
  } catch {}
}
