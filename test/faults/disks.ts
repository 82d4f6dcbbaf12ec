// Mounts separate file systems to simulate faults of a disk. Only root may mount, and some containers do not allow it at all.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../support/temporary.ts";

const POWER_DISK_BYTES = 512 * 1024 * 1024;
/**
 * Stops a file system with EXT4_IOC_SHUTDOWN and NOLOGFLUSH, so that data that was not synced before is never written. The code is
 * Python, because Node has no ioctl.
 */
const SHUT_DOWN = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))
`;

/** Mounts a small disk, which is quickly full. If mounting is not possible, prints this fact and returns undefined. */
export function mountSmallDisk(stack: AsyncDisposableStack, megabytes: number): string | undefined {
  const path = temporaryDirectory(stack);
  if (!runs("mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path)) return skipped("a disk that is full");
  stack.defer(() => void runs("umount", "--lazy", path));
  return path;
}

export interface PowerDisk {
  readonly path: string;
  /**
   * Cuts the power during the call. From then on, nothing more is written or synced, and data that was not synced is lost. The load
   * should continue during the call. Afterwards, every process with open files on the disk must end.
   */
  losePower(): Promise<void>;
  restorePower(): void;
}

/** Mounts a disk whose power can be cut. If mounting is not possible, prints this fact and returns undefined. */
export function mountPowerDisk(stack: AsyncDisposableStack): PowerDisk | undefined {
  const directory = temporaryDirectory(stack);
  const [image, path] = [join(directory, "image"), join(directory, "disk")];
  writeFileSync(image, "");
  truncateSync(image, POWER_DISK_BYTES);
  mkdirSync(path);
  // With this long commit interval, ext4 does not write data just because some seconds have passed. So after the power cut, data
  // that the inbox did not sync must be missing.
  const mount = () => runs("mount", "-o", "loop,commit=900", image, path);
  const shutDown = ["python3", "-c", SHUT_DOWN, path] as const;
  const unmount = () => runs("umount", path);
  stack.defer(() => void runs("umount", "--lazy", path));
  const isPossible = runs("mkfs.ext4", "-q", "-F", image) && mount() && runs(...shutDown) && unmount() && mount();
  if (!isPossible) return skipped("a disk whose power goes");
  return {
    path,
    async losePower() {
      const [program, ...args] = shutDown;
      const [code] = await once(spawn(program, args, { stdio: "ignore" }), "exit");
      if (code !== 0) throw new Error("the disk could not be shut down");
    },
    restorePower() {
      if (!unmount() || !mount()) throw new Error("the disk could not be mounted again");
    },
  };
}

function runs(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore" }).status === 0;
}

function skipped(what: string): undefined {
  console.warn(`SKIPPED: ${what}, because no such file system can be mounted here`);
}
