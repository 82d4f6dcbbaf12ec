// Reads and writes revocation lists on disk. The origin keeps the last good lists of each source in a directory. A source may
// itself be a file.

import { createHash, randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { MAX_CRL_BYTES } from "../../core/wire.ts";
import type { CrlStorage } from "../crls/store.ts";
import { describeFileFault } from "./file-faults.ts";

/**
 * Opens the directory, and creates it if it is missing. Paths of file sources are relative to `base`.
 * @throws ConfigurationError if the directory cannot be created
 */
export function openCrlDirectory(directory: string, base: string): CrlStorage {
  makeDirectory(directory);
  return {
    ...readCrlDirectory(directory, base),

    /**
     * Writes atomically, because several processes may share the directory, and the old lists must still be there after a crash.
     */
    async write(source, ders) {
      const file = fileOf(directory, source);
      const draft = `${file}.${randomUUID()}.tmp`;
      try {
        await writeFile(draft, ders, { flush: true, flag: "wx", mode: 0o600 });
        await rename(draft, file);
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
    },
  };
}

/** Opens the directory for reading only, and does not create it. If the directory is missing, it counts as empty. */
export function readCrlDirectory(directory: string, base: string): Omit<CrlStorage, "write"> {
  return {
    async read(source) {
      return await readFile(fileOf(directory, source)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      });
    },

    async readFile(source, condition) {
      const file = resolve(base, source);
      const stats = await stat(file);
      // A pipe may never end, and a device has no size, so only regular files are read.
      if (!stats.isFile()) throw new Error("it is not a file");
      const { mtimeMs, size, ino } = stats;
      const version = `${ino} ${size} ${mtimeMs}`;
      if (condition["version"] === version) return undefined;
      if (size > MAX_CRL_BYTES) throw new Error(`the list is over ${MAX_CRL_BYTES} bytes`);
      return { bytes: await readFile(file), condition: { version } };
    },
  };
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === "EEXIST";
    const why = isTaken ? "a file is there" : describeFileFault(error, directory);
    throw new ConfigurationError("crls", [`${directory} cannot keep revocation lists: ${why}`]);
  }
}

/**
 * Returns the file for a source. The file's name is a digest of the source, because a URL cannot be a file name, and because not
 * every file system allows every name.
 */
function fileOf(directory: string, source: string): string {
  return join(directory, `${createHash("sha256").update(source).digest("hex").slice(0, 32)}.crl`);
}
