// Runs the program as a user does, in a separate process, and reads its output.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface Running {
  /** The first JSON line, which the program prints when it is ready. */
  readonly ready: Readonly<Record<string, string>> & {
    readonly clients: Record<string, { certificate: string; key: string }>;
  };
  /**
   * Resolves to the first line that has these members. Lines before index `start` are ignored. The line may already have been
   * printed.
   */
  line(members: Readonly<Record<string, unknown>>, start?: number): Promise<Record<string, unknown>>;
  readonly lines: readonly Record<string, unknown>[];
  readonly process: ChildProcess;
  /** Ends the program. Resolves to the exit code when all output has been read. */
  stop(): Promise<number | null>;
}

/** The time limit for a line. It is long, because a machine under load needs more than a minute to start `countersign dev`. */
const LINE_DEADLINE_MILLISECONDS = 240_000;

/**
 * The programs that still run. They are killed at the end of a test file, because a failed test may not have ended them. They are
 * also killed when the runner ends this process with SIGTERM.
 */
const running = new Set<ChildProcess>();
process.once("SIGTERM", () => process.exit(1));
process.on("exit", killPrograms);

export function killPrograms(): void {
  for (const child of running) child.kill("SIGKILL");
}

/**
 * The checkout (`folder`) and the Node (`node`) that run the program. By default, they are those of this process. `milliseconds` is
 * the time limit for each line.
 */
export interface Place {
  readonly node?: string;
  readonly folder?: string;
  readonly milliseconds?: number;
}

/** Starts `countersign …args --json` and waits for its ready line. */
export async function startCountersign(
  args: readonly string[],
  environment: Record<string, string> = {},
  program = "cli/main.ts",
  { node = process.execPath, folder = ROOT, milliseconds = LINE_DEADLINE_MILLISECONDS }: Place = {},
): Promise<Running> {
  const child = spawn(node, [program, ...args, "--json"], {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  const lines: Record<string, unknown>[] = [];
  const listeners = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (text) => {
    lines.push(JSON.parse(text) as Record<string, unknown>);
    for (const listener of listeners) listener();
  });
  // Waits for "close" and not for "exit", because output may still arrive after "exit".
  const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));

  const line = (members: Readonly<Record<string, unknown>>, start = 0) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const look = () => {
        const found = lines
          .slice(start)
          .find((candidate) => Object.entries(members).every(([name, value]) => candidate[name] === value));
        if (found !== undefined) settle(() => resolve(found));
      };
      const settle = (end: () => void) => {
        clearTimeout(timer);
        listeners.delete(look);
        end();
      };
      // Rejects the promise of this call of line(), unless the call has already found its line.
      const fail = (why: string) => {
        if (!listeners.has(look)) return;
        settle(() =>
          reject(new Error(`no line ${JSON.stringify(members)}: ${why}\n${JSON.stringify(lines, null, 1)}\n${stderr}`)),
        );
      };
      const timer = setTimeout(() => fail("too late"), milliseconds);
      ended.then((code) => fail(`ended with ${code}`));
      listeners.add(look);
      look();
    });
  const stop = () => {
    child.kill("SIGTERM");
    return ended;
  };
  try {
    return { ready: (await line({})) as Running["ready"], line, lines, process: child, stop };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program until it ends. */
export function run(
  program: string,
  args: readonly string[],
  input = "",
  environment: Record<string, string> = {},
): Promise<Finished> {
  const options = { cwd: ROOT, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...environment } };
  return new Promise((resolve) => {
    const child = execFile(program, [...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : 1, stdout, stderr });
    });
    child.stdin?.end(input);
  });
}

export function runCountersign(
  args: readonly string[],
  input = "",
  environment: Record<string, string> = {},
): Promise<Finished> {
  return run(process.execPath, ["cli/main.ts", ...args], input, environment);
}

/** Runs `curl`. Returns the status and the body of the response. `args` come before the URL. */
export async function curl(
  url: string,
  args: readonly string[],
  input = "",
): Promise<{ status: number; body: string; problem: Record<string, unknown> }> {
  const { stdout, stderr, code } = await run(
    "curl",
    ["--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}", ...args, url],
    input,
  );
  if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`);
  const [, body = "", status = ""] = /^(.*)\n(\d{3})$/s.exec(stdout) ?? [];
  let problem = {};
  try {
    problem = JSON.parse(body);
  } catch {
    // The body is not JSON, so there is no problem document.
  }
  return { status: Number(status), body, problem };
}
