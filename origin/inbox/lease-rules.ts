// The constants for leasing work, for SQLite and PostgreSQL.

import { messageOf } from "../../core/failure-chain.ts";

/**
 * The time by which an event is postponed if it waits for an earlier event of its order key. When the earlier event ends, the
 * waiting event becomes due at once. Without this delay, a thousand events behind a failing event would be read in every claim.
 */
export const BLOCKED_MILLISECONDS = 60_000;
/**
 * The token of an event that is postponed because an earlier event of its order key is not finished. When the earlier event ends,
 * only an event with this token becomes due. An event that waits for a retry does not have this token.
 */
export const BLOCKED_TOKEN = "blocked";
/**
 * The delay between the starts of events that were attempted at least twice and whose last attempt left no outcome. These events
 * are started one by one, because one of them may have ended the process that handled all of them.
 */
export const UNFINISHED_APART_MILLISECONDS = 1_000;
/** After this number of examined events, a claim examines no more. */
export const MAX_LOOKED_AT = 1_000;
/**
 * The largest total size, in octets, of the bodies that one claim reads. The limit makes a claim end in time on a slow network, so
 * that it does not delay acceptances. A body that is larger than the limit is claimed alone.
 */
export const MAX_CLAIMED_BYTES = 32 * 1024 * 1024;
/**
 * The clocks of hosts are expected to differ by less than this limit. If the time of a row's last change is further in the future
 * than this limit, somebody set the clock back.
 */
export const CLOCK_TOLERANCE_MILLISECONDS = 60_000;
/** If the wall clock has gained more than this over the monotonic clock, somebody set the wall clock forward. */
export const CLOCK_STEP_MILLISECONDS = 2_000;

/** Returns true if the event was attempted at least twice, and its last attempt left no outcome. */
export function isUnfinished({ state, attempts }: { readonly state: string; readonly attempts: number }): boolean {
  return state === "leased" && attempts > 1;
}

/** Returns the reason of an event that is dead because its row cannot be read. */
export function describeDamage(error: unknown): string {
  return `its row is damaged: ${messageOf(error)}`;
}
