// The claim over the headers that are forwarded: their names, and one digest over names and values. Values are combined as
// RFC 9421 §2.1 does it and as `Headers` of every runtime does: each without the blanks around it, joined with ", ".

import { type Delivery, formatContentDigest } from "./delivery.ts";
import { Refusal } from "./refusal.ts";
import { isPlainText } from "./request-headers.ts";

/** `hdr` of an assertion. */
export interface HeadersClaim {
  /** In lower case, at least one; in the order in which the digest has them. */
  readonly names: string[];
  /** RFC 9530 field value over a line `name: value` with a line feed for each. */
  readonly digest: string;
}

type Fields = Delivery["headers"];

/** Those headers of a delivery that can be signed and forwarded: ASCII values. Runtimes decode other values in different ways. */
export function forwardableHeaders(headers: Fields): Fields {
  return headers.filter(([, value]) => isPlainText(value));
}

/** The claim over what is forwarded of these headers. Undefined where that is none, or Content-Type alone, which `req.type` binds. */
export function claimHeaders(headers: Fields): HeadersClaim | undefined {
  const fields = forwardableHeaders(headers).filter(([name]) => name !== "content-type");
  return fields.length === 0 ? undefined : { names: fields.map(([name]) => name), digest: digestFields(fields) };
}

/**
 * The names of the headers that the edge signed, each of which the request has with the value that was signed. None without
 * the claim. Does not look at other headers of the request.
 * @throws Refusal `headers_mismatch`
 */
export function matchHeaders(
  { hdr }: { readonly hdr?: HeadersClaim | undefined },
  headers: Headers,
): readonly string[] {
  if (hdr === undefined) return [];
  const { names, digest } = hdr;
  const missing = names.filter((name) => !headers.has(name));
  const received = names.map((name) => [name, headers.get(name)] as const);
  if (missing.length > 0 || digestFields(received) !== digest)
    throw new Refusal("headers_mismatch", { signed: names, missing });
  return names;
}

/** No value and no name holds a line feed, so that two lists with the same names have the same text only if they are the same. */
function digestFields(fields: readonly (readonly [name: string, value: string | null])[]): string {
  return formatContentDigest(fields.map(([name, value]) => `${name}: ${value}\n`).join(""));
}
