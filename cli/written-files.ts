// Files that the commands write. A draft is made new, so that nothing of somebody else's is written to and no link is followed; what
// may hold a secret is readable by its owner alone, whatever the umask is.

import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { UsageError } from "./command.ts";

/** Replaces the file in one step. One that is there already keeps its mode, where that is narrower. @throws UsageError that names the file */
export function writeWhole(file: string, content: string, mode: 0o600 | 0o644 = 0o644): void {
  if (file === "-") throw new UsageError("- is standard input, which cannot be written to: name a file");
  const draft = `${file}.${randomUUID()}.tmp`;
  try {
    const existing = lstatSync(file, { throwIfNoEntry: false });
    const kept = existing?.isFile() ? existing.mode & mode : mode;
    const descriptor = openSync(draft, "wx", kept);
    try {
      writeFileSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw new UsageError(`cannot write ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

/** Adds to the file, which is made where it is missing. @throws Error when it is a link, or no file */
export function appendPrivately(file: string, text: string): void {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const descriptor = openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new Error(`${file} is no file`);
    if ((stats.mode & 0o077) !== 0) fchmodSync(descriptor, 0o600);
    writeFileSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}
