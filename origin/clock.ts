// The default clock of an origin.

/** Returns the time in Unix seconds. */
export function systemClock(): number {
  return Math.floor(Date.now() / 1000);
}
