// Sources of revocation lists: how they are asked, and how what they gave is told. What of it is kept is decided in crl-keeping.ts.

import { hash } from "node:crypto";
import { type Crl, formatTime } from "./crl.ts";
import { readStream } from "./read-body.ts";

/** Whether the source is a URL; else it is the path of a file. */
export function isUrl(source: string): boolean {
  return /^https?:/i.test(source);
}

/** What every fetch of a list asks for, and how long its whole answer may take. */
export const CRL_REQUEST_HEADERS = { accept: "application/pkix-crl" };
export const CRL_FETCH_DEADLINE_MILLISECONDS = 30_000;

/** The list of the answer to such a fetch, unread. @throws Error when there is none, or one of more than `maxBytes` */
export async function readCrlResponse({ status, body }: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  if (status !== 200) throw new Error(`the source answered with ${status}`);
  const bytes = body === null ? undefined : await readStream(body, maxBytes);
  if (bytes === undefined) throw new Error(`the list is empty or over ${maxBytes} bytes`);
  return bytes;
}

/** The facts of a list for a log line, and how it came. */
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

/** Of a line about a source that failed: whether there are lists of it all the same. */
export function failureCode(hasKept: boolean): string {
  return hasKept ? "revocation_list_kept" : "revocation_list_missing";
}

/** Request headers by which a source may answer that nothing changed (RFC 9110 §13.1). */
export type Condition = Readonly<Record<string, string>>;

/** Validators longer than this are not kept: Workers KV holds 1024 bytes beside a value. */
const MAX_VALIDATOR_CHARACTERS = 256;

/** One entity tag, also without its quotes. A `*` or a list would match whatever the source has. */
const ENTITY_TAG = /^(?:(?:W\/)?"[^"]*"|[\w./+=-]+)$/;

/** The condition that asks for what changed since the answer with these headers. */
export function conditionAfter(headers: { get(name: string): string | null }): Condition {
  const etag = headers.get("etag");
  if (etag !== null && etag.length <= MAX_VALIDATOR_CHARACTERS && ENTITY_TAG.test(etag))
    return { "if-none-match": etag };
  const modified = headers.get("last-modified");
  return modified !== null && modified.length <= MAX_VALIDATOR_CHARACTERS ? { "if-modified-since": modified } : {};
}

/** Over plain HTTP anybody on the way may have written an answer, and how it is asked for again. */
function isForgeable(source: string): boolean {
  return /^http:/i.test(source);
}

/**
 * The condition that is kept with an answer. A forger may send a forged list with the validators of the genuine one: the source would then
 * answer that nothing changed, and the forged list would stay. So over plain HTTP only the validators of a proven answer are kept.
 */
export function conditionToKeep(source: string, condition: Condition, isProven: boolean): Condition {
  return isProven || !isForgeable(source) ? condition : {};
}

/** A forger may also replay an old genuine list, which is proven, with the validators of the newest: that lasts a day at the most. */
const ASKED_WHOLE_SECONDS = 86_400;

/** Whether a source whose last whole answer came at that time is asked for all of it, whatever it said. Unix seconds. */
export function isAskedWhole(source: string, answeredAt: number, now: number): boolean {
  return isForgeable(source) && now - answeredAt >= ASKED_WHOLE_SECONDS;
}

/** SHA-256 in hex: tells without parsing whether two answers are the same bytes. */
export function digestOf(bytes: Uint8Array): string {
  return hash("sha256", bytes);
}
