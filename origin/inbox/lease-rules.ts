// The constants by which both stores lease work.

import { messageOf } from "../../core/failure-chain.ts";

/**
 * How long an event that waits for an earlier one of its order key is postponed. The end of the earlier one makes it due sooner.
 * Without this, a thousand events behind one that fails would be read in every claim.
 */
export const BLOCKED_MILLISECONDS = 60_000;
/**
 * The token of a postponed event, which no lease has. With it, only events that wait for their order are woken, not those that
 * wait for a retry.
 */
export const BLOCKED_TOKEN = "blocked";
/**
 * Events whose attempts ended without an outcome twice are started one by one, with this delay between them: one of them may have
 * ended the process of all.
 */
export const UNFINISHED_APART_MILLISECONDS = 1_000;
/** Events read in one claim. */
export const MAX_LOOKED_AT = 1_000;
/**
 * Bytes of bodies read in one claim, so that it ends in time on a slow network and does not delay acceptances. A larger body is
 * claimed alone.
 */
export const MAX_CLAIMED_BYTES = 32 * 1024 * 1024;
/** The clocks of hosts differ by less than this. If a clock is further behind the last change, it was set back. */
export const CLOCK_TOLERANCE_MILLISECONDS = 60_000;
/** If the wall clock gained more than this on the monotonic clock, it was set forward. */
export const CLOCK_STEP_MILLISECONDS = 2_000;

/** Whether the event was attempted at least twice, and its last attempt left no outcome. */
export function isUnfinished({ state, attempts }: { readonly state: string; readonly attempts: number }): boolean {
  return state === "leased" && attempts > 1;
}

/** The reason of an event that is dead because its row cannot be read. */
export function describeDamage(error: unknown): string {
  return `its row is damaged: ${messageOf(error)}`;
}
