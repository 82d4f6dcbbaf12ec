// A small DER reader and writer, to make certificates that no library would make. It does not use the DER reader under test.

/**
 * One DER value. `content` has the octets of the value or, if the value is constructed, the values inside it. Each tag is one
 * octet, as in every certificate.
 */
export interface Tlv {
  tag: number;
  content: Uint8Array | Tlv[];
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8: 0x0c,
  numeric: 0x12,
  printable: 0x13,
  teletex: 0x14,
  ia5: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  general: 0x1b,
  universal: 0x1c,
  bmp: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

const utf8 = new TextEncoder();

/** Makes a DER value. Text becomes UTF-8 octets. */
export function tlv(tag: number, content: string | Uint8Array | readonly number[] | Tlv[] = []): Tlv {
  if (typeof content === "string") return { tag, content: utf8.encode(content) };
  if (content instanceof Uint8Array) return { tag, content };
  return isTlvList(content) ? { tag, content } : { tag, content: Uint8Array.from(content) };
}

function isTlvList(content: readonly number[] | Tlv[]): content is Tlv[] {
  return content.length > 0 && typeof content[0] === "object";
}

export const sequence = (...members: Tlv[]): Tlv => ({ tag: TAG.sequence, content: members });
export const set = (...members: Tlv[]): Tlv => ({ tag: TAG.set, content: members });

export function oid(dotted: string): Tlv {
  const [first = 0n, second = 0n, ...rest] = dotted.split(".").map(BigInt);
  return tlv(TAG.oid, [first * 40n + second, ...rest].flatMap(base128));
}

function base128(arc: bigint): number[] {
  const octets = [Number(arc & 127n)];
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) octets.unshift(Number(rest & 127n) | 128);
  return octets;
}

export function decode(bytes: Uint8Array): Tlv {
  const { node, end } = decodeAt(bytes, 0);
  if (end !== bytes.byteLength) throw new Error("trailing bytes");
  return node;
}

function decodeAt(bytes: Uint8Array, start: number): { node: Tlv; end: number } {
  const tag = bytes[start] ?? 0;
  let length = bytes[start + 1] ?? 0;
  let offset = start + 2;
  if (length >= 0x80) {
    const octets = bytes.subarray(offset, offset + (length & 0x7f));
    offset += octets.byteLength;
    length = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  }
  const end = offset + length;
  if ((tag & 0x20) === 0) return { node: { tag, content: bytes.slice(offset, end) }, end };
  const content: Tlv[] = [];
  while (offset < end) {
    const member = decodeAt(bytes, offset);
    content.push(member.node);
    offset = member.end;
  }
  return { node: { tag, content }, end };
}

export function encode({ tag, content }: Tlv): Uint8Array {
  const body = content instanceof Uint8Array ? content : concat(...content.map(encode));
  return concat(Uint8Array.of(tag, ...lengthOctets(body.byteLength)), body);
}

export function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) octets.unshift(rest & 0xff);
  return [0x80 | octets.length, ...octets];
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

/** Returns the values inside a constructed value. */
export function members(node: Tlv | undefined): Tlv[] {
  if (node === undefined || node.content instanceof Uint8Array) throw new Error("not a constructed value");
  return node.content;
}

export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
export const fromBase64 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "base64"));
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
