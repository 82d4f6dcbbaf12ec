// Processes and folders of one run. Whatever way the run ends, they end with it.

import { type ChildProcess, fork, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const children = new Set<ChildProcess>();
const folders = new Set<string>();

process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));

/** A new folder that is removed at the end. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "countersign-bench-"));
  folders.add(folder);
  return folder;
}

export interface RunningProcess {
  readonly pid: number;
  readonly url: string;
}

/** Starts a module of bench/servers/, which sends its URL once it listens. Its output is thrown away. */
export function startServer(module: string, settings: unknown): Promise<RunningProcess> {
  const file = fileURLToPath(new URL(`servers/${module}.ts`, import.meta.url));
  const child = watch(fork(file, [JSON.stringify(settings)], { stdio: ["ignore", "ignore", "inherit", "ipc"] }));
  return untilReady(child, module, (resolve) => child.once("message", (url) => resolve(String(url))));
}

/** Starts workerd with a configuration that has one socket, `http`, on any free port. Its output is thrown away. */
export function startWorkerd(executable: string, configFile: string): Promise<RunningProcess> {
  const child = watch(
    spawn(executable, ["serve", configFile, "--control-fd=3"], { stdio: ["ignore", "ignore", "inherit", "pipe"] }),
  );
  return untilReady(child, "workerd", (resolve) => {
    (child.stdio[3] as Readable).on("data", (line: Buffer) => {
      const { event, port } = JSON.parse(line.toString()) as { event: string; port?: number };
      if (event === "listen") resolve(`http://127.0.0.1:${port}`);
    });
  });
}

function watch(child: ChildProcess): ChildProcess {
  children.add(child);
  return child.once("exit", () => children.delete(child));
}

function untilReady(
  child: ChildProcess,
  name: string,
  onUrl: (resolve: (url: string) => void) => void,
): Promise<RunningProcess> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code} before it listened`)));
    onUrl((url) => resolve({ pid: child.pid as number, url }));
  });
}

/** Linux counts in hundredths of a second for every architecture (USER_HZ). */
const MICROSECONDS_PER_TICK = 10_000;

/** User and system time of a process so far, all its threads. */
export function readCpuMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the command in parentheses and may hold spaces; utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * MICROSECONDS_PER_TICK;
}
