// Makes parts of certificates that no library would make. Each part is filled until it has the given size.

import { randomBytes } from "node:crypto";
import { formatDer } from "../../core/x509/der.ts";
import * as TAG from "../../core/x509/der-tags.ts";
import { encode, oid as oidOf } from "../../test/support/certificates/der-edit.ts";
import type { Shape } from "./shape.ts";

export const sequence = (...members: readonly Uint8Array[]): Buffer => formatDer(TAG.sequence, ...members);
const set = (...members: readonly Uint8Array[]): Buffer => formatDer(TAG.set, ...members);
export const nothing = Buffer.alloc(0);

export const oid = (dotted: string): Buffer => Buffer.from(encode(oidOf(dotted)));

/** Makes as many members as fit into `room`, but at least one. */
function fill(room: number, make: (index: number) => Buffer): Buffer[] {
  const members: Buffer[] = [];
  for (let left = room; ; ) {
    const member = make(members.length);
    left -= member.length;
    if (left < 0 && members.length > 0) return members;
    members.push(member);
  }
}

const TYPES = {
  commonName: oid("2.5.4.3"),
  emailAddress: oid("1.2.840.113549.1.9.1"),
  unknown: oid("1.3.6.1.4.1.55555.1"),
  opaque: oid("2.5.4.3"),
};
const COMMON_NAME = oid("2.5.4.3");
const BMP = 0x1e;

/** Makes a name of about `room` octets. Its first attribute is `common`. */
export function makeName(common: string, room: number, { letters, letterCount, attributes, type }: Shape): Buffer {
  const first = set(sequence(COMMON_NAME, formatDer(TAG.utf8, Buffer.from(common))));
  if (room < 40) return sequence(first);
  const length = Math.max(1, Math.min(letterCount, Math.floor(room / (2 * Buffer.byteLength(letters)))));
  const text = letters.repeat(length);
  const fitting = type === "opaque" ? Buffer.from(text, "utf16le") : Buffer.from(text);
  const tag = type === "opaque" ? BMP : TAG.utf8;
  const typeOf = (index: number) => (type === "each" ? oid(`1.2.${1000 + index}`) : TYPES[type]);
  const attribute = (index: number) => sequence(typeOf(index), formatDer(tag, fitting));
  const rest = fill(room, attribute);
  return attributes === "rdns" ? sequence(first, ...rest.map((one) => set(one))) : sequence(first, set(...rest));
}

/** Makes a GeneralName of this kind and about this length. With `isBase`, the name is the base of a name constraint. */
function makeGeneralName(kind: Shape["sanKind"], length: number, isBase: boolean, shape: Shape): Buffer {
  const text = (tag: number, ...parts: string[]) => formatDer(TAG.primitive(tag), Buffer.from(parts.join("")));
  const labels = hostOf(length);
  if (kind === "dns") return text(2, labels);
  if (kind === "email") return text(1, isBase ? labels : `${"a.".repeat(length / 2)}a@b.example`);
  if (kind === "uri")
    return text(6, isBase ? labels : `http://${"@".repeat(length % 2)}${labels}/${"a".repeat(length / 4)}`);
  if (kind === "ip")
    return formatDer(TAG.primitive(7), isBase ? Buffer.from("c0000200ffffff00", "hex") : Buffer.from([192, 0, 2, 7]));
  if (kind === "directory") return formatDer(TAG.constructed(4), makeName("", length, shape));
  return formatDer(
    TAG.constructed(0),
    oid("1.2.3"),
    formatDer(TAG.constructed(0), formatDer(TAG.utf8, Buffer.from("a"))),
  );
}

/** Returns a host name of many short labels. */
function hostOf(length: number): string {
  return `${"a.".repeat(Math.min(length, 240) / 2)}b`;
}

const extension = (type: Buffer, value: Uint8Array, isCritical = false) =>
  sequence(type, ...(isCritical ? [formatDer(TAG.boolean, Buffer.of(0xff))] : []), formatDer(TAG.octetString, value));

export function makeSans(room: number, shape: Shape): Buffer {
  const names = fill(room, () => makeGeneralName(shape.sanKind, shape.sanLength, false, shape));
  return extension(oid("2.5.29.17"), sequence(...names));
}

export function makeConstraints(room: number, shape: Shape): Buffer {
  const { constraintList: list, constraintKind: kind, constraintLength: length } = shape;
  const subtrees = (share: number) => fill(room * share, () => sequence(makeGeneralName(kind, length, true, shape)));
  const share = list === "both" ? 0.5 : 1;
  const permitted = list === "excluded" ? [] : [formatDer(TAG.constructed(0), ...subtrees(share))];
  const excluded = list === "permitted" ? [] : [formatDer(TAG.constructed(1), ...subtrees(share))];
  return extension(oid("2.5.29.30"), sequence(...permitted, ...excluded), true);
}

const CLIENT_AUTH = oid("1.3.6.1.5.5.7.3.2");
const location = formatDer(TAG.primitive(6), Buffer.from("http://a/"));

/**
 * Makes extensions of one kind that fill `room`. They are many small extensions, or one large extension if RFC 5280 defines the
 * kind.
 */
export function makeExtensions(room: number, { extensionKind: kind }: Shape): Buffer[] {
  const arc = (index: number) => oid(`1.2.${1000 + index}`);
  if (kind === "unknown" || kind === "critical")
    return fill(room, (index) => extension(arc(index), nothing, kind === "critical"));
  if (kind === "policies")
    return [extension(oid("2.5.29.32"), sequence(...fill(room, (index) => sequence(arc(index)))))];
  if (kind === "usages") return [extension(oid("2.5.29.37"), sequence(CLIENT_AUTH, ...fill(room, arc)))];
  if (kind === "access")
    return [extension(oid("1.3.6.1.5.5.7.1.1"), sequence(...fill(room, () => sequence(oid("1.2.3"), location))))];
  const names = () => sequence(formatDer(TAG.constructed(0), formatDer(TAG.constructed(0), location)));
  return [extension(oid("2.5.29.31"), sequence(...fill(room, names)))];
}

export const BASIC_CONSTRAINTS = extension(oid("2.5.29.19"), sequence(formatDer(TAG.boolean, Buffer.of(0xff))), true);

export function makeKeyIds(own: Uint8Array, issuer: Uint8Array): Buffer[] {
  return [
    extension(oid("2.5.29.14"), formatDer(TAG.octetString, own)),
    extension(oid("2.5.29.35"), sequence(formatDer(TAG.primitive(0), issuer))),
  ];
}

const RSA = sequence(oid("1.2.840.113549.1.1.1"), Buffer.from("0500", "hex"));
const integer = (...octets: readonly Uint8Array[]) => formatDer(TAG.integer, ...octets);

/** Makes an RSA public key for which there is no private key. Its modulus is a random odd number of this length. */
export function makeRsaKey(bits: number): Buffer {
  const modulus = randomBytes(bits / 8);
  modulus[0] = 0xff;
  modulus[modulus.length - 1] = 0xff;
  const key = sequence(integer(Buffer.of(0), modulus), integer(Buffer.of(1, 0, 1)));
  return sequence(RSA, formatDer(TAG.bitString, Buffer.of(0), key));
}

/** Makes a random signature in valid form, so that it is refused only after a full verification. */
export function makeSignature(kind: "ecdsa" | "rsa", octets: number): Buffer {
  const number = () => {
    const bytes = randomBytes(octets);
    bytes[0] = 1;
    return bytes;
  };
  const value = kind === "rsa" ? number() : sequence(integer(number()), integer(number()));
  return formatDer(TAG.bitString, Buffer.of(0), value);
}

export const SIGNATURE_ALGORITHMS = {
  ecdsa: sequence(oid("1.2.840.10045.4.3.2")),
  rsa: sequence(oid("1.2.840.113549.1.1.11"), Buffer.from("0500", "hex")),
};
