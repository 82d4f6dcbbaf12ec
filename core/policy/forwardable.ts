// Lists the headers that are always forwarded to the handler, and the headers that are never forwarded and that a route must not
// name.

import { ASSERTION_HEADER, CLIENT_CERT_CHAIN_HEADER, CLIENT_CERT_HEADER, CONTENT_DIGEST_HEADER } from "../wire.ts";

/**
 * Headers that describe the body and the sender's software. Any other header is forwarded only if the route names it, or if it
 * holds the sender's signature, event key or order key.
 */
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

/**
 * True if a route may name this header, so that it is forwarded. `name` is in lower case. False for headers of Countersign,
 * credentials, hop-by-hop headers, and headers that a platform sets.
 */
export function isForwardableHeader(name: string): boolean {
  return !NEVER_FORWARDED.has(name) && !NEVER_FORWARDED_PREFIXES.some((prefix) => name.startsWith(prefix));
}
