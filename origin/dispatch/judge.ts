// Judges an attempt. This is the only place where a response or an error of the user's code becomes done, retry or dead.

import { describeCause } from "../failure-cause.ts";
import { type DispatchLimits, MAX_REASON_CHARACTERS } from "./limits.ts";

/** `status`: that of the response, if there is one. */
export type AttemptOutcome =
  | { readonly outcome: "done"; readonly status?: number }
  /** `notBefore`: Unix milliseconds, if the user's code named a time. */
  | {
      readonly outcome: "retry";
      readonly reason: string;
      readonly notBefore: number | undefined;
      readonly status?: number;
    }
  | { readonly outcome: "dead"; readonly reason: string; readonly status?: number };

/**
 * Judges by the status only. 410 is "never again" in Standard Webhooks. Other 4xx are retried like 5xx: a path that is not
 * deployed yet or a key that is not known yet gives 404 or 401, and says nothing about the event.
 */
export function judgeResponse({ status, headers }: Response, now: number): AttemptOutcome {
  if (status >= 200 && status < 300) return { outcome: "done", status };
  if (status === 410) return { outcome: "dead", reason: "answered 410 Gone", status };
  const reason =
    status >= 300 && status < 400 ? `answered ${status}: a redirect is never followed` : `answered ${status}`;
  return { outcome: "retry", reason, notBefore: parseRetryAfter(headers.get("retry-after"), now), status };
}

/** Accepts any thrown value. A value that cannot be converted to text counts as a fault of the user's code too. */
export function judgeError(error: unknown): AttemptOutcome {
  try {
    const { name, message, at } = Object(error) as { name?: unknown; message?: unknown; at?: unknown };
    const reason = formatReason(
      typeof message === "string" && message !== "" ? `${name}: ${describeCause(error)}` : String(error),
    );
    if (name === "PermanentFailure") return { outcome: "dead", reason };
    const named = name === "RetryLater" && at instanceof Date ? at.getTime() : Number.NaN;
    return { outcome: "retry", reason, notBefore: Number.isNaN(named) ? undefined : named };
  } catch {
    return { outcome: "retry", reason: "threw a value without a text", notBefore: undefined };
  }
}

/** RFC 9110 §10.2.3: seconds, or a date in GMT. Anything else is ignored, because Date.parse would read `1.5` as a date. */
function parseRetryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return now + Number(value) * 1000;
  const at = value.endsWith(" GMT") ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** One line of limited length that every store accepts: texts in PostgreSQL cannot hold U+0000. */
export function formatReason(text: string): string {
  const line = text.slice(0, MAX_REASON_CHARACTERS * 2).replaceAll(/[\p{Cc}\s]+/gu, " ");
  return (line.length <= MAX_REASON_CHARACTERS ? line : `${line.slice(0, MAX_REASON_CHARACTERS)}…`).toWellFormed();
}

/**
 * The minimum wait before the next attempt, in milliseconds. Full jitter: a random time up to the wait of this attempt, so that
 * events that failed together are not retried together. A time that the handler named makes the wait longer, up to its limit,
 * with the first wait as jitter. It never makes it shorter: a handler that always names the next second would use up all attempts
 * in a minute.
 */
export function scheduleRetry(
  { notBefore }: Extract<AttemptOutcome, { outcome: "retry" }>,
  { attempt, now, random }: { readonly attempt: number; readonly now: number; readonly random: () => number },
  limits: DispatchLimits,
): number {
  const { firstRetryMilliseconds, retryFactor, maxRetryMilliseconds, maxNamedRetryMilliseconds } = limits;
  const wait = random() * Math.min(maxRetryMilliseconds, firstRetryMilliseconds * retryFactor ** (attempt - 1));
  if (notBefore === undefined) return Math.round(wait);
  const named = Math.min(notBefore - now, maxNamedRetryMilliseconds) + random() * firstRetryMilliseconds;
  return Math.round(Math.max(named, wait));
}
