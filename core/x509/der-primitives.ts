// Checks and reads the contents of DER's primitive types (X.690 §8, §10 and §11). There is one check and one reader for each type.
// A content is passed as `bytes`, `start` and `end`, because a revocation list has too many values to make an array for each.

import * as TAG from "./der-tags.ts";

/** Throws SyntaxError if the content breaks a rule of its type. */
type Check = (bytes: Uint8Array, start: number, end: number) => void;

/** The checks by identifier octet. The alphabets of string types are not checked here, but by the code that reads them. */
const CHECKS: Readonly<Record<number, Check>> = {
  [TAG.boolean]: readBoolean,
  [TAG.integer]: checkInteger,
  [TAG.enumerated]: checkInteger,
  [TAG.bitString]: checkBitString,
  [TAG.nullType]: (_, start, end) => demand(start === end, "a NULL is not empty"),
  [TAG.oid]: checkOid,
  [TAG.universal]: (bytes, start, end) => checkText(bytes, start, end, 4),
  [TAG.bmp]: (bytes, start, end) => checkText(bytes, start, end, 2),
  [TAG.utcTime]: (bytes, start, end) => checkTime(bytes, start, end, 12),
  [TAG.generalizedTime]: (bytes, start, end) => checkTime(bytes, start, end, 14),
};

/** Checks the content of a primitive value. @throws SyntaxError */
export function checkPrimitive(tag: number, bytes: Uint8Array, start: number, end: number): void {
  CHECKS[tag]?.(bytes, start, end);
}

/** Requires a condition. @throws SyntaxError with `complaint` if the condition is not met */
export function demand(isMet: boolean, complaint: string): asserts isMet {
  if (!isMet) throw new SyntaxError(complaint);
}

const MAX_CHARACTER = 0x10ffff;
const isSurrogate = (character: number) => character >= 0xd800 && character <= 0xdfff;

/**
 * Checks that a text has only whole characters of `size` octets, and that each is a Unicode character. Half of a surrogate pair is
 * no character.
 */
function checkText(bytes: Uint8Array, start: number, end: number, size: 2 | 4): void {
  demand((end - start) % size === 0, "a text ends within a character");
  for (let at = start; at < end; at += size) {
    let character = 0;
    for (const octet of bytes.subarray(at, at + size)) character = character * 256 + octet;
    demand(character <= MAX_CHARACTER && !isSurrogate(character), "a text holds what is no character");
  }
}

/** Reads a BOOLEAN. FALSE must be 0 and TRUE must be 255 (X.690 §11.1). @throws SyntaxError */
export function readBoolean(bytes: Uint8Array, start: number, end: number): boolean {
  const octet = bytes[start];
  demand(end - start === 1 && (octet === 0 || octet === 0xff), "a BOOLEAN is malformed");
  return octet === 0xff;
}

/** Checks that the INTEGER has no superfluous leading octet (X.690 §8.3.2). @throws SyntaxError */
export function checkInteger(bytes: Uint8Array, start: number, end: number): void {
  demand(end > start, "an INTEGER is empty");
  if (end - start === 1) return;
  const sign = (bytes[start + 1] as number) < 0x80 ? 0 : 0xff;
  demand(bytes[start] !== sign, "an INTEGER is padded");
}

/**
 * Returns the position at which the magnitude of a non-negative INTEGER starts. A leading zero octet is skipped. @throws
 * SyntaxError
 */
export function magnitudeStart(bytes: Uint8Array, start: number, end: number): number {
  checkInteger(bytes, start, end);
  demand((bytes[start] as number) < 0x80, "an INTEGER is negative");
  return bytes[start] === 0 && end - start > 1 ? start + 1 : start;
}

/**
 * Checks a BIT STRING. Its first octet is the number of unused bits in the last octet. The unused bits must be zero (X.690 §8.6.2,
 * §11.2.1).
 */
export function checkBitString(bytes: Uint8Array, start: number, end: number): void {
  const unused = bytes[start] as number;
  const last = end - start > 1 ? (bytes[end - 1] as number) : 0;
  const isWhole = end > start && unused <= 7 && (end - start > 1 || unused === 0);
  demand(isWhole && (last & ((1 << unused) - 1)) === 0, "a BIT STRING is malformed");
}

/**
 * Reads a list of named bits. DER requires that the trailing zero bits of such a list are left out (X.690 §11.2.2). @throws
 * SyntaxError
 */
export function readNamedBits(bytes: Uint8Array, start: number, end: number): (bit: number) => boolean {
  checkBitString(bytes, start, end);
  const lowest = 1 << (bytes[start] as number);
  const isTrimmed = end - start === 1 || ((bytes[end - 1] as number) & lowest) !== 0;
  demand(isTrimmed, "a list of named bits ends in zeros");
  const octets = bytes.slice(start + 1, end);
  return (bit) => (((octets[bit >> 3] ?? 0) << (bit & 7)) & 0x80) !== 0;
}

/**
 * The limit of an OID's length. RFC 5280 Appendix A asks for 20 arcs of 28 bits. A limit is needed because a long number takes much
 * time to read.
 */
const MAX_OID_OCTETS = 128;

/** Checks that every arc is complete and is in base 128 without padding (X.690 §8.19.2). @throws SyntaxError */
export function checkOid(bytes: Uint8Array, start: number, end: number): void {
  demand(end > start && end - start <= MAX_OID_OCTETS, "an OID is empty or too long");
  let isFirst = true;
  for (let at = start; at < end; at += 1) {
    demand(!isFirst || bytes[at] !== 0x80, "an OID is padded");
    isFirst = (bytes[at] as number) < 0x80;
  }
  demand(isFirst, "an OID is cut short");
}

/** Returns the dotted form of an OID. @throws SyntaxError */
export function readOid(bytes: Uint8Array, start: number, end: number): string {
  checkOid(bytes, start, end);
  let text = "";
  let arc: number | bigint = 0;
  for (let at = start; at < end; at += 1) {
    const octet = bytes[at] as number;
    const isSmall: boolean = typeof arc === "number" && arc < 2 ** 45;
    arc = isSmall ? Number(arc) * 128 + (octet & 0x7f) : BigInt(arc) * 128n + BigInt(octet & 0x7f);
    if (octet >= 0x80) continue;
    text = text === "" ? firstArcs(arc) : `${text}.${arc}`;
    arc = 0;
  }
  return text;
}

/**
 * Returns the first two arcs of an OID, which one number encodes: 40 times the first arc (0, 1 or 2) plus the second arc (X.690
 * §8.19.4).
 */
function firstArcs(both: number | bigint): string {
  const first = both < 40 ? 0 : both < 80 ? 1 : 2;
  return `${first}.${BigInt(both) - BigInt(first * 40)}`;
}

const DIGITS = { from: 0x30, to: 0x39 };
const Z = 0x5a;

/** Requires a time in UTC with seconds and without fractions, the only form that RFC 5280 §4.1.2.5 allows. */
function checkTime(bytes: Uint8Array, start: number, end: number, digits: number): void {
  let isTime = end - start === digits + 1 && bytes[end - 1] === Z;
  for (let at = start; isTime && at < end - 1; at += 1) {
    const octet = bytes[at] as number;
    isTime = octet >= DIGITS.from && octet <= DIGITS.to;
  }
  demand(isTime, "a time is malformed");
}

/** Reads the text of a UTCTime or GeneralizedTime as Unix seconds. @throws SyntaxError */
export function readTime(text: string): number {
  // A year of two digits is from 1950 to 2049 (RFC 5280 §4.1.2.5.1).
  const full = text.length > 13 ? text : `${text < "5" ? "20" : "19"}${text}`;
  const iso = full.replace(/(.{4})(..)(..)(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6.000Z");
  const date = new Date(iso);
  // Formats the date again and compares the texts, because Date accepts some dates that do not exist.
  demand(date.toJSON() === iso, "a time is malformed");
  return date.getTime() / 1000;
}
