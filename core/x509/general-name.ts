// Reads GeneralNames (RFC 5280 §4.2.1.6), the typed names of `subjectAltName` and of name constraints. Names of different types are
// never equal, for example a DNS name and an e-mail address with the same text.

import type { DerReader } from "./der.ts";
import * as TAG from "./der-tags.ts";
import { type DistinguishedName, readName } from "./distinguished-name.ts";
import * as FORM from "./general-name-tags.ts";

export type GeneralName =
  | { readonly kind: "dns" | "email" | "uri"; readonly value: string }
  | { readonly kind: "ip"; readonly octets: Uint8Array }
  | { readonly kind: "directory"; readonly name: DistinguishedName }
  /** `otherName`, `x400Address`, `ediPartyName` and `registeredID` are kept, but not understood. */
  | { readonly kind: "other"; readonly tag: number };

const VISIBLE_ASCII = /^[\u0021-\u007e]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the alphabet of IA5String
const IA5 = /^[\u0000-\u007f]*$/;

/**
 * Reads one GeneralName.
 * @throws SyntaxError if a text holds NUL, a space, a control or a non-ASCII character, or if the form is wrong
 */
export function readGeneralName(values: DerReader): GeneralName {
  if (values.nextIs(FORM.email)) return { kind: "email", value: readText(values, VISIBLE_ASCII) };
  if (values.nextIs(FORM.dns)) return { kind: "dns", value: readText(values, VISIBLE_ASCII) };
  if (values.nextIs(FORM.uri)) return { kind: "uri", value: readText(values, VISIBLE_ASCII) };
  if (values.nextIs(FORM.ip)) return { kind: "ip", octets: values.read(FORM.ip).content };
  if (values.nextIs(FORM.directory)) return { kind: "directory", name: values.members(FORM.directory, readName) };
  return readOther(values);
}

/** Reads a name of a kind that is not understood. Only its form is checked. */
function readOther(values: DerReader): GeneralName {
  if (values.nextIs(FORM.registeredId)) values.oid(FORM.registeredId);
  else if (values.nextIs(FORM.otherName)) values.members(FORM.otherName, skipOtherName);
  else if (values.nextIs(FORM.ediPartyName)) values.members(FORM.ediPartyName, skipEdiPartyName);
  // For `x400Address`, only the rules of DER are checked. The members of ORAddress are not read.
  else values.read(FORM.x400Address);
  return { kind: "other", tag: values.tag & 0x1f };
}

/** Skips an OtherName. The members are `type-id` and [0] EXPLICIT `value`. */
function skipOtherName(members: DerReader): void {
  members.oid();
  members.members(TAG.constructed(0), (value) => value.read());
}

/** Skips an EDIPartyName. The members are [0] `nameAssigner` OPTIONAL and [1] `partyName`. Each is a DirectoryString. */
function skipEdiPartyName(members: DerReader): void {
  if (members.nextIs(TAG.constructed(0))) members.members(TAG.constructed(0), (value) => value.read());
  members.members(TAG.constructed(1), (value) => value.read());
}

/** Reads GeneralNames, the value of `subjectAltName`. The list must not be empty. */
export function readGeneralNames(values: DerReader): GeneralName[] {
  return values.list(TAG.sequence, readGeneralName);
}

/**
 * Reads GeneralNames that are locations, and returns the URIs. Spaces in these URIs are accepted, because they are common. They do
 * no harm, because no URI is fetched.
 */
export function readLocations(values: DerReader, tag: number): string[] {
  return values.list(tag, readLocation).flatMap((uri) => uri ?? []);
}

/** Reads one location. Returns its URI, or undefined if the location is a name of another kind. */
export function readLocation(values: DerReader): string | undefined {
  if (values.nextIs(FORM.uri)) return readText(values, IA5);
  readGeneralName(values);
  return undefined;
}

/** Returns the canonical text of an IP address (RFC 5952 for IPv6). Undefined if there are neither 4 nor 16 octets. */
export function formatIpAddress(octets: Uint8Array): string | undefined {
  if (octets.byteLength === 4) return octets.join(".");
  if (octets.byteLength !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((octets[2 * i] ?? 0) << 8) | (octets[2 * i + 1] ?? 0)).toString(16),
  );
  return canonicalIpv6(groups.join(":"));
}

/** Returns the canonical text of an IP address that a person wrote. Undefined if the text is not an IP address. */
export function canonicalIpAddress(text: string): string | undefined {
  if (/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) {
    return text.split(".").every((octet) => Number(octet) <= 255) ? text : undefined;
  }
  return /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(text) ? canonicalIpv6(text) : undefined;
}

/** Returns the octets of an IP address that a person wrote. Undefined if the text is not an IP address. */
export function parseIpAddress(text: string): Uint8Array | undefined {
  const address = canonicalIpAddress(text);
  if (address === undefined) return undefined;
  if (!address.includes(":")) return Uint8Array.from(address.split("."), Number);
  const [head = [], tail = []] = address.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const groups = [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail];
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]),
  );
}

function canonicalIpv6(text: string): string | undefined {
  const url = URL.parse(`http://[${text}]/`);
  return url === null ? undefined : url.hostname.slice(1, -1);
}

function readText(values: DerReader, alphabet: RegExp): string {
  const text = values.read().latin1();
  if (!alphabet.test(text)) throw new SyntaxError("a name holds a character outside visible ASCII");
  return text;
}
