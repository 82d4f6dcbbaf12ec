// Which headers a route may never name, because they are not the sender's to give.

import { ASSERTION_HEADER, CLIENT_CERT_CHAIN_HEADER, CLIENT_CERT_HEADER, CONTENT_DIGEST_HEADER } from "../wire.ts";

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
 * Whether a route may name this header (lower case). It must not be one of Countersign's, a credential, a hop-by-hop header, or
 * one that a platform sets.
 */
export function isForwardableHeader(name: string): boolean {
  return !NEVER_FORWARDED.has(name) && !NEVER_FORWARDED_PREFIXES.some((prefix) => name.startsWith(prefix));
}
