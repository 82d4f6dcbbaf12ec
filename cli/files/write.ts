// Writes the files of commands. The content is first written to a new file next to the target, which then replaces the target. So
// nobody reads half a file, and nothing is written into an existing file of another user. A file with secrets is readable only by
// its owner, whatever the umask is. If the target is a symbolic link, the link stays, and the file to which it points is replaced.

import { randomUUID } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { describeFileFault } from "../../origin/node/file-faults.ts";
import { UsageError } from "../command.ts";

/**
 * Replaces the file, or the target of a link, in one step. Owner, group and mode of an old file are kept, but the mode never becomes
 * wider than `mode`.
 * @throws UsageError that names the file
 */
export function writeWhole(file: string, content: string, mode: 0o600 | 0o644 = 0o644): void {
  if (file === "-") throw new UsageError("- is standard input, which cannot be written to: name a file");
  let draft: string | undefined;
  try {
    const target = followLinks(file);
    draft = `${target}.${randomUUID()}.tmp`;
    const existing = lstatSync(target, { throwIfNoEntry: false });
    if (existing?.isFile() === false) throw new Error("it is not a file that can be replaced");
    const descriptor = openSync(draft, "wx", existing === undefined ? mode : 0o600);
    try {
      if (existing !== undefined) keepAccess(descriptor, existing, mode);
      writeFileSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, target);
  } catch (error) {
    if (draft !== undefined) rmSync(draft, { force: true });
    throw new UsageError(`cannot write ${file}: ${describeFileFault(error, file)}`);
  }
}

/**
 * Gives the new file the owner, the group and the mode of the old one. The umask is not applied. Otherwise a service of another
 * user or group that reads the file could lose its access. If this process may not set owner and group, the group of the new file
 * gets no rights.
 */
function keepAccess(descriptor: number, { uid, gid, mode: old }: Stats, mode: number): void {
  try {
    fchownSync(descriptor, uid, gid);
    fchmodSync(descriptor, old & mode);
  } catch {
    fchmodSync(descriptor, old & mode & ~0o070);
  }
}

/** Makes a folder and its missing parents. @throws UsageError that names the folder */
export function makeFolder(folder: string, mode = 0o777): void {
  try {
    mkdirSync(folder, { recursive: true, mode });
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === "EEXIST";
    throw new UsageError(
      `cannot make the folder ${folder}: ${isTaken ? "a file is there" : describeFileFault(error, folder)}`,
    );
  }
}

/** Linux follows at most this number of links. */
const MAX_LINKS = 40;

/**
 * Returns the file to which a link points. Refuses a link that belongs to another user, unless that user is root. Otherwise
 * another user could put a link into a shared folder, and we would overwrite the file to which the link points.
 */
function followLinks(file: string): string {
  let target = file;
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    const stats = lstatSync(target, { throwIfNoEntry: false });
    if (stats === undefined && links > 0) throw new Error(`it is a link to ${target}, which is not there`);
    if (!stats?.isSymbolicLink()) return target;
    const user = process.geteuid?.() ?? stats.uid;
    if (stats.uid !== user && stats.uid !== 0) throw new Error(`${target} is a link of another user`);
    target = resolve(dirname(target), readlinkSync(target));
  }
  throw new Error("its links lead in a circle");
}
