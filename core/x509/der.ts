// Reads DER strictly (X.690 §8 and §10). First checks a value and everything in it. Then reads its members in order.

import {
  checkBitString,
  checkInteger,
  checkPrimitive,
  demand,
  magnitudeStart,
  readBoolean,
  readNamedBits,
  readOid,
  readTime,
} from "./der-primitives.ts";
import * as TAG from "./der-tags.ts";

/** The limit of nested values. In real certificates, values are nested ten deep. */
const MAX_DEPTH = 32;
const CONSTRUCTED = 0x20;
/** The tag numbers of the constructed types of the universal class: EXTERNAL, EMBEDDED PDV, SEQUENCE, SET, CHARACTER STRING. */
const CONSTRUCTED_TYPES: ReadonlySet<number> = new Set([8, 11, 16, 17, 29]);
const TIMES: ReadonlySet<number> = new Set([TAG.utcTime, TAG.generalizedTime]);

/**
 * Reads bytes that are exactly one value. `read` must read all members of the value. The rules of DER are checked for every value
 * inside, even if `read` skips it. Two rules are not checked: the order of a SET's members, and the absence of default values. Some
 * authorities break both rules, OpenSSL accepts that, and nothing here depends on these rules. If `hasOddTimes` is true, the form
 * of a time that `read` skips is not checked either.
 * @throws SyntaxError
 */
export function readDer<T>(bytes: Uint8Array, read: (value: DerReader) => T, { hasOddTimes = false } = {}): T {
  return readOne(new DerReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), hasOddTimes), read);
}

function readOne<T>(reader: DerReader, read: (value: DerReader) => T): T {
  const start = reader.end;
  check(reader.read());
  demand(!reader.hasMore, "bytes follow the value");
  reader.end = start;
  return readWhole(reader, read);
}

/** Checks the value that was read last, and everything in it, against the rules of its type. */
function check(value: DerReader): void {
  const { tag } = value;
  demand(tag !== 0 && value.depth <= MAX_DEPTH, "not DER: an empty type, or values nested too deep");
  const isConstructed = (tag & CONSTRUCTED) !== 0;
  if (tag < 0x40) {
    demand(isConstructed === CONSTRUCTED_TYPES.has(tag & 0x1f), "not DER: a value is in the wrong form for its type");
  }
  if (isConstructed) value.within(checkAll);
  else if (!value.hasOddTimes || !TIMES.has(tag)) checkPrimitive(tag, value.bytes, value.start, value.end);
}

function checkAll(members: DerReader): void {
  while (members.hasMore) check(members.read());
}

/** Calls `read`, and then requires that all members were read. Otherwise a surplus member would be ignored. */
function readWhole<T>(reader: DerReader, read: (reader: DerReader) => T): T {
  const result = read(reader);
  demand(!reader.hasMore, "a value has more members than its type");
  return result;
}

/**
 * Reads values that follow one another, in place. Makes no object for each value, because a revocation list may have a million
 * entries.
 */
export class DerReader {
  /** @internal */
  readonly bytes: Buffer;
  readonly hasOddTimes: boolean;
  /**
   * The value that was read last: its identifier octet, the position of its first octet, the position of its content, and its end.
   */
  tag = 0;
  begin = 0;
  start = 0;
  end = 0;
  /** The nesting depth of the values that are being read. */
  depth = 0;
  #limit: number;

  /** @internal */
  constructor(bytes: Buffer, hasOddTimes: boolean) {
    this.bytes = bytes;
    this.hasOddTimes = hasOddTimes;
    this.#limit = bytes.length;
  }

  get hasMore(): boolean {
    return this.end < this.#limit;
  }

  nextIs(tag: number): boolean {
    return this.hasMore && this.bytes[this.end] === tag;
  }

  /** Reads the next value. If `tag` is given, the value must have this tag. @throws SyntaxError */
  read(tag?: number): this {
    const at = this.end;
    const next = this.bytes[at];
    demand(at + 2 <= this.#limit, "not DER: a value is missing or cut short");
    demand(tag === undefined || next === tag, "a value is missing or of another type");
    demand(((next as number) & 0x1f) !== 0x1f, "not DER: a type of more than one octet");
    this.tag = next as number;
    this.begin = at;
    this.start = at + 2;
    const length = this.bytes[at + 1] as number;
    this.end = length < 0x80 ? this.start + length : this.#readLongLength(length & 0x7f);
    demand(this.end <= this.#limit, "not DER: a value is cut short");
    return this;
  }

  /** Reads a length of several octets. The length must be definite and in as few octets as possible (X.690 §10.1). */
  #readLongLength(octets: number): number {
    const at = this.start;
    const isHeld = octets > 0 && octets <= 4 && at + octets <= this.#limit;
    demand(isHeld, "not DER: a length is indefinite or cut short");
    const length = this.bytes.readUIntBE(at, octets);
    demand(length >= 0x80 && length >= 256 ** (octets - 1), "not DER: a length is padded");
    this.start = at + octets;
    return this.start + length;
  }

  /** Reads all members of the value that was read last. Afterwards `tag`, `begin`, `start` and `end` describe this value again. */
  within<T>(read: (members: DerReader) => T): T {
    const { tag, begin, start, end } = this;
    const limit = this.#limit;
    this.end = start;
    this.#limit = end;
    this.depth += 1;
    const result = readWhole(this, read);
    this.tag = tag;
    this.begin = begin;
    this.start = start;
    this.end = end;
    this.#limit = limit;
    this.depth -= 1;
    return result;
  }

  /** Reads a constructed value. `read` must read all members of the value. */
  members<T>(tag: number, read: (members: DerReader) => T): T {
    return this.read(tag).within(read);
  }

  /** Reads the value inside the OCTET STRING that was read last, under the rules of `readDer`. */
  held<T>(read: (value: DerReader) => T): T {
    return this.within((value) => readOne(value, read));
  }

  /** Reads a constructed value with one or more members of the same kind. */
  each(tag: number, readMember: (members: DerReader) => unknown): void {
    this.members(tag, (members) => {
      do readMember(members);
      while (members.hasMore);
    });
  }

  list<T>(tag: number, readMember: (members: DerReader) => T): T[] {
    const list: T[] = [];
    this.each(tag, (members) => list.push(readMember(members)));
    return list;
  }

  /** The content of the value that was read last. It is a view, not a copy. */
  get content(): Uint8Array {
    return this.#view(this.start, this.end);
  }

  /** The whole encoding of the value that was read last. It is a view, not a copy. */
  get encoding(): Uint8Array {
    return this.#view(this.begin, this.end);
  }

  #view(start: number, end: number): Uint8Array {
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + start, end - start);
  }

  /** The content of the value that was read last, from `start` on, as text with one character for each octet. */
  latin1(start = this.start): string {
    return this.bytes.toString("latin1", start, this.end);
  }

  boolean(tag: number = TAG.boolean): boolean {
    this.read(tag);
    return readBoolean(this.bytes, this.start, this.end);
  }

  oid(tag: number = TAG.oid): string {
    this.read(tag);
    return readOid(this.bytes, this.start, this.end);
  }

  /** Skips an INTEGER, which may be negative. Pass `tag` if the INTEGER has an implicit tag. */
  skipInteger(tag: number = TAG.integer): void {
    this.read(tag);
    checkInteger(this.bytes, this.start, this.end);
  }

  /** Reads the octets of a non-negative INTEGER, without a leading zero. */
  unsigned(tag: number = TAG.integer): Uint8Array {
    this.read(tag);
    return this.#view(magnitudeStart(this.bytes, this.start, this.end), this.end);
  }

  /** Reads the octets of a BIT STRING that has no unused bits. */
  bitOctets(): Uint8Array {
    this.read(TAG.bitString);
    demand(this.bytes[this.start] === 0, "a BIT STRING is not one of octets");
    return this.#view(this.start + 1, this.end);
  }

  /** Skips a BIT STRING of any length. */
  skipBits(tag: number): void {
    this.read(tag);
    checkBitString(this.bytes, this.start, this.end);
  }

  namedBits(tag: number = TAG.bitString): (bit: number) => boolean {
    this.read(tag);
    return readNamedBits(this.bytes, this.start, this.end);
  }

  /** Reads a time as Unix seconds. */
  time(): number {
    this.skipTime();
    if (this.hasOddTimes) checkPrimitive(this.tag, this.bytes, this.start, this.end);
    return readTime(this.latin1());
  }

  /** Skips a UTCTime or a GeneralizedTime. Does not check that the date exists. */
  skipTime(): void {
    this.read();
    demand(TIMES.has(this.tag), "a time is missing or of another type");
  }
}

export function formatHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** Encodes a value from its tag and the parts of its content. @internal */
export function formatDer(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length.toString(16);
  const octets = Buffer.from(length.padStart(length.length + (length.length % 2), "0"), "hex");
  const more = content.length < 0x80 ? [] : [0x80 + octets.length];
  return Buffer.concat([Buffer.of(tag, ...more), octets, content]);
}
