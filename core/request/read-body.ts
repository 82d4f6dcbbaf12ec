// Reads a request body up to a limit.

import { messageOf } from "../failure-chain.ts";
import { Refusal } from "../refusal.ts";
import { MAX_TINY_PIECES, TINY_PIECE_BYTES, UNCOUNTED_BODY_BYTES } from "../wire.ts";
import type { BodyReading } from "./body-budget.ts";

/**
 * Reads the whole body. If the declared length is over the limit, refuses the body before reading anything. Without a declared
 * length, stops at the first chunk that exceeds the limit. GET and HEAD must not have a body, because `fetch()` cannot forward one.
 * @throws Refusal `body_too_large`, `body_incomplete`, `body_in_pieces`, and `bodies_full` if the budget of `reading` is used up
 */
export function readBody(
  request: Request,
  maxBodyBytes: number,
  reading?: BodyReading,
): Promise<Uint8Array<ArrayBuffer>> {
  const isBodiless = request.method === "GET" || request.method === "HEAD";
  return readUpTo(isBodiless ? 0 : maxBodyBytes, request, reading);
}

async function readUpTo(maxBodyBytes: number, request: Request, reading: BodyReading | undefined) {
  const declared = request.headers.get("content-length");
  if (declared !== null && !(Number(declared) <= maxBodyBytes)) {
    throw new Refusal("body_too_large", { declared, maxBodyBytes });
  }
  try {
    // HTTP framing limits the body to its declared length, so the limit need not be checked for each chunk.
    const isWhole = declared !== null && (reading === undefined || Number(declared) <= UNCOUNTED_BODY_BYTES);
    const body =
      isWhole || request.body === null
        ? new Uint8Array(await request.arrayBuffer())
        : await readStream(request.body, maxBodyBytes, reading);
    if (body === undefined || body.byteLength > maxBodyBytes) throw new Refusal("body_too_large", { maxBodyBytes });
    return body;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("body_incomplete", { cause: messageOf(error) });
  }
}

/**
 * Reads a stream to its end. If it is longer than `maxBytes`, cancels it and returns undefined.
 * @throws Refusal `body_in_pieces` if there are too many tiny pieces, and `bodies_full` if the budget of `reading` is used up. In
 * both cases the stream is cancelled.
 */
export async function readStream(
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
  reading?: BodyReading,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const reader = stream.getReader();
  const stop = () => void reader.cancel().catch(() => undefined);
  const pieces = new Pieces();
  reading?.start(stop);
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (pieces.size + next.value.byteLength > maxBytes) return undefined;
      reading?.take(next.value.byteLength);
      pieces.add(next.value);
      if (pieces.count > MAX_TINY_PIECES && pieces.size < pieces.count * TINY_PIECE_BYTES)
        throw new Refusal("body_in_pieces", { pieces: pieces.count, received: pieces.size });
    }
    // Counts the octets again, because joining the pieces makes a second copy. If the budget has ended this reading, the call
    // throws.
    reading?.take(pieces.size);
    return pieces.join();
  } finally {
    stop();
  }
}

/** Most bodies fit into the first segment. Larger segments are allocated only if they are needed. */
const FIRST_SEGMENT_BYTES = 4 * 1024;
const SEGMENT_BYTES = 64 * 1024;

/**
 * Collects the pieces of a body by copying them into segments, in order. A piece may be one octet long, and keeping an object for
 * each piece would use too much memory.
 */
class Pieces {
  readonly #segments: Uint8Array[] = [];
  /** The number of free octets in the last segment. */
  #free = 0;
  count = 0;
  size = 0;

  add(piece: Uint8Array): void {
    this.count += 1;
    for (let rest = piece; rest.byteLength > 0; ) {
      const segment = this.#open();
      const part = rest.subarray(0, this.#free);
      segment.set(part, segment.byteLength - this.#free);
      this.#free -= part.byteLength;
      this.size += part.byteLength;
      rest = rest.subarray(part.byteLength);
    }
  }

  /** Returns the last segment, or a new one if the last one is full. */
  #open(): Uint8Array {
    const last = this.#segments.at(-1);
    if (last !== undefined && this.#free > 0) return last;
    const segment = new Uint8Array(last === undefined ? FIRST_SEGMENT_BYTES : SEGMENT_BYTES);
    this.#segments.push(segment);
    this.#free = segment.byteLength;
    return segment;
  }

  join(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.size);
    let offset = 0;
    for (const segment of this.#segments) {
      bytes.set(segment.subarray(0, this.size - offset), offset);
      offset += segment.byteLength;
    }
    return bytes;
  }
}
