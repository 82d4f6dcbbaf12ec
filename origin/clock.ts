// The default clock of an origin.

/** Unix seconds. */
export function systemClock(): number {
  return Math.floor(Date.now() / 1000);
}
