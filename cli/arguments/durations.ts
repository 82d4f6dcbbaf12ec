// Durations in options: a whole number and a unit.

import { UsageError } from "../command.ts";

const SECONDS_OF = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 } as const;

/** Returns the seconds of `90s`, `15m`, `12h`, `30d` or `2w`. @throws UsageError */
export function parseDuration(text: string, option: string): number {
  const seconds = readDuration(text);
  if (seconds === undefined)
    throw new UsageError(`--${option} ${text} is not a duration: write a number and s, m, h, d or w, for example 30d`);
  return seconds;
}

/** Returns the seconds, or undefined for a text that is not a duration. */
export function readDuration(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  return number === undefined ? undefined : Number(number) * SECONDS_OF[unit as keyof typeof SECONDS_OF];
}
