// How long an inbox keeps what is finished, and the timer that erases it.

import { MAX_DELIVERY_AGE_SECONDS } from "../../core/wire.ts";
import type { Inbox, Retention } from "../inbox.ts";

/** Rows and bytes of one step: it stands between two acceptances. */
export const MAX_ERASED_EVENTS = 100;
export const MAX_ERASED_BYTES = 8 * 1024 * 1024;

const DAY_SECONDS = 86_400;
/** Assertions are refused by their own end long before: this is for clocks that differ or are set. */
export const REPEATED_SECONDS = DAY_SECONDS;
/** An edge's queue may bring an event once more until so long after it was accepted. */
export const DELIVERED_AGAIN_SECONDS = MAX_DELIVERY_AGE_SECONDS + DAY_SECONDS;

/** A month to look at what was handled; a year to know what comes again, and to answer who sent what. */
export const DEFAULT_RETENTION: Retention = { bodySeconds: 30 * DAY_SECONDS, eventSeconds: 365 * DAY_SECONDS };

/** Steps of a backlog leave most of the time to others. */
const BETWEEN_STEPS_MILLISECONDS = 50;
const BETWEEN_ROUNDS_MILLISECONDS = 60_000;

/**
 * Erases until nothing is older than the rule allows, and looks again every minute. It keeps no process alive.
 * Returns what ends it.
 */
export function startRetention(
  inbox: Pick<Inbox, "prune">,
  retention: Retention,
  onError: (error: unknown) => void,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const step = async () => {
    let changed = 0;
    try {
      changed = await inbox.prune(retention);
    } catch (error) {
      if (!isStopped) onError(error);
    }
    if (!isStopped)
      timer = setTimeout(step, changed > 0 ? BETWEEN_STEPS_MILLISECONDS : BETWEEN_ROUNDS_MILLISECONDS).unref();
  };
  timer = setTimeout(step, BETWEEN_STEPS_MILLISECONDS).unref();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
