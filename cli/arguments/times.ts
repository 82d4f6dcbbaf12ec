// Parses points in time in options.

import { UsageError } from "../command.ts";
import { readDuration } from "./durations.ts";

const DATE = /^\d{4}-\d\d-\d\d$/;
/** If the text has no zone, the time is UTC, like all times that are printed. */
const INSTANT = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?$/;

/**
 * Returns Unix seconds. The text is `2026-11-30`, `2026-11-30T08:00:00Z`, or an age: `90s`, `15m`, `12h`, `7d`, `2w`.
 * @throws UsageError
 */
export function parseTime(text: string, option: string, now: number): number {
  const ago = readDuration(text);
  if (ago !== undefined) return now - ago;
  const [, date, time, zone = "Z"] = INSTANT.exec(text) ?? [];
  const milliseconds = Date.parse(DATE.test(text) ? `${text}T00:00Z` : `${date}T${time}${zone}`);
  // Date.parse accepts the 31st of a month that has only 30 days, so the day is also checked here.
  const day = text.slice(0, 10);
  const isDay = !Number.isNaN(Date.parse(day)) && new Date(Date.parse(day)).toISOString().startsWith(day);
  if (Number.isNaN(milliseconds) || !isDay)
    throw new UsageError(
      `--${option} ${text} is not a time: write a day like 2026-11-30, a time like 2026-11-30T08:00:00Z, or an age like 7d`,
    );
  return Math.floor(milliseconds / 1000);
}
