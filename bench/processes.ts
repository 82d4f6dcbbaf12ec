// Manages the processes and folders of a run. When the run ends, even after a failure or a signal, the processes are killed and the
// folders are removed.

import { type ChildProcess, type ForkOptions, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const children = new Set<ChildProcess>();
/** Programs that start further processes. Each is the leader of a process group, so that the whole group can be killed. */
const groups = new Set<number>();
const folders = new Set<string>();

process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  for (const group of groups) process.kill(-group, "SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));

/** Makes a temporary folder. It is removed at the end of the run. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "countersign-bench-"));
  folders.add(folder);
  return folder;
}

export interface RunningProcess {
  readonly pid: number;
  readonly url: string;
}

/** Starts a module of bench/servers/. The module sends its URL when it listens. Its standard output is discarded. */
export function startServer(module: string, settings: unknown): Promise<RunningProcess> {
  const child = forkServer(module, settings, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  return untilServing(child, module);
}

/** Starts a module of bench/servers/ like `startServer`, but with an inspector, whose URL is `inspector`. */
export async function startInspectedServer(
  module: string,
  settings: unknown,
): Promise<RunningProcess & { readonly inspector: string }> {
  const execArgv = [...process.execArgv, "--inspect=127.0.0.1:0"];
  const child = forkServer(module, settings, { execArgv, stdio: ["ignore", "ignore", "pipe", "ipc"] });
  const inspector = new Promise<string>((resolve) =>
    createInterface(child.stderr as Readable).on("line", (line) => {
      const [, url] = /^Debugger listening on (ws:.*)$/.exec(line) ?? [];
      if (url !== undefined) resolve(url);
    }),
  );
  return { ...(await untilServing(child, module)), inspector: await inspector };
}

function forkServer(module: string, settings: unknown, options: ForkOptions): ChildProcess {
  const file = fileURLToPath(new URL(`servers/${module}.ts`, import.meta.url));
  return watch(fork(file, [JSON.stringify(settings)], options));
}

function untilServing(child: ChildProcess, module: string): Promise<RunningProcess> {
  return untilReady(child, module, (resolve) => child.once("message", (url) => resolve(String(url))));
}

/** Starts workerd with a configuration that has one socket on any free port. The standard output of workerd is discarded. */
export function startWorkerd(executable: string, configFile: string): Promise<RunningProcess> {
  const child = spawnWorkerd(executable, [configFile]);
  return untilReady(child, "workerd", (resolve) => onListening(child, "listen", (host) => resolve(`http://${host}`)));
}

export interface RunningIsolates {
  readonly pid: number;
  readonly urls: readonly string[];
  stop(): Promise<void>;
}

/** Starts workerd with a configuration that has `count` sockets, one for each isolate. */
export async function startIsolates(executable: string, configFile: string, count: number): Promise<RunningIsolates> {
  const child = spawnWorkerd(executable, [configFile]);
  const urls: string[] = [];
  const { pid } = await untilReady(child, "workerd", (resolve) =>
    onListening(child, "listen", (host) => {
      urls.push(`http://${host}`);
      if (urls.length === count) resolve(`http://${host}`);
    }),
  );
  const ended = once(child, "exit");
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  return { pid, urls, stop };
}

/**
 * Starts workerd like `startWorkerd`, but with an inspector. The URL of a service's inspector is `inspector`, followed by `/` and
 * the name of the service.
 */
export async function startInspectedWorkerd(
  executable: string,
  configFile: string,
): Promise<RunningProcess & { readonly inspector: string }> {
  const child = spawnWorkerd(executable, [configFile, "--inspector-addr=127.0.0.1:0"]);
  const inspector = new Promise<string>((resolve) =>
    onListening(child, "listen-inspector", (host) => resolve(`ws://${host}`)),
  );
  const running = await untilReady(child, "workerd", (resolve) =>
    onListening(child, "listen", (host) => resolve(`http://${host}`)),
  );
  return { ...running, inspector: await inspector };
}

function spawnWorkerd(executable: string, args: readonly string[]): ChildProcess {
  const stdio = ["ignore", "ignore", "inherit", "pipe"] as const;
  return watch(spawn(executable, ["serve", ...args, "--control-fd=3"], { stdio: [...stdio] }));
}

/** Calls `tell` with each address that workerd reports. workerd reports an address as a line of JSON. */
function onListening({ stdio }: ChildProcess, name: string, tell: (host: string) => void): void {
  createInterface(stdio[3] as Readable).on("line", (line) => {
    const { event, port } = JSON.parse(line) as { event: string; port?: number };
    if (event === name) tell(`127.0.0.1:${port}`);
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

/** Linux counts CPU time in hundredths of a second on every architecture (USER_HZ). */
const MICROSECONDS_PER_TICK = 10_000;

/** Returns the CPU time that these processes and all their descendants have used until now: user and system time, all threads. */
export function readCpuMicroseconds(pids: readonly number[]): number {
  const stats = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap(readStat);
  const members = new Set(pids);
  // A parent may be listed after its child. So the loop repeats until it adds no process.
  for (let size = 0; size < members.size; ) {
    size = members.size;
    for (const { pid, parent } of stats) if (members.has(parent)) members.add(pid);
  }
  return stats.filter(({ pid }) => members.has(pid)).reduce((sum, { ticks }) => sum + ticks * MICROSECONDS_PER_TICK, 0);
}

function readStat(name: string): { pid: number; parent: number; ticks: number }[] {
  try {
    const stat = readFileSync(`/proc/${name}/stat`, "utf8");
    // The second field of the line is the command in parentheses, and may contain spaces. `ppid` is field 4, `utime` field 14, and
    // `stime` field 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return [{ pid: Number(name), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }];
  } catch {
    // The process ended after it was listed.
    return [];
  }
}

/** Starts a program, and waits until it listens on this port. */
export async function startProgram(program: string, args: readonly string[], port: number): Promise<number> {
  const child = watch(spawn(program, args, { stdio: ["ignore", "ignore", "inherit"], detached: true }));
  if (child.pid !== undefined) groups.add(child.pid);
  child.once("exit", () => groups.delete(child.pid as number));
  const ended = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${program} ended with ${code} before it listened`)));
  });
  ended.catch(() => undefined);
  await Promise.race([ended, untilListening(port)]);
  return child.pid as number;
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const isListening = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      socket.unref().once("connect", () => socket.destroy());
    });
    if (isListening) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Returns a port that is free now, for programs that cannot choose a free port themselves. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
