// Judges an attempt. Only this file turns a response or an error of the user's code into done, retry or dead.

import { describeCause } from "../failure-cause.ts";
import { type DispatchLimits, MAX_REASON_CHARACTERS } from "./limits.ts";

/** The verdict on an attempt. `status` is the status of the response, if there is one. */
export type AttemptOutcome =
  | { readonly outcome: "done"; readonly status?: number }
  /** `notBefore` is in Unix milliseconds. It is undefined if the user's code named no time for the next attempt. */
  | {
      readonly outcome: "retry";
      readonly reason: string;
      readonly notBefore: number | undefined;
      readonly status?: number;
    }
  | { readonly outcome: "dead"; readonly reason: string; readonly status?: number };

/**
 * Judges a response by its status only. After 410 the event is dead, because 410 means "never again" in Standard Webhooks. Other
 * 4xx are retried like 5xx, because something other than the event may be the cause. For example, a path that is not deployed yet
 * gives 404, and a key that is not known yet gives 401.
 */
export function judgeResponse({ status, headers }: Response, now: number): AttemptOutcome {
  if (status >= 200 && status < 300) return { outcome: "done", status };
  if (status === 410) return { outcome: "dead", reason: "answered 410 Gone", status };
  const reason =
    status >= 300 && status < 400 ? `answered ${status}: a redirect is never followed` : `answered ${status}`;
  return { outcome: "retry", reason, notBefore: parseRetryAfter(headers.get("retry-after"), now), status };
}

/**
 * Judges any value that the user's code threw. If the value cannot even be converted to text, the event is still retried.
 */
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

/**
 * Reads Retry-After (RFC 9110 §10.2.3): seconds, or a date in GMT. Any other value is ignored. Only a value that ends in GMT is
 * passed to `Date.parse`, which would read `1.5` as a date, for example.
 */
function parseRetryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return now + Number(value) * 1000;
  const at = value.endsWith(" GMT") ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

/**
 * Returns the text as one line of limited length that every store accepts. Control characters become spaces, because PostgreSQL
 * cannot store U+0000 in a text.
 */
export function formatReason(text: string): string {
  const line = text.slice(0, MAX_REASON_CHARACTERS * 2).replaceAll(/[\p{Cc}\s]+/gu, " ");
  return (line.length <= MAX_REASON_CHARACTERS ? line : `${line.slice(0, MAX_REASON_CHARACTERS)}…`).toWellFormed();
}

/**
 * Returns the milliseconds to wait before the next attempt. The wait is a random time between 0 and a limit that grows with each
 * attempt (full jitter). Otherwise events that failed together would be retried together. If the user's code named a time, there
 * is a second wait: until this time, but at most `maxNamedRetryMilliseconds`, and then a random time more. The longer of the two
 * waits counts. So a handler that always names the next second does not use up all attempts in a minute.
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
