// Bodies that were compressed: bounded in what they become, because anybody can send one that becomes gigabytes.

import { formatHex } from "./der.ts";
import { DIAGNOSED_DECODED_BYTES } from "./wire.ts";

/** With the first body that needs it: an isolate starts sooner without it. */
const loadZlib = () => import("node:zlib");

type Decode = (body: Uint8Array, zlib: Awaited<ReturnType<typeof loadZlib>>) => Uint8Array | undefined;

const LIMIT = { maxOutputLength: DIAGNOSED_DECODED_BYTES };
/** 8 MB: what senders' encoders use at the most. A frame may ask for 128. */
const ZSTD_WINDOW_LOG = 23;

/** By names of HTTP (RFC 9110 §8.4.1). */
const DECODERS: Readonly<Record<string, readonly Decode[]>> = {
  gzip: [(body, { gunzipSync }) => gunzipSync(body, LIMIT)],
  "x-gzip": [(body, { gunzipSync }) => gunzipSync(body, LIMIT)],
  // Many write DEFLATE without the frame of zlib that the name stands for.
  deflate: [
    (body, { inflateSync }) => inflateSync(body, LIMIT),
    (body, { inflateRawSync }) => inflateRawSync(body, LIMIT),
  ],
  br: [
    (body, { brotliDecompressSync }) =>
      brotliSize(body) <= DIAGNOSED_DECODED_BYTES ? brotliDecompressSync(body, LIMIT) : undefined,
  ],
  zstd: [
    (body, { zstdDecompressSync, constants }) =>
      zstdDecompressSync(body, { ...LIMIT, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
  ],
};

/**
 * The body as it was before it was compressed, and by which encoding: that of Content-Encoding, or the one by whose mark the
 * body begins. Undefined when it is not compressed, damaged, or too large.
 */
export async function decodeBody(
  body: Uint8Array,
  contentEncoding: string | null,
): Promise<readonly [encoding: string, decoded: Uint8Array] | undefined> {
  const encoding = contentEncoding?.trim().toLowerCase() || encodingByMark(body);
  if (encoding === undefined || !Object.hasOwn(DECODERS, encoding)) return undefined;
  for (const decode of DECODERS[encoding] ?? []) {
    try {
      const decoded = decode(body, await loadZlib());
      if (decoded !== undefined) return [encoding, decoded];
    } catch {}
  }
  return undefined;
}

/** What bodies begin with, in hex. */
const MARKS: readonly (readonly [encoding: string, mark: string])[] = [
  ["gzip", "1f8b"],
  ["zstd", "28b52ffd"],
];

function encodingByMark(body: Uint8Array): string | undefined {
  const start = formatHex(body.subarray(0, 4));
  return MARKS.find(([, mark]) => start.startsWith(mark))?.[0];
}

/**
 * How many octets a Brotli stream holds, by RFC 7932 §9; Infinity when that is not known before it is decoded. zlib writes
 * nothing before its window of up to 16 MB is full, so that a limit to what it may write comes too late.
 */
function brotliSize(body: Uint8Array): number {
  let at = 0;
  const bits = (count: number) => {
    let value = 0;
    for (let i = 0; i < count; i++, at++) value |= (((body[at >> 3] ?? 0) >> (at & 7)) & 1) << i;
    return value;
  };
  // The window's size: one, four or seven bits.
  if (bits(1) === 1 && bits(3) === 0) bits(3);
  for (let size = 0; at < body.length * 8; ) {
    const isLast = bits(1) === 1;
    if (isLast && bits(1) === 1) return size;
    const nibbles = bits(2);
    if (nibbles === 3) break;
    const length = bits(4 * (nibbles + 4)) + 1;
    size += length;
    if (isLast) return size;
    if (bits(1) === 0) break;
    at = ((at + 7) & ~7) + 8 * length;
  }
  return Number.POSITIVE_INFINITY;
}
