// What a source of revocation lists gave, judged before it takes the place of what it gave before.

import { hash } from "node:crypto";
import type { Certificate } from "./certificate.ts";
import { type Crl, formatTime, parseCrl } from "./crl.ts";
import type { Policy } from "./policy.ts";
import { readStream } from "./read-body.ts";
import { isNewer } from "./revocation.ts";

/** Whether the source is a URL; else it is the path of a file. */
export function isUrl(source: string): boolean {
  return /^https?:/i.test(source);
}

/**
 * Reads a list that is to replace `kept`, the last good one of the same source. Returns `kept` when it is no older.
 * The signature is verified when the policy holds the certificate of the authority that the list names; the list of an
 * authority that is only known from the senders' paths is verified there, each time that it is used.
 * @throws Error when the list must not replace the one kept
 */
export function acceptCrl(bytes: Uint8Array, kept: Crl | undefined, { anchors }: Policy, now: number): Crl {
  const list = parseCrl(bytes);
  const authorities = anchors.filter(({ certificate }) => certificate.subjectKey === list.issuerKey);
  requireSignature(
    list,
    authorities.map(({ certificate }) => certificate),
  );
  if (kept === undefined) return list;
  if (list.issuerKey === kept.issuerKey) {
    if (isNewer(kept, list)) throw new Error(`the list is older than the one kept (${formatTime(kept.thisUpdate)})`);
    if (!isNewer(list, kept)) return kept;
  } else if (now <= kept.nextUpdate) {
    // A first list has to be taken as it is; from then on a source that suddenly speaks for somebody else is suspect.
    throw new Error(`the list is of ${list.issuer}, the one kept of ${kept.issuer}`);
  }
  if (now < list.thisUpdate) throw new Error("the list is not yet valid");
  if (now > list.nextUpdate) throw new Error("the list is out of date");
  return list;
}

function requireSignature(list: Crl, authorities: readonly Certificate[]): void {
  if (authorities.length > 0 && !authorities.some((authority) => list.isSignedBy(authority))) {
    throw new Error(`the list is not signed by the key of ${list.issuer}`);
  }
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

/** The facts of a list for a log line. */
export function describeCrl({ issuer, thisUpdate, nextUpdate, number, size }: Crl) {
  return {
    issuer,
    thisUpdate: formatTime(thisUpdate),
    nextUpdate: formatTime(nextUpdate),
    ...(number !== undefined && { number: number.toString(16) }),
    entries: size,
  };
}

/** Request headers by which a source may answer that nothing changed (RFC 9110 §13.1). */
export type Condition = Readonly<Record<string, string>>;

/** Validators longer than this are not kept: Workers KV holds 1024 bytes beside a value. */
const MAX_VALIDATOR_CHARACTERS = 256;

/** The condition that asks for what changed since the answer with these headers. */
export function conditionAfter(headers: { get(name: string): string | null }): Condition {
  const etag = headers.get("etag");
  if (etag !== null && etag.length <= MAX_VALIDATOR_CHARACTERS) return { "if-none-match": etag };
  const modified = headers.get("last-modified");
  return modified !== null && modified.length <= MAX_VALIDATOR_CHARACTERS ? { "if-modified-since": modified } : {};
}

/** SHA-256 in hex: tells without parsing whether two answers are the same bytes. */
export function digestOf(bytes: Uint8Array): string {
  return hash("sha256", bytes);
}
