// The clock of an origin where nobody passes another.

/** Unix seconds. */
export function systemClock(): number {
  return Math.floor(Date.now() / 1000);
}
