// Detects files on the disk of another machine. SQLite's write-ahead log needs memory that all processes share, and reliable
// locks. A network file system provides neither, and lost or damaged data is noticed much later.

import { statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** The names of network file systems, by the numbers that linux/magic.h and the drivers of Linux give them. */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB"],
  [0x564c, "NCP"],
  [0x5346414f, "AFS"],
  [0x6b414653, "AFS"],
  [0x73757245, "Coda"],
  [0x01021997, "9P"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
  [0x47504653, "GPFS"],
  [0x7461636f, "OCFS2"],
  [0x01161970, "GFS2"],
  [0x20030528, "OrangeFS"],
  [0x19830326, "BeeGFS"],
  [0x786f4256, "a folder shared by VirtualBox"],
  [0x7c7c6673, "a folder shared by Parallels"],
  [0xbacbacbc, "a folder shared by VMware"],
]);
const FUSE = 0x65735546;

/** Returns the name of a network file system. Undefined for any other file system. `type` is the number from `statfs`. */
export function nameNetwork(type: number): string | undefined {
  // Some systems return the type as a signed number.
  return NETWORK.get(type >>> 0);
}

/**
 * Checks that the file is on a disk of this machine. Returns a notice for the operator if this is doubtful, or if the file is on a
 * network file system and `allowNetworkFileSystem` permits this. Only Linux is checked, because elsewhere the numbers of file
 * systems have no fixed meaning.
 * @throws Error if the file is, or would be created, on a network file system, and `allowNetworkFileSystem` is false
 */
export function requireLocalDisk(file: string, { allowNetworkFileSystem = false } = {}): string | undefined {
  const type = typeOf(file);
  if (type === undefined) return undefined;
  const name = nameNetwork(type);
  if (name !== undefined && !allowNetworkFileSystem) {
    throw new Error(
      `${file} is on a network file system (${name}), where SQLite can lose or damage it: use a disk of this machine, or PostgreSQL; --anyway (allowNetworkFileSystem) insists`,
    );
  }
  if (name !== undefined)
    return `${file} is on a network file system (${name}): only one machine may use it, and back it up`;
  if (type >>> 0 !== FUSE) return undefined;
  return `${file} is on a FUSE file system: where that leads to another machine, SQLite can lose or damage it`;
}

function typeOf(file: string): number | undefined {
  if (process.platform !== "linux") return undefined;
  const place = statSync(file, { throwIfNoEntry: false }) === undefined ? dirname(file) : file;
  try {
    return statfsSync(place).type;
  } catch {
    // If the file cannot be reached, the error is reported later, when the file is opened.
    return undefined;
  }
}
