// Splits a file or the body of a response into DER values or PEM blocks (RFC 7468) that follow one another. Does not look at the
// content of the values and blocks.

export const SEQUENCE = 0x30;
const INDEFINITE = 0x80;

export interface Header {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Reads the header of one value. The content may be missing. If the length is indefinite (BER), the value ends at the end of
 * `bytes`. Returns undefined if the header is incomplete, or if the length has more than four octets.
 */
export function readHeader(bytes: Buffer, at: number): Header | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (tag === undefined || first === undefined) return undefined;
  if (first < INDEFINITE) return { tag, start: at + 2, end: at + 2 + first };
  if (first === INDEFINITE) return { tag, start: at + 2, end: Math.max(bytes.length, at + 3) };
  const octets = first & 0x7f;
  if (octets > 4 || at + 2 + octets > bytes.length) return undefined;
  const start = at + 2 + octets;
  return { tag, start, end: start + bytes.readUIntBE(at + 2, octets) };
}

/** Yields each SEQUENCE in `bytes`, until a value is incomplete or is not a SEQUENCE. */
export function* readValues(bytes: Uint8Array): Generator<Uint8Array> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < buffer.length; ) {
    const value = readHeader(buffer, at);
    if (value?.tag !== SEQUENCE || value.end > buffer.length) return;
    yield buffer.subarray(at, value.end);
    at = value.end;
  }
}

const BEGIN = "-----BEGIN ";
const DASHES = "-----";

/** `body` is the text between the BEGIN and the END line. It is undefined if the END line is missing. */
export interface Block {
  readonly label: string;
  readonly body: string | undefined;
}

/**
 * Yields the PEM blocks of a text. Uses `indexOf` to find the BEGIN and END lines, because a revocation list of a million entries
 * is too large for a regular expression.
 */
export function* readBlocks(text: string): Generator<Block> {
  for (let at = text.indexOf(BEGIN); at >= 0; ) {
    const next = text.indexOf(BEGIN, at + BEGIN.length);
    const block = text.slice(at + BEGIN.length, next < 0 ? undefined : next);
    const labelEnd = block.indexOf(DASHES);
    const label = block.slice(0, Math.max(labelEnd, 0));
    const end = labelEnd < 0 ? -1 : block.indexOf(`-----END ${label}${DASHES}`, labelEnd);
    yield { label, body: end < 0 ? undefined : block.slice(labelEnd + DASHES.length, end) };
    at = next;
  }
}

/** Decodes base64 that may have line breaks. Returns undefined if the text is not base64. */
export function decodeBase64(text: string): Buffer | undefined {
  const base64 = text.replace(/\s+/g, "");
  const isBase64 = base64 !== "" && base64.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(base64);
  return isBase64 ? Buffer.from(base64, "base64") : undefined;
}
