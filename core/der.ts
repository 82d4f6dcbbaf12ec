// Strict reading of DER with asn1js, which by itself accepts BER and trailing bytes.

import { type AsnType, BaseBlock, fromBER, GeneralizedTime, UTCTime } from "asn1js";

/**
 * Reads exactly one DER value.
 * Checks lengths (definite, minimal, nothing left over). Does not check the order of SETs or the form of BOOLEANs.
 * @throws SyntaxError
 */
export function readDer(bytes: Uint8Array): AsnType {
  const { result, offset } = fromBER(bytes);
  if (offset === -1) throw new SyntaxError(`not DER: ${result.error}`);
  if (offset !== bytes.byteLength) throw new SyntaxError("trailing bytes after the DER value");
  refuseBer(result);
  return result;
}

function refuseBer(element: AsnType): void {
  const { isIndefiniteForm, blockLength, length } = element.lenBlock;
  if (isIndefiniteForm || blockLength !== minimalLengthOctets(length)) {
    throw notDer();
  }
  for (const child of childrenOf(element)) refuseBer(child);
}

/**
 * Reads the headers of DER values in place, one after another, for a list that is too long for a tree of objects.
 * asn1js reads each length; the identifier octet is compared by the caller.
 */
export class DerWalker {
  readonly bytes: Uint8Array;
  /** Of the value read last: its identifier octet, where it starts, where its content starts, and where it ends. */
  tag = 0;
  start = 0;
  content = 0;
  end = 0;
  readonly #buffer: Buffer;
  readonly #header = new BaseBlock().lenBlock;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * Reads the header at `start` of a value that must end by `limit`, and must have this tag if one is given.
   * @throws SyntaxError
   */
  read(start: number, limit: number, tag?: number): this {
    const header = this.#header;
    const content = start + 1 < limit ? header.fromBER(this.bytes, start + 1, limit - start - 1) : -1;
    const end = content + header.length;
    if (content === -1 || header.isIndefiniteForm || end > limit)
      throw new SyntaxError("not DER: a value is cut short");
    if (header.blockLength !== minimalLengthOctets(header.length)) throw notDer();
    this.tag = this.bytes[start] ?? 0;
    if (tag !== undefined && this.tag !== tag) throw new SyntaxError(`the tag ${this.tag} is not ${tag}`);
    this.start = start;
    this.content = content;
    this.end = end;
    return this;
  }

  /** The content read last as text of one character an octet: a key for sets and maps. */
  text(start = this.content): string {
    return this.#buffer.toString("latin1", start, this.end);
  }
}

function notDer(): SyntaxError {
  return new SyntaxError("a length is in a form that DER does not allow");
}

/** Octets of the shortest length field (X.690 §10.1): one up to 127, else one more than the number needs. */
function minimalLengthOctets(length: number): number {
  return length < 0x80 ? 1 : 1 + Math.ceil(length.toString(16).length / 2);
}

/** The members of a constructed value; none for a primitive one. */
export function childrenOf(element: AsnType): readonly AsnType[] {
  const value: unknown = (element.valueBlock as { value?: unknown }).value;
  return element.idBlock.isConstructed && Array.isArray(value) ? (value as AsnType[]) : [];
}

/** The content octets of a value: its encoding without tag and length. */
export function contentOctets(element: AsnType): Uint8Array {
  const whole = element.valueBeforeDecodeView;
  return whole.subarray(whole.byteLength - element.lenBlock.length);
}

/** UTCTime and GeneralizedTime in the only forms that RFC 5280 §4.1.2.5 allows: UTC, with seconds, without fractions. */
export function readTime(time: AsnType): number {
  const digits = time instanceof GeneralizedTime ? 14 : time instanceof UTCTime ? 12 : 0;
  const text = Buffer.from(contentOctets(time)).toString("latin1");
  const date = digits > 0 && new RegExp(`^\\d{${digits}}Z$`).test(text) ? (time as UTCTime).toDate() : undefined;
  // Printed again it must be the same: a thirteenth month would have become January.
  if (
    date === undefined ||
    !date
      .toISOString()
      .replace(/[-:T]|\.000/g, "")
      .endsWith(text)
  ) {
    throw new SyntaxError("a time is malformed");
  }
  return date.getTime() / 1000;
}

/**
 * Where the magnitude of a non-negative INTEGER starts, whose content is at `start` to `end`: after its zero octet.
 * @throws SyntaxError when it is empty, negative or padded
 */
export function magnitudeStart(bytes: Uint8Array, start: number, end: number): number {
  const first = start < end ? (bytes[start] as number) : 0x80;
  if (first >= 0x80) throw new SyntaxError("an INTEGER is empty or negative");
  if (first > 0 || end - start === 1) return start;
  if ((bytes[start + 1] as number) < 0x80) throw new SyntaxError("an INTEGER is padded");
  return start + 1;
}

export function formatHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
