// The constants and the SQL for deleting old rows, for SQLite and PostgreSQL, and the timer that deletes them.

import { MAX_DELIVERY_AGE_SECONDS, MAX_WATCHED_CERTIFICATES } from "../../core/wire.ts";
import { LATEST_FIRST } from "./events/row.ts";
import type { Inbox, Retention } from "./inbox.ts";

/** The largest numbers of rows and bytes that one step deletes. They are limited because acceptances wait while a step runs. */
export const MAX_ERASED_EVENTS = 100;
export const MAX_ERASED_BYTES = 8 * 1024 * 1024;

const DAY_SECONDS = 86_400;

/**
 * Returns SQL that selects old certificates of senders with more than `MAX_WATCHED_CERTIFICATES` certificates. The latest
 * `MAX_WATCHED_CERTIFICATES` of a sender are never selected. Any other certificate is old if it was last seen more than a day
 * before the oldest event, because no stored event can have it. The events are not searched for the certificate, because an index
 * for this search would cost every event a write. The day is needed because `last_seen` may be an hour too early, and the clocks of
 * origins may differ.
 * @param before SQL for the time of the oldest event
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
/**
 * The time for which the id (`jti`) of a used assertion is kept after the assertion expired, so that a replay is detected. An
 * assertion expires after 60 s. A day is enough even if clocks differ or are set.
 */
export const REPEATED_SECONDS = DAY_SECONDS;
/**
 * For this time after an event was accepted, an edge's queue may deliver the event again. So the id of the event is kept for this
 * time.
 */
export const DELIVERED_AGAIN_SECONDS = MAX_DELIVERY_AGE_SECONDS + DAY_SECONDS;

/** The pause between two steps. If there is much to delete, acceptances can run during these pauses. */
const BETWEEN_STEPS_MILLISECONDS = 50;
const BETWEEN_ROUNDS_MILLISECONDS = 60_000;

/**
 * Deletes until nothing is older than `retention` allows, and checks again every minute. The timer does not keep the process alive.
 * Returns a function that stops the timer.
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
