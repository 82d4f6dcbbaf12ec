// Reads the signatures that a request presents in its headers. Accepts only the exact form of the scheme. Verifies nothing.

import { Refusal } from "../refusal.ts";
import {
  MAX_ED25519_SIGNATURES,
  MAX_EVENT_ID_CHARACTERS,
  MAX_LISTED_SIGNATURES,
  MAX_NUMBERED_SIGNATURES,
  SIGNATURE_TOLERANCE_SECONDS,
} from "../wire.ts";
import { SIGNATURE_SCHEMES, type SignatureScheme, type SignatureSchemeName } from "./schemes.ts";

/** The method of a signature: with a shared secret (`hmac`), or with a private key that only the sender has (`ed25519`). */
export type SignatureMethod = "hmac" | "ed25519";

/** The signatures of a request, at least one. No signature occurs twice, and each is canonical and complete. */
export interface PresentedSignatures {
  readonly hmac: readonly string[];
  /** @internal */
  readonly ed25519: readonly Buffer[];
  /** The encoding of the texts in `hmac`, which are compared without decoding them. */
  readonly encoding: "hex" | "base64";
  /** The ASCII text that comes before the body in the signed bytes. */
  readonly prefix: string;
}

/**
 * The accepted spellings of an HMAC (32 octets) and of an Ed25519 signature (64 octets). The unused bits of base64 must be zero, so
 * that each value has only one spelling.
 */
const CANONICAL = {
  hex: { hmac: /^[0-9a-f]{64}$/, ed25519: /^[0-9a-f]{128}$/ },
  base64: { hmac: /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/, ed25519: /^[A-Za-z0-9+/]{85}[AQgw]==$/ },
};
const OTHER_VERSION = /^\w{1,16}[=,][\w+/=-]{1,512}$/;
const SECONDS = /^(?:0|[1-9][0-9]{0,11})$/;
/**
 * The fraction of a second is required. In the signed text of Twitch, the date follows the id without a separator, and no id
 * contains a dot. So the dot of the fraction shows where the date begins.
 */
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z$/;
/**
 * Visible ASCII without the dot. In the signed text, the first dot shows where the id ends. This dot comes directly after the id,
 * or belongs to the date that follows the id.
 */
const EVENT_ID = /^[!-\-/-~]+$/;

/** The parts of a request that a signature is about. `now` is in Unix seconds. */
export interface SignedParts {
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly now: number;
}

const BRACE = 0x7b;

/**
 * Reads signatures, id and timestamp, and compares the timestamp with `now`.
 * @throws Refusal `signature_missing`, `signature_malformed`, `signature_stale`
 */
export function readPresentedSignatures(
  name: SignatureSchemeName,
  { headers, body, now }: SignedParts,
): PresentedSignatures {
  const scheme = SIGNATURE_SCHEMES[name];
  const { encoding, prefix } = scheme;
  const presented = { hmac: [] as string[], ed25519: [] as Buffer[], encoding, prefix: "" };
  const timestamps = scheme.timestamp === undefined ? [] : [readHeader(headers, scheme.timestamp)];
  for (const element of readElements(scheme, headers)) {
    const [tag, kind] = scheme.tags.find(([start]) => element.startsWith(start)) ?? ["", undefined];
    const text = element.slice(tag.length);
    if (kind === "hmac") presented.hmac.push(check(text, CANONICAL[encoding].hmac));
    else if (kind === "ed25519")
      presented.ed25519.push(Buffer.from(check(text, CANONICAL[encoding].ed25519), encoding));
    else if (kind === "timestamp") timestamps.push(text);
    else if (!OTHER_VERSION.test(text)) throw malformed("an element is not of its form");
  }
  if (presented.ed25519.length > MAX_ED25519_SIGNATURES) throw malformed(`over ${MAX_ED25519_SIGNATURES} of Ed25519`);
  if (presented.hmac.length + presented.ed25519.length === 0) throw malformed("no signature of a known version");
  requireObject(scheme, body);
  if (prefix !== undefined) presented.prefix = prefix(readTime(scheme, timestamps, now), readId(scheme, headers));
  return presented;
}

function requireObject({ hasObject }: SignatureScheme, body: Uint8Array): void {
  if (hasObject && body[0] !== BRACE) throw malformed("the body does not begin with {");
}

function check(signature: string, canonical: RegExp): string {
  if (!canonical.test(signature)) throw malformed("a signature is cut, too long or not canonical");
  return signature;
}

function readElements({ headers: names, separator, algorithm }: SignatureScheme, headers: Headers): string[] {
  if (algorithm !== undefined) {
    const [header, value] = algorithm;
    if ((headers.get(header) ?? value) !== value) throw malformed(`not ${header}: ${value}`);
  }
  const first = readHeader(headers, names[0]);
  const elements = separator === undefined ? [first] : first.split(separator, MAX_LISTED_SIGNATURES + 1);
  for (const name of names.slice(1)) {
    const value = headers.get(name);
    if (value === null) break;
    elements.push(value);
  }
  const limit = separator === undefined ? MAX_NUMBERED_SIGNATURES : MAX_LISTED_SIGNATURES;
  if (elements.length > limit) throw malformed(`over ${limit} signatures`);
  if (elements.some((element, at) => elements.indexOf(element) < at)) throw malformed("a signature is repeated");
  return elements;
}

function readTime({ hasDate }: SignatureScheme, timestamps: readonly string[], now: number): string {
  // If there is no timestamp, or more than one, the joined text is not a valid timestamp, so it is refused below.
  const text = timestamps.join();
  const timestamp = hasDate ? Math.floor(Date.parse(text) / 1000) : Number(text);
  if (!(hasDate ? DATE : SECONDS).test(text) || Number.isNaN(timestamp)) {
    throw malformed("not exactly one time in the form of the scheme");
  }
  if (Math.abs(now - timestamp) > SIGNATURE_TOLERANCE_SECONDS) throw new Refusal("signature_stale", { timestamp, now });
  return text;
}

function readId({ id: header }: SignatureScheme, headers: Headers): string {
  if (header === undefined) return "";
  const id = readHeader(headers, header);
  if (id.length > MAX_EVENT_ID_CHARACTERS || !EVENT_ID.test(id)) throw malformed(`${header} is not of its form`);
  return id;
}

function readHeader(headers: Headers, header: string): string {
  const value = headers.get(header);
  if (value === null) throw new Refusal("signature_missing", { header });
  return value;
}

function malformed(cause: string): Refusal {
  return new Refusal("signature_malformed", { cause });
}
