// Reads files up to a limit, so that a file that is named by mistake, for example a device or a database, does not fill the memory.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { describeFileFault } from "./file-faults.ts";

const STDIN = 0;
const CHUNK_BYTES = 64 * 1024;

/**
 * Reads a file, or stdin for `-`.
 * @throws Error if the file cannot be read or is larger than `maxBytes`; the caller adds the file's name
 */
export function readBoundedFile(file: string, maxBytes: number): Buffer {
  if (file === "-") return readDescriptor(STDIN, maxBytes);
  try {
    const descriptor = openSync(file, "r");
    try {
      return readDescriptor(descriptor, maxBytes);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new Error(describeFileFault(error, file), { cause: error });
  }
}

/**
 * Reads a file up to the limit. The size is checked first, so that nothing of a large file is read. The limit is checked while
 * reading too, because a pipe or a device has no size, and a file may grow.
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
