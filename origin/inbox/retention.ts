// How long an inbox keeps what is finished, and the timer that erases it.

import { MAX_DELIVERY_AGE_SECONDS, MAX_WATCHED_CERTIFICATES } from "../../core/wire.ts";
import type { Inbox, Retention } from "../inbox.ts";
import { LATEST_FIRST } from "./rows.ts";

/** Rows and bytes of one step: it stands between two acceptances. */
export const MAX_ERASED_EVENTS = 100;
export const MAX_ERASED_BYTES = 8 * 1024 * 1024;

const DAY_SECONDS = 86_400;

/**
 * Of the certificates of senders that had more than are watched, those that no event came with. By time, because an index of events would
 * cost each of them: last_seen is late by an hour at the most, and clocks of origins do not differ by a day.
 * @param before the parameter: the time of the oldest event
 */
export function oldCertificates(before: string): string {
  return `
    SELECT old.id FROM (
      SELECT sender FROM certificate GROUP BY sender HAVING count(*) > ${MAX_WATCHED_CERTIFICATES}
    ) AS many JOIN certificate AS old ON old.sender = many.sender
    WHERE old.last_seen < ${before} - ${DAY_SECONDS}
      AND old.id NOT IN (SELECT id FROM certificate WHERE sender = many.sender ${LATEST_FIRST})
    LIMIT ${MAX_ERASED_EVENTS}`;
}
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
