// Selects the headers of a sender that are forwarded. The selection uses an allowlist, so that a header that is not in the list is
// never forwarded, in any spelling.

import { FORWARDED_HEADERS } from "../policy/forwardable.ts";
import type { Route, Sender } from "../policy/policy.ts";
import { OriginRefusal, Refusal } from "../refusal.ts";
import { signatureHeaderNames } from "../signature/schemes.ts";
import { MAX_FORWARDED_HEADER_CHARACTERS } from "../wire.ts";

/** True if a header's value is ASCII. Runtimes decode other octets differently, and a signature needs the same text everywhere. */
export function isPlainText(value: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(value);
}

/**
 * Returns the value of Content-Type, as the edge signs it. Returns "" if the request has no Content-Type.
 * @throws Refusal `malformed_headers` if the value is not ASCII
 */
export function readContentType(headers: Headers): string {
  const value = headers.get("content-type") ?? "";
  if (!isPlainText(value)) throw new Refusal("malformed_headers");
  return value;
}

/** Returns the names of the headers from which the sender's event key and order key are read. */
function keyHeaders({ eventKey, orderKey }: Sender): string[] {
  return [eventKey, orderKey].flatMap((key) => (key !== undefined && "header" in key ? [key.header] : []));
}

/**
 * Returns the headers to forward: the headers of `FORWARDED_HEADERS`, the headers that the route names, and the headers with the
 * sender's signature, event key and order key. Leaves out the headers in which senders of the route have tokens.
 * @throws Refusal `malformed_headers` if the headers are larger than an origin accepts
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
  for (const { token } of [...route.senders, ...route.shadow]) selected.delete(token?.header ?? "");
  const forwarded = [...selected];
  const characters = forwarded.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (characters > MAX_FORWARDED_HEADER_CHARACTERS) throw new Refusal("malformed_headers", { characters });
  return forwarded;
}

/**
 * Selects the headers for an origin behind an edge: the headers to forward, without those that the edge did not sign. Content-Type
 * is always included, because the edge signs it separately. An unsigned header that a proxy added is left out silently, unless the
 * policy names it.
 * @throws Refusal `headers_mismatch` if a header that the policy names is present and not signed
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
  if (unsigned.length > 0) throw new OriginRefusal("headers_mismatch", { signed, unsigned });
  return selectForwardedHeaders(headers, route, sender).filter(([name]) => isSigned(name));
}
