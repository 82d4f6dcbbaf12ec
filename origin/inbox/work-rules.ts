// The numbers and marks by which both stores hand out work.

/**
 * An event that waits for an earlier one of its order key is looked at again so much later, unless the end of the earlier one
 * makes it due before: a thousand of them behind one that fails would otherwise be looked at in every claim.
 */
export const BLOCKED_MILLISECONDS = 60_000;
/** The token of such an event, which no lease has: only what waits for its order is woken, not what waits for a retry. */
export const BLOCKED_TOKEN = "blocked";
/**
 * Attempts that left no outcome for the second time are begun again one by one, so far apart: one of them may be what ended the
 * process of all.
 */
export const UNFINISHED_APART_MILLISECONDS = 1_000;
/** Events looked at in one claim. */
export const MAX_LOOKED_AT = 1_000;
/** Bodies that one claim reads, so that it ends in time on a slow network and holds up no acceptance; a larger one comes alone. */
export const MAX_CLAIMED_BYTES = 32 * 1024 * 1024;
/** Hosts' clocks differ by less; a clock that is behind the last change by more was set back. */
export const CLOCK_TOLERANCE_MILLISECONDS = 60_000;
/** A clock that is ahead of one that nobody sets by more was set forward. */
export const CLOCK_STEP_MILLISECONDS = 2_000;

/** Whether an attempt was begun for the second time, and left no outcome again. */
export function isUnfinished({ state, attempts }: { readonly state: string; readonly attempts: number }): boolean {
  return state === "leased" && attempts > 1;
}

/** Why an event is dead that no longer can be made of its row. */
export function describeDamage(error: unknown): string {
  return `its row is damaged: ${error instanceof Error ? error.message : String(error)}`;
}
