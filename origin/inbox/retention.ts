// How long an inbox keeps what is finished, and the timer that erases it.

/** Rows and bytes of one step: it stands between two acceptances. */
export const MAX_ERASED_EVENTS = 100;
export const MAX_ERASED_BYTES = 8 * 1024 * 1024;
/** Assertions that brought what was there already are refused by their own end long before. */
export const REPEATED_SECONDS = 86_400;
