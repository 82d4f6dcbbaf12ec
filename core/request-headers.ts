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

/**
 * The Content-Type, which is signed as a text: runtimes decode other characters than ASCII each in their own way.
 * @throws Refusal `malformed_headers`
 */
export function readContentType(headers: Headers): string {
  const value = headers.get("content-type") ?? "";
  if (!/^[\t\x20-\x7e]*$/.test(value)) throw new Refusal("malformed_headers");
  return value;
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
  const { signature, eventKey, orderKey } = sender;
  const lists = [FORWARDED_HEADERS, route.headers];
  if (signature !== undefined) lists.push(signatureHeaderNames(signature.scheme, headers));
  for (const key of [eventKey, orderKey]) if (key !== undefined && "header" in key) lists.push([key.header]);
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
