// Reads files up to a limit, so that a file named by mistake (a device, a database, an image) does not fill the memory.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const STDIN = 0;
const CHUNK_BYTES = 64 * 1024;

/** `-` is stdin. @throws Error if there are more than `maxBytes`, or if it cannot be read */
export function readBoundedFile(file: string, maxBytes: number): Buffer {
  if (file === "-") return readDescriptor(STDIN, maxBytes);
  const descriptor = openSync(file, "r");
  try {
    return readDescriptor(descriptor, maxBytes);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The size is checked first, so that nothing of a large file is read. While reading, the limit is checked too: a pipe or a device
 * has no size, and a file may grow.
 */
function readDescriptor(descriptor: number, maxBytes: number): Buffer {
  const { size } = fstatSync(descriptor);
  const chunks: Buffer[] = [];
  let length = 0;
  let isEnd = false;
  while (!isEnd && size <= maxBytes && length <= maxBytes) {
    const chunk = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, Math.min(size - length, maxBytes)));
    const count = readSync(descriptor, chunk);
    isEnd = count === 0;
    length += count;
    chunks.push(chunk.subarray(0, count));
  }
  if (isEnd) return Buffer.concat(chunks, length);
  const [amount, unit] = maxBytes < 1024 * 1024 ? [maxBytes / 1024, "KiB"] : [maxBytes / (1024 * 1024), "MiB"];
  throw new Error(`it is larger than ${amount} ${unit}`);
}
