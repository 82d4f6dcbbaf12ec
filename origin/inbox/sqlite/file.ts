// Limits who can read the file of an inbox, because it holds bodies in clear text. Explains why a file cannot be opened.

import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  openSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { resolve } from "node:path";
import { messageOf } from "../../../core/failure-chain.ts";
import { describeFileFault } from "../../node/file-faults.ts";
import { resultCodeOf } from "./result.ts";

const PRIVATE = 0o600;

/**
 * Creates the file, if it does not exist, so that only its owner can read it. SQLite creates two files next to it, with the endings
 * `-wal` and `-shm`, and gives them the same mode.
 * @throws Error if the file cannot be created, or is not a regular file
 */
export function makeFile(file: string): void {
  try {
    // With `O_EXCL`, a symbolic link is not followed, even if the file to which it points does not exist.
    closeSync(openSync(file, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, PRIVATE));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    requireFile(realpathSync(file));
  }
}

/**
 * Refuses a directory, a device or a pipe, because opening a pipe may block for ever. Accepts a file that does not exist yet.
 * @throws Error if the path is not a regular file
 */
export function requireFile(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) throw new Error("it is not a file");
}

/**
 * Removes the rights of other users and of the group from the file, and from the two files that SQLite creates next to it. Call it
 * only for a file that is known to be an inbox, so that a file of another program is not changed. If others had rights, returns a
 * notice for the operator.
 */
export function makePrivate(file: string): string | undefined {
  const path = realpathSync(file);
  const files = [path, `${path}-wal`, `${path}-shm`];
  const opened = files.filter((one) => narrow(one, file));
  if (opened.length === 0) return undefined;
  const isStillOpen = opened.some((one) => isWide(statSync(one, { throwIfNoEntry: false })));
  return isStillOpen
    ? `${path} may be read by others on this machine, and this user cannot change that: chmod 600 it and the files next to it`
    : `${path} could be read by others on this machine: its mode is now 600`;
}

/** Removes the rights of other users and of the group from one file. Returns true if they had any rights. */
function narrow(path: string, named: string): boolean {
  if (!isWide(statSync(path, { throwIfNoEntry: false }))) return false;
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    if (isWide(fstatSync(descriptor))) fchmodSync(descriptor, PRIVATE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw new Error(`${named}: its mode cannot be changed`);
  } finally {
    closeSync(descriptor);
  }
  return true;
}

function isWide(stats: Stats | undefined): boolean {
  return stats !== undefined && process.getuid !== undefined && (stats.mode & 0o077) !== 0;
}

/** The explanations of errors, by SQLite's result codes. */
const RESULTS: ReadonlyMap<number, string> = new Map([
  [5, "another program has locked it"],
  [8, "it cannot be written to by this user, or it is on a read-only file system"],
  [14, "it cannot be opened; SQLite also needs to write to its folder, for -wal and -shm"],
  [26, "it is not a SQLite file"],
]);

/** Explains why the file cannot be used, and names its path. */
export function describeFileError(file: string, error: unknown): string {
  const path = resolve(file);
  const text = messageOf(error);
  if (text.startsWith(file) || text.startsWith(path)) return text;
  return `${path}: ${describeCode(path, error as NodeJS.ErrnoException)}`;
}

function describeCode(path: string, error: NodeJS.ErrnoException): string {
  const result = resultCodeOf(error);
  if (result === 14 && !existsSync(path)) return describeFileFault({ code: "ENOENT" }, path);
  if (result !== undefined) {
    const what = RESULTS.get(result);
    return what === undefined ? error.message : `${what} (${error.message})`;
  }
  return describeFileFault(error, path);
}
