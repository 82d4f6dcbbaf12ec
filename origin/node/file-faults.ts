// Explains in words why a file cannot be read or written. The error codes of the operating system do not say which part of a path
// is at fault, or what the code means.

import { accessSync, constants, lstatSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

const TEXTS: Readonly<Record<string, string>> = {
  EISDIR: "it is a directory",
  EEXIST: "it is there already",
  EROFS: "it is on a read-only file system",
  ENOSPC: "the disk is full",
  EDQUOT: "this user's share of the disk is used up",
  ELOOP: "its links lead in a circle",
  ENAMETOOLONG: "its name is too long",
  EMFILE: "this process has too many files open",
  ENFILE: "this machine has too many files open",
  EIO: "the disk cannot be read or written: look at the system's log",
};

/** Returns why the file cannot be used now. If the error has no code of the operating system, returns its message unchanged. */
export function describeFileFault(error: unknown, file: string): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const path = resolve(file);
  if (code === "EACCES" || code === "EPERM") return findDenial(path);
  if (code === "ENOENT" || code === "ENOTDIR") {
    try {
      return findGap(path) ?? "there is no such file";
    } catch {
      return findDenial(path);
    }
  }
  return TEXTS[code] ?? message ?? String(error);
}

/** Returns true if the error comes from the operating system. Then the cause is outside the program. */
export function isOfTheSystem(error: unknown): error is NodeJS.ErrnoException {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return error instanceof Error && typeof code === "string" && typeof syscall === "string";
}

/**
 * Looks at the folders above the path, and describes the first one that is missing or is not a folder. If all of them exist,
 * describes a broken link at the path.
 * @throws Error if this user may not look into a folder
 */
function findGap(path: string): string | undefined {
  for (const folder of foldersOf(path)) {
    const stats = statSync(folder, { throwIfNoEntry: false });
    if (stats === undefined) return `the folder ${folder} does not exist`;
    if (!stats.isDirectory()) return `${folder} is not a folder`;
  }
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  return isLink ? "it is a link to a file that does not exist" : undefined;
}

function findDenial(path: string): string {
  const closed = foldersOf(path).find((folder) => !isPermitted(folder, constants.X_OK));
  if (closed !== undefined) return `this user may not enter the folder ${closed}`;
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return `this user may not write into the folder ${dirname(path)}`;
  if (!isPermitted(path, constants.R_OK)) return "this user may not read it";
  if (!isPermitted(path, constants.W_OK)) return "this user may not write to it";
  return `this user may not write to it, or not into its folder ${dirname(path)}`;
}

/** Returns the folders above the path, from the root down. */
function foldersOf(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [...foldersOf(folder), folder];
}

function isPermitted(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
