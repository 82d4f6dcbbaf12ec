// Reads X.501 names from DER and from RFC 4514 text, writes RFC 4514 text, and makes the comparison key of RFC 5280 §7.1. This file
// does not decide what a name permits, because core/policy/matcher.ts decides that.

import { MAX_NAME_ATTRIBUTES } from "../wire.ts";
import { attributeTypeName, parseAttributeType } from "./attribute-types.ts";
import { type DerReader, formatDer, formatHex, readDer } from "./der.ts";
import * as TAG from "./der-tags.ts";

/**
 * One attribute of a name. It has `text` if the value is a UTF8String, or a string type with ASCII characters. Otherwise it has the
 * DER of the value in lower-case hex.
 */
export type AttributeValue =
  | { readonly type: string; readonly text: string }
  | { readonly type: string; readonly der: string };

/** An RDN. It usually has one attribute. A multi-valued RDN has several attributes, and their order has no meaning. */
export type RelativeDistinguishedName = readonly AttributeValue[];

/** A name in encoding order (`C` first, as in the certificate). RFC 4514 text has the opposite order. */
export type DistinguishedName = readonly RelativeDistinguishedName[];

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/**
 * String types with one octet for each ASCII character: NumericString, PrintableString, IA5String. They are read like UTF8String.
 */
const ASCII_TAGS: ReadonlySet<number> = new Set([TAG.numeric, TAG.printable, TAG.ia5]);
/**
 * The accepted types of attribute values. OpenSSL accepts no other types, so a parsed certificate cannot have a name with another
 * type. Names in revocation lists and name constraints must not have another type either.
 */
const VALUE_TAGS: ReadonlySet<number> = new Set([
  ...[...ASCII_TAGS, TAG.utf8, TAG.teletex, TAG.universal, TAG.bmp],
  // The types of `x500UniqueIdentifier` and `postalAddress`.
  ...[TAG.bitString, TAG.sequence],
]);
const NUMERIC = /^[0-9 ]*$/;
/**
 * Matches control characters (C0, DEL and C1). A name that contains one is refused. Characters that change the direction of writing
 * are accepted, because names in Arabic and Hebrew need them. No comparison of names ignores such a character, so a name with the
 * character is never equal to a name without it.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range
const ASCII = /^[\u0000-\u007f]*$/;

/**
 * Reads a name from its DER (RFC 5280 §4.1.2.4). Values in BMPString, TeletexString, UniversalString and types that are not
 * strings are kept as `der`, and are never equal to a text.
 * @throws SyntaxError if the bytes are not a Name, if an RDN is empty, if there are too many attributes, or if a text contains a
 * control character or invalid UTF-8
 */
export function parseDistinguishedNameDer(der: Uint8Array): DistinguishedName {
  return readDer(der, readName);
}

/** Reads a name that is the next value of `values`. @throws SyntaxError in the cases of `parseDistinguishedNameDer` */
export function readName(values: DerReader): DistinguishedName {
  return values.members(TAG.sequence, (rdns) => {
    const name: RelativeDistinguishedName[] = [];
    let attributes = 0;
    while (rdns.hasMore) {
      const rdn = readRelativeName(rdns, TAG.set);
      attributes += rdn.length;
      if (attributes > MAX_NAME_ATTRIBUTES) throw new SyntaxError(`a name has over ${MAX_NAME_ATTRIBUTES} attributes`);
      name.push(rdn);
    }
    return name;
  });
}

export function readRelativeName(values: DerReader, tag: number): RelativeDistinguishedName {
  return values.list(tag, (attributes) =>
    attributes.members(TAG.sequence, (attribute) => {
      const value = readAttributeValue(attribute.oid(), attribute);
      if (!VALUE_TAGS.has(attribute.tag)) throw new SyntaxError("a name holds a value of another type");
      return value;
    }),
  );
}

function readAttributeValue(type: string, values: DerReader): AttributeValue {
  const encoding = values.read().encoding;
  if (values.tag !== TAG.utf8 && !ASCII_TAGS.has(values.tag)) return { type, der: formatHex(encoding) };
  const text = decodeUtf8(encoding.subarray(values.start - values.begin), "a text is not UTF-8");
  if (values.tag !== TAG.utf8 && !ASCII.test(text))
    throw new SyntaxError("an ASCII string type holds other characters");
  if (values.tag === TAG.numeric && !NUMERIC.test(text))
    throw new SyntaxError("a NumericString holds other characters");
  if (CONTROL_CHARACTER.test(text)) throw new SyntaxError("a name holds a control character");
  return { type, text };
}

/**
 * Reads a name from RFC 4514 text, most specific attribute first: `CN=svc,O=Acme\, Inc.,C=US`. Accepts no spaces around `,`, `+`
 * and `=`, no `;`, and no quotes. Does not accept OpenSSL's form "/C=/O=".
 * @throws SyntaxError that says what is wrong and where
 */
export function parseDistinguishedName(text: string): DistinguishedName {
  if (text === "") return [];
  // UTF-8 cannot encode half of a surrogate pair. An encoder would replace it, and the text would become a different text.
  if (!text.isWellFormed()) throw new SyntaxError("half of a surrogate pair");
  const rdns: AttributeValue[][] = [];
  let rdn: AttributeValue[] = [];
  let position = 0;
  for (;;) {
    const equals = text.indexOf("=", position);
    const typeText = equals < 0 ? text.slice(position) : text.slice(position, equals);
    const type = parseAttributeType(typeText);
    if (equals < 0 || type === undefined) {
      throw new SyntaxError(`expected an attribute type and "=" at ${position}, found ${quote(typeText)}`);
    }
    const value = readValueText(text, equals + 1);
    rdn.push(value.text === undefined ? parseHexValue(type, value.raw) : { type, text: value.text });
    const separator = text[value.end];
    if (separator !== "+") {
      rdns.push(rdn);
      rdn = [];
    }
    if (separator === undefined) return rdns.reverse();
    position = value.end + 1;
  }
}

type ValueText = { readonly raw: string; readonly text?: string; readonly end: number };

/** Reads one value, up to an unescaped `,` or `+`. `text` is absent if the value has the `#hex` form. */
function readValueText(source: string, start: number): ValueText {
  const match = /^(?:\\[0-9A-Fa-f]{2}|\\[ "#+,;<=>\\]|[^"+,;<>\\])*/u.exec(source.slice(start));
  const raw = match?.[0] ?? "";
  const end = start + raw.length;
  if (end < source.length && source[end] !== "," && source[end] !== "+") {
    throw new SyntaxError(`unescaped or invalid ${quote(source.slice(end, end + 2))} at ${end}`);
  }
  if (raw.startsWith("#")) return { raw, end };
  if (raw.startsWith(" ") || /(?:^|[^\\])(?:\\\\)* $/.test(raw)) {
    throw new SyntaxError(`an unescaped space at an end of the value at ${start}`);
  }
  const octets = Array.from(raw.matchAll(/\\([0-9A-Fa-f]{2})|\\(.)|([^\\]+)/gsu), ([, hex, escaped, plain]) =>
    hex === undefined ? Buffer.from(escaped ?? plain ?? "", "utf8") : Buffer.from(hex, "hex"),
  );
  const text = decodeUtf8(Buffer.concat(octets), `escapes are not UTF-8 at ${start}`);
  if (CONTROL_CHARACTER.test(text)) throw new SyntaxError(`a control character in the value at ${start}`);
  return { raw, text, end };
}

function decodeUtf8(octets: Uint8Array, complaint: string): string {
  try {
    return utf8.decode(octets);
  } catch {
    throw new SyntaxError(complaint);
  }
}

function parseHexValue(type: string, raw: string): AttributeValue {
  const digits = raw.slice(1);
  if (!/^([0-9A-Fa-f]{2})+$/.test(digits)) throw new SyntaxError(`malformed ${quote(raw)}: expected # and hex pairs`);
  const der = Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return readDer(der, (value) => readAttributeValue(type, value));
}

/**
 * Writes a name as canonical RFC 4514 text. Names with the same attributes and spelling give the same text. Attributes of types
 * without a short name are written as OID and `#hex`. Letters beyond ASCII are not escaped.
 */
export function formatDistinguishedName(name: DistinguishedName): string {
  let text = "";
  for (const rdn of name) {
    const [first] = rdn;
    const one = rdn.length === 1 && first ? formatAttribute(first) : rdn.map(formatAttribute).sort().join("+");
    text = text === "" ? one : `${one},${text}`;
  }
  return text;
}

function formatAttribute(attribute: AttributeValue): string {
  const name = attributeTypeName(attribute.type);
  if ("der" in attribute) return `${name ?? attribute.type}=#${attribute.der}`;
  if (name !== undefined) return `${name}=${escapeValue(attribute.text)}`;
  return `${attribute.type}=#${formatDer(TAG.utf8, Buffer.from(attribute.text)).toString("hex")}`;
}

const ESCAPED = /^[ #]|["+,;<>\\]| $/;

function escapeValue(text: string): string {
  if (!ESCAPED.test(text)) return text;
  return text
    .replace(/["+,;<>\\]/g, "\\$&")
    .replace(/^[ #]/, "\\$&")
    .replace(/ $/, (space, offset: number, whole: string) => (whole === "\\ " && offset === 1 ? space : `\\${space}`));
}

/**
 * Returns the comparison key of a name, for building a path (RFC 5280 §7.1). The key keeps the order of RDNs, ignores the order of
 * attributes within one RDN, and folds case, compatibility forms and white space. Do not use it to decide what a name permits.
 */
export function foldName(name: DistinguishedName): string {
  return `[${rdnKeysOf(name).join()}]`;
}

/**
 * Returns the keys of the name's RDNs, in order. If a subtree contains the name, the list begins with the keys of the subtree's
 * base (RFC 5280 §4.2.1.10).
 */
export function rdnKeysOf(name: DistinguishedName): string[] {
  return name.map((rdn) => JSON.stringify(rdn.length === 1 ? rdn.map(foldAttribute) : rdn.map(foldAttribute).sort()));
}

function foldAttribute(attribute: AttributeValue): string {
  if ("der" in attribute) return `${attribute.type}#${attribute.der}`;
  // The text of an unknown type is not folded, because the values of this type may be case-sensitive.
  if (attributeTypeName(attribute.type) === undefined) return `${attribute.type}=${attribute.text}`;
  return `${attribute.type}=${foldText(attribute.text)}`;
}

/**
 * Matches words of visible ASCII with single spaces between them. Nearly all texts match, and only need to be put in lower case.
 */
const PLAIN = /^[!-~]+(?: [!-~]+)*$/;

function foldText(text: string): string {
  if (PLAIN.test(text)) return text.toLowerCase();
  return text.normalize("NFKC").toLowerCase().trim().replace(/\s+/gu, " ");
}

function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
