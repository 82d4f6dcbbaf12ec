// Makes and checks the claim over the forwarded headers: their names, and one digest over names and values. The values of a
// repeated header are combined as in RFC 9421 §2.1: without the white space around each value, joined with ", ". `Headers` does so
// in every runtime.

import { OriginRefusal } from "../refusal.ts";
import { type Delivery, formatContentDigest } from "./delivery.ts";
import { isPlainText } from "./headers.ts";

/** The claim `hdr` of an assertion. */
export interface HeadersClaim {
  /** Header names in lower case, at least one, in the order in which the digest covers them. */
  readonly names: string[];
  /** The digest, as an RFC 9530 field value. It covers one line for each header: `name: value` and a line feed. */
  readonly digest: string;
}

type Fields = Delivery["headers"];

/**
 * Returns the headers of a delivery that can be signed and forwarded: the headers with ASCII values. Runtimes decode other values
 * in different ways.
 */
export function forwardableHeaders(headers: Fields): Fields {
  return headers.filter(([, value]) => isPlainText(value));
}

/**
 * Makes the claim over the forwarded headers. Returns undefined if there is no header besides Content-Type, which the claim
 * `req.type` covers.
 */
export function claimHeaders(headers: Fields): HeadersClaim | undefined {
  const fields = forwardableHeaders(headers).filter(([name]) => name !== "content-type");
  return fields.length === 0 ? undefined : { names: fields.map(([name]) => name), digest: digestFields(fields) };
}

/**
 * Checks that the request has each header that the edge signed, with the same value. Returns the names of these headers, or an
 * empty array if there is no claim. Does not check other headers of the request.
 * @throws Refusal `headers_mismatch`
 */
export function matchHeaders(
  { hdr }: { readonly hdr?: HeadersClaim | undefined },
  headers: Headers,
): readonly string[] {
  if (hdr === undefined) return [];
  const { names, digest } = hdr;
  const received = names.map((name) => [name, headers.get(name)] as const);
  const missing = received.filter(([, value]) => value === null).map(([name]) => name);
  if (missing.length > 0 || digestFields(received) !== digest)
    throw new OriginRefusal("headers_mismatch", { signed: names, missing });
  return names;
}

/**
 * Returns a digest over one line for each header. A name or a value cannot hold a line feed. So two lists of headers with the same
 * names have the same lines only if their values are the same.
 */
function digestFields(fields: readonly (readonly [name: string, value: string | null])[]): string {
  return formatContentDigest(fields.map(([name, value]) => `${name}: ${value}\n`).join(""));
}
