// The signatures that a request presents: its headers, read strictly by the scheme's form. Nothing is verified here.

import { Refusal } from "./refusal.ts";
import {
  numberedHeaderNames,
  SIGNATURE_SCHEMES,
  type SignatureScheme,
  type SignatureSchemeName,
} from "./signature-schemes.ts";
import {
  MAX_EVENT_ID_CHARACTERS,
  MAX_LISTED_SIGNATURES,
  MAX_NUMBERED_SIGNATURES,
  SIGNATURE_TOLERANCE_SECONDS,
} from "./wire.ts";

/** What signed the body: a shared secret, or a private key that the sender alone has. */
export type SignatureMethod = "hmac" | "ed25519";

/** Of full length each, none twice; at least one. */
export interface PresentedSignatures {
  readonly hmac: readonly Buffer[];
  readonly ed25519: readonly Buffer[];
  /** What is signed before the body: ASCII. */
  readonly prefix: string;
}

/** Spellings of 32 octets, and of the 64 of Ed25519, each the only one: the bits left over in base64 are zero. */
const CANONICAL = {
  hex: /^[0-9a-f]{64}$/,
  base64: /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/,
  ed25519: /^[A-Za-z0-9+/]{85}[AQgw]==$/,
};
const OTHER_VERSION = /^\w{1,16}[=,][\w+/=-]{1,512}$/;
const TIMESTAMP = /^(?:0|[1-9][0-9]{0,11})$/;
/** Visible ASCII without the dot that ends it in what is signed. */
const EVENT_ID = /^[!-\-/-~]+$/;

/**
 * Reads signatures, id and time, and holds the time against `now` (Unix seconds).
 * @throws Refusal `signature_missing`, `signature_malformed`, `signature_stale`
 */
export function readPresentedSignatures(name: SignatureSchemeName, headers: Headers, now: number): PresentedSignatures {
  const scheme = SIGNATURE_SCHEMES[name];
  const { header, encoding, prefix } = scheme;
  const texts = sortElements(scheme, readElements(scheme, headers));
  const signatures = [...texts.hmac, ...texts.ed25519];
  if (signatures.length === 0) throw malformed(`no signature of a known version in ${header}`);
  if (new Set(signatures).size < signatures.length) throw malformed("a signature is repeated");
  if (scheme.timestamp !== undefined) texts.timestamp.push(readHeader(headers, scheme.timestamp));
  return {
    hmac: texts.hmac.map((text) => decode(text, encoding, CANONICAL[encoding])),
    ed25519: texts.ed25519.map((text) => decode(text, "base64", CANONICAL.ed25519)),
    prefix: prefix === undefined ? "" : prefix(readTime(texts.timestamp, now), readId(scheme, headers)),
  };
}

/** What the elements hold, by its kind, without the tags. */
function sortElements({ header, tags, separator }: SignatureScheme, elements: readonly string[]) {
  const texts = { hmac: [] as string[], ed25519: [] as string[], timestamp: [] as string[] };
  for (const element of elements) {
    const [tag, kind] = tags.find(([start]) => element.startsWith(start)) ?? [];
    if (kind !== undefined) texts[kind].push(element.slice(tag?.length));
    else if (separator === undefined || !OTHER_VERSION.test(element)) throw malformed(`${header} is not of its form`);
  }
  return texts;
}

function decode(text: string, encoding: SignatureScheme["encoding"], canonical: RegExp): Buffer {
  if (!canonical.test(text)) throw malformed(`a signature is cut, too long or not canonical ${encoding}`);
  return Buffer.from(text, encoding);
}

function readElements({ header, isNumbered, separator, algorithm }: SignatureScheme, headers: Headers): string[] {
  if (!isNumbered) {
    const value = readHeader(headers, header);
    const elements = separator === undefined ? [value] : value.split(separator, MAX_LISTED_SIGNATURES + 1);
    if (elements.length > MAX_LISTED_SIGNATURES) throw malformed(`over ${MAX_LISTED_SIGNATURES} signatures`);
    return elements;
  }
  const stated = algorithm && headers.get(algorithm[0]);
  if (typeof stated === "string" && stated !== algorithm?.[1]) throw malformed(`not ${algorithm?.join(": ")}`);
  const names = numberedHeaderNames(header, headers);
  if (names.length > MAX_NUMBERED_SIGNATURES) throw malformed(`over ${MAX_NUMBERED_SIGNATURES} signatures`);
  return (names.length > 0 ? names : [`${header}1`]).map((name) => readHeader(headers, name));
}

function readTime([timestamp = "", ...more]: readonly string[], now: number): string {
  if (more.length > 0 || !TIMESTAMP.test(timestamp)) throw malformed("not exactly one time in canonical Unix seconds");
  if (Math.abs(now - Number(timestamp)) > SIGNATURE_TOLERANCE_SECONDS) {
    throw new Refusal("signature_stale", { timestamp: Number(timestamp), now });
  }
  return timestamp;
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
