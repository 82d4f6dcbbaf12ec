// What both stores are opened with, and what they have in common around a commit.

import type { Delivery } from "../../core/delivery.ts";
import { Refusal } from "../../core/refusal.ts";
import type { FirstSight } from "../inbox.ts";

export interface InboxOptions {
  /** Unix milliseconds. */
  readonly clock?: () => number;
  /** Told after the commit, by the one process that wrote it. */
  readonly onFirstSight?: (sight: FirstSight) => void;
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
export function tellFirstSights(
  tell: (sight: FirstSight) => void,
  sights: readonly Omit<FirstSight, "id" | "sender">[],
  event: Pick<FirstSight, "id" | "sender">,
): void {
  for (const sight of sights) {
    try {
      tell({ ...sight, ...event });
    } catch {}
  }
}
