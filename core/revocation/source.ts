// Sources of revocation lists: how a list is requested, and how the answer is logged. keeping.ts decides which lists are kept.

import type { OperationalCode } from "../log-words.ts";
import { readStream } from "../request/read-body.ts";
import { type Crl, formatTime } from "../x509/crl.ts";

/** True for a URL. Any other source is the path of a file. */
export function isUrl(source: string): boolean {
  return /^https?:/i.test(source);
}

/** The headers of every request for a list, and the time limit for the whole answer. */
export const CRL_REQUEST_HEADERS = { accept: "application/pkix-crl" };
export const CRL_FETCH_DEADLINE_MILLISECONDS = 30_000;

/** Returns the body, not parsed. @throws Error if the status is not 200 or the body is larger than `maxBytes` */
export async function readCrlResponse({ status, body }: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  if (status !== 200) throw new Error(`the source answered with ${status}`);
  const bytes = body === null ? undefined : await readStream(body, maxBytes);
  if (bytes === undefined) throw new Error(`the list is empty or over ${maxBytes} bytes`);
  return bytes;
}

/** Returns the facts of a list for a log line. `isPem` is true if the source sent the list in PEM. */
export function describeCrl({ issuer, thisUpdate, nextUpdate, number, size }: Crl, isPem = false) {
  return {
    issuer,
    thisUpdate: formatTime(thisUpdate),
    nextUpdate: formatTime(nextUpdate),
    ...(number !== undefined && { number: number.toString(16) }),
    entries: size,
    ...(isPem && { form: "PEM" }),
  };
}

/** The code for the log line of a failed source. It says whether earlier lists of the source are still kept. */
export function failureCode(hasKept: boolean): OperationalCode {
  return hasKept ? "revocation_list_kept" : "revocation_list_missing";
}

/** Request headers that let a source answer that the list has not changed (RFC 9110 §13.1). */
export type Condition = Readonly<Record<string, string>>;

/**
 * The limit of an ETag or Last-Modified value. A longer value is not kept, because the metadata of a value in Workers KV holds only
 * 1024 bytes.
 */
const MAX_VALIDATOR_CHARACTERS = 256;

/**
 * One entity tag. Its quotes may be missing. `*` and lists of tags are not accepted, because they would also match other versions
 * of the list.
 */
const ENTITY_TAG = /^(?:(?:W\/)?"[^"]*"|[\w./+=-]+)$/;

/**
 * Makes a condition from the headers of an answer. A later request with this condition asks whether the list has changed since that
 * answer.
 */
export function conditionAfter(headers: { get(name: string): string | null }): Condition {
  const etag = headers.get("etag");
  if (etag !== null && etag.length <= MAX_VALIDATOR_CHARACTERS && ENTITY_TAG.test(etag))
    return { "if-none-match": etag };
  const modified = headers.get("last-modified");
  return modified !== null && modified.length <= MAX_VALIDATOR_CHARACTERS ? { "if-modified-since": modified } : {};
}

/** Over plain HTTP, anybody on the network path may have written the body and the headers of the answer. */
function isForgeable(source: string): boolean {
  return /^http:/i.test(source);
}

/**
 * Returns the condition to keep with an answer. For plain HTTP, keeps the condition only if the answer is proven. Otherwise a
 * forger could send a forged list with the ETag or Last-Modified of the genuine list. Then the source would answer every
 * conditional request with 304 (not modified), and the forged list would stay.
 */
export function conditionToKeep(source: string, condition: Condition, isProven: boolean): Condition {
  return isProven || !isForgeable(source) ? condition : {};
}

/**
 * An attacker may answer with an old list, which is correctly signed, and with the ETag or Last-Modified of the newest list. Then
 * every conditional request gets 304, and the old list stays. A request without a condition once a day limits this to a day.
 */
const ASKED_WHOLE_SECONDS = 86_400;

/**
 * Returns true if the next request must have no condition, because the source uses plain HTTP and last sent its lists at least a
 * day ago. `answeredAt` and `now` are Unix seconds.
 */
export function isAskedWhole(source: string, answeredAt: number, now: number): boolean {
  return isForgeable(source) && now - answeredAt >= ASKED_WHOLE_SECONDS;
}
