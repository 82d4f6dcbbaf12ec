// The numbers by which both stores hand out work.

/**
 * An event that waits for an earlier one of its order key is looked at again so much later, unless the end of the earlier one
 * makes it due before: a thousand of them behind one that fails would otherwise be looked at in every claim.
 */
export const BLOCKED_MILLISECONDS = 60_000;
/** Events looked at in one claim. */
export const MAX_LOOKED_AT = 1_000;
/** Hosts' clocks differ by less; a clock that is behind the last change by more was set back. */
export const CLOCK_TOLERANCE_MILLISECONDS = 60_000;
