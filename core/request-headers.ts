// Which headers of a sender travel on: a list, so that nothing unnamed can, in any spelling.

import type { Route, Sender } from "./policy.ts";
import { Refusal } from "./refusal.ts";
import { signatureHeaderNames } from "./signature-schemes.ts";
import {
  ASSERTION_HEADER,
  CLIENT_CERT_CHAIN_HEADER,
  CLIENT_CERT_HEADER,
  CONTENT_DIGEST_HEADER,
  MAX_FORWARDED_HEADER_CHARACTERS,
} from "./wire.ts";

/** What describes the body and the sender's software. Everything else is named by the route, or dropped. */
export const FORWARDED_HEADERS: readonly string[] = [
  "accept",
  "content-encoding",
  "content-language",
  "content-type",
  "soapaction",
  "user-agent",
];

const NEVER_FORWARDED: ReadonlySet<string> = new Set([
  ASSERTION_HEADER,
  CLIENT_CERT_HEADER,
  CLIENT_CERT_CHAIN_HEADER,
  CONTENT_DIGEST_HEADER,
  "authorization",
  "connection",
  "content-length",
  "cookie",
  "expect",
  "forwarded",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
const NEVER_FORWARDED_PREFIXES: readonly string[] = ["cf-", "countersign-", "mf-", "proxy-", "x-forwarded-"];

/** Whether a route may name this header (lower case): not ours, not a credential, not of one hop, not a platform's. */
export function isForwardableHeader(name: string): boolean {
  return !NEVER_FORWARDED.has(name) && !NEVER_FORWARDED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** Whether a header's value is ASCII: runtimes decode other characters each in their own way, and what is signed is a text. */
export function isPlainText(value: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(value);
}

/**
 * The Content-Type, which is signed.
 * @throws Refusal `malformed_headers`
 */
export function readContentType(headers: Headers): string {
  const value = headers.get("content-type") ?? "";
  if (!isPlainText(value)) throw new Refusal("malformed_headers");
  return value;
}

/** The headers that the sender's keys are read from. */
function keyHeaders({ eventKey, orderKey }: Sender): string[] {
  return [eventKey, orderKey].flatMap((key) => (key !== undefined && "header" in key ? [key.header] : []));
}

/**
 * The headers to forward: by the standard list, by the route, and what the sender's signature and keys are read from.
 * @throws Refusal `malformed_headers` for more than an origin takes
 */
export function selectForwardedHeaders(
  headers: Headers,
  route: Route,
  sender: Sender,
): [name: string, value: string][] {
  const { signature } = sender;
  const ofSignature = signature === undefined ? [] : signatureHeaderNames(signature.scheme, headers);
  const lists = [FORWARDED_HEADERS, route.headers, ofSignature, keyHeaders(sender)];
  const selected = new Map<string, string>();
  for (const names of lists) {
    for (const name of names) {
      const value = headers.get(name);
      if (value !== null) selected.set(name, value);
    }
  }
  const forwarded = [...selected];
  const characters = forwarded.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (characters > MAX_FORWARDED_HEADER_CHARACTERS) throw new Refusal("malformed_headers", { characters });
  return forwarded;
}

/**
 * Behind the edge: of the headers to forward those that the edge signed, and Content-Type, which it signs by itself. What others add on
 * the way is left out; but what the policy names is never missing without a word.
 * @throws Refusal `headers_mismatch` for a header that the policy names, and that is there and not signed
 */
export function selectSignedHeaders(
  headers: Headers,
  route: Route,
  sender: Sender,
  signed: readonly string[],
): [name: string, value: string][] {
  const isSigned = (name: string) => name === "content-type" || signed.includes(name);
  const named = [...route.headers, ...keyHeaders(sender)];
  const unsigned = named.filter((name) => headers.has(name) && !isSigned(name));
  if (unsigned.length > 0) throw new Refusal("headers_mismatch", { signed, unsigned });
  return selectForwardedHeaders(headers, route, sender).filter(([name]) => isSigned(name));
}
