// Reads a request body up to a limit, and no further.

import { Refusal } from "./refusal.ts";

/**
 * Reads the whole body. A declared length over the limit is refused before a byte is read; without one, reading
 * stops at the first chunk that passes the limit. GET and HEAD may have none, because fetch() cannot forward one.
 * @throws Refusal `body_too_large`, `body_incomplete`
 */
export function readBody(request: Request, maxBodyBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const isBodiless = request.method === "GET" || request.method === "HEAD";
  return readUpTo(isBodiless ? 0 : maxBodyBytes, request);
}

async function readUpTo(maxBodyBytes: number, request: Request): Promise<Uint8Array<ArrayBuffer>> {
  const declared = request.headers.get("content-length");
  if (declared !== null && !(Number(declared) <= maxBodyBytes)) {
    throw new Refusal("body_too_large", { declared, maxBodyBytes });
  }
  try {
    // HTTP framing holds the body to its declared length, so it can be taken in one piece.
    const isStream = declared === null && request.body !== null;
    const body = isStream ? await readStream(request.body, maxBodyBytes) : new Uint8Array(await request.arrayBuffer());
    if (body === undefined || body.byteLength > maxBodyBytes) throw new Refusal("body_too_large", { maxBodyBytes });
    return body;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("body_incomplete", { cause: error instanceof Error ? error.message : String(error) });
  }
}

/** Reads a stream to its end; undefined, with the stream cancelled, as soon as it holds more than `maxBytes`. */
export async function readStream(
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early cancels the stream.
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
