// Decompresses bodies, up to a limit, because anybody can send a small body that decompresses to gigabytes.

import { DIAGNOSED_DECODED_BYTES } from "../wire.ts";
import { formatHex } from "../x509/der.ts";

/** Loads zlib when a body needs it for the first time, so that an isolate starts sooner. */
const loadZlib = () => import("node:zlib");

type Decode = (body: Uint8Array, zlib: Awaited<ReturnType<typeof loadZlib>>) => Uint8Array | undefined;

const LIMIT = { maxOutputLength: DIAGNOSED_DECODED_BYTES };
/**
 * The exponent of the window size: 2^23 bytes are 8 MB, the largest size that senders' encoders use. Without this limit, a frame
 * could require a window of 128 MB.
 */
const ZSTD_WINDOW_LOG = 23;

/** The decoders by name of content coding (RFC 9110 §8.4.1). */
const DECODERS: Readonly<Record<string, readonly Decode[]>> = {
  gzip: [(body, { gunzipSync }) => gunzipSync(body, LIMIT)],
  "x-gzip": [(body, { gunzipSync }) => gunzipSync(body, LIMIT)],
  // `deflate` means DEFLATE in a zlib frame (RFC 9110), but many programs send DEFLATE without the frame. So both are tried.
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
 * Returns the decompressed body and its encoding. Content-Encoding names the encoding. Without this header, the encoding is found
 * by the magic number at the beginning of the body. Returns undefined if the encoding is none of `DECODERS`, if the body is
 * uncompressed or damaged, or if the decompressed body is too large.
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

/** Magic numbers in hex. */
const MARKS: readonly (readonly [encoding: string, mark: string])[] = [
  ["gzip", "1f8b"],
  ["zstd", "28b52ffd"],
];

function encodingByMark(body: Uint8Array): string | undefined {
  const start = formatHex(body.subarray(0, 4));
  return MARKS.find(([, mark]) => start.startsWith(mark))?.[0];
}

/**
 * Returns the decompressed size of a Brotli stream (RFC 7932 §9), or Infinity if the stream does not declare it. The size is
 * checked before decompression, because the output limit of zlib comes too late: zlib writes no output until its window of up to
 * 16 MB is full.
 */
function brotliSize(body: Uint8Array): number {
  let at = 0;
  const bits = (count: number) => {
    let value = 0;
    for (let i = 0; i < count; i++, at++) value |= (((body[at >> 3] ?? 0) >> (at & 7)) & 1) << i;
    return value;
  };
  // The window size takes one, four or seven bits.
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
  return Infinity;
}
