// File systems of their own, for what only a disk can do. Only root may mount, and not in every container.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../support/temporary.ts";

const POWER_DISK_BYTES = 512 * 1024 * 1024;
/** EXT4_IOC_SHUTDOWN with NOLOGFLUSH: what was not synced yet is never written. Node has no ioctl. */
const SHUT_DOWN = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))
`;

/** A disk that is easily full. Undefined, and said so, where nothing can be mounted. */
export function mountSmallDisk(stack: AsyncDisposableStack, megabytes: number): string | undefined {
  const path = temporaryDirectory(stack);
  if (!runs("mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path)) return skipped("a disk that is full");
  stack.defer(() => void runs("umount", "--lazy", path));
  return path;
}

export interface PowerDisk {
  readonly path: string;
  /**
   * From some moment on nothing is written or synced, and what was not synced is gone. The load goes on until then: nothing waits for
   * the moment. Whoever has files open must end.
   */
  losePower(): Promise<void>;
  restorePower(): void;
}

/** A disk whose power can go. Undefined, and said so, where there can be none. */
export function mountPowerDisk(stack: AsyncDisposableStack): PowerDisk | undefined {
  const directory = temporaryDirectory(stack);
  const [image, path] = [join(directory, "image"), join(directory, "disk")];
  writeFileSync(image, "");
  truncateSync(image, POWER_DISK_BYTES);
  mkdirSync(path);
  // Without a commit that only time has made: what the inbox does not sync must be missing.
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
