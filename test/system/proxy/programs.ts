// Starts nginx, Apache and HAProxy with the configurations in docs/start/behind-a-proxy.md.

import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, chmodSync, chownSync, constants, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { freePort } from "../../support/free-port.ts";
import { ROOT } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const FOLDERS = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
const START_DEADLINE_MILLISECONDS = 60_000;
const IS_ROOT = process.getuid?.() === 0;

export type Program = "nginx" | "apache2" | "haproxy";

/**
 * Returns why the tests of a program cannot run here, or undefined if they can. In CI the result is always undefined, so that a
 * missing program fails the tests instead of skipping them.
 */
export function reasonToSkip(program: Program): string | undefined {
  if (find(program) !== undefined || process.env["CI"] === "true") return undefined;
  const reason = `${program} is not installed: its tests are skipped (apt-get install ${program})`;
  console.warn(reason);
  return reason;
}

function find(program: Program): string | undefined {
  return FOLDERS.map((folder) => join(folder, program)).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Makes a directory that the programs may enter. It contains a directory for the socket, which Apache's group may enter too. */
export function proxyDirectory(stack: AsyncDisposableStack) {
  const directory = temporaryDirectory(stack);
  chmodSync(directory, 0o755);
  const run = join(directory, "run");
  mkdirSync(run);
  // With the setgid bit, new files get the group of the directory. So the socket gets the group of the proxy.
  if (IS_ROOT) chownSync(run, 0, groupId("www-data"));
  chmodSync(run, 0o2750);
  return { directory, socket: join(run, "origin.sock") };
}

function groupId(name: string): number {
  const id = new RegExp(`^${name}:[^:]*:(\\d+):`, "m").exec(readFileSync("/etc/group", "utf8"))?.[1];
  if (id === undefined) throw new Error(`there is no group ${name}`);
  return Number(id);
}

export interface ProxySetUp {
  readonly program: Program;
  /** The name of a file in docs/proxies. */
  readonly snippet: string;
  /**
   * Paths and addresses in the configuration, and the text that replaces each of them in this test. Each path or address must occur
   * in the configuration.
   */
  readonly replacements: Readonly<Record<string, string>>;
  readonly directory: string;
}

/**
 * Starts the program with a configuration. Resolves to its port when the program accepts handshakes. The program ends when the
 * stack is disposed.
 */
export async function startProxy(stack: AsyncDisposableStack, setUp: ProxySetUp): Promise<number> {
  const { program, directory } = setUp;
  const port = await freePort();
  const snippet = fill(readFileSync(join(ROOT, "docs/proxies", setUp.snippet), "utf8"), setUp.replacements, port);
  await startProgram(stack, { program, snippet, directory, port });
  return port;
}

export interface ProgramSetUp {
  readonly program: Program;
  /** The part of the configuration that is tested, without the main configuration of a distribution. */
  readonly snippet: string;
  readonly directory: string;
  /** The port at which the started program listens. */
  readonly port: number;
}

/** Starts the program. Resolves when the program accepts handshakes. The program ends when the stack is disposed. */
export async function startProgram(stack: AsyncDisposableStack, setUp: ProgramSetUp): Promise<void> {
  const { program, snippet, directory, port } = setUp;
  const file = find(program);
  if (file === undefined) throw new Error(`${program} is not installed`);
  const configuration = join(directory, `${program}.conf`);
  writeFileSync(configuration, SURROUNDINGS[program](snippet, directory, port));
  const child = spawn(file, ARGUMENTS[program](configuration), { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk));
  stack.defer(() => end(child));
  await untilHandshake(port, child, () => `${program} did not start:\n${output}\n${readLog(directory)}`);
}

/**
 * Replaces the placeholders in a configuration. The port 443 is always a placeholder. @throws Error if a placeholder does not occur
 */
function fill(snippet: string, replacements: Readonly<Record<string, string>>, port: number): string {
  let text = snippet.replace(/(listen |\*:|bind :)443\b/g, (_, before: string) =>
    before === "*:" ? `127.0.0.1:${port}` : `${before === "bind :" ? "bind " : before}127.0.0.1:${port}`,
  );
  for (const [placeholder, value] of Object.entries(replacements)) {
    if (!text.includes(placeholder)) throw new Error(`the snippet does not hold ${placeholder}`);
    text = text.replaceAll(placeholder, value);
  }
  return text;
}

const ARGUMENTS: Readonly<Record<Program, (configuration: string) => string[]>> = {
  nginx: (configuration) => ["-c", configuration, "-g", "daemon off;"],
  apache2: (configuration) => ["-DFOREGROUND", "-f", configuration],
  haproxy: (configuration) => ["-db", "-f", configuration],
};

/** Returns the configuration inside a main configuration like that of a distribution. */
const SURROUNDINGS: Readonly<Record<Program, (snippet: string, directory: string, port: number) => string>> = {
  nginx: (snippet, directory) => `
${IS_ROOT ? "user root;" : ""}
worker_processes 1;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log;
events {}
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${directory}/nginx-${kind};`).join(" ")}
  ${snippet}
}
`,
  apache2: (snippet, directory, port) => `
ServerRoot ${directory}
ServerName hooks.example.com
PidFile ${directory}/apache.pid
ErrorLog ${directory}/error.log
Listen 127.0.0.1:${port}
${IS_ROOT ? "User www-data\nGroup www-data" : ""}
Mutex file:${directory} default
SSLSessionCache none
${["mpm_event", "authz_core", "ssl", "headers", "proxy", "proxy_http"]
  .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
  .join("\n")}
${snippet}
`,
  haproxy: (snippet) => snippet,
};

async function untilHandshake(port: number, child: ChildProcess, describe: () => string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MILLISECONDS;
  while (Date.now() < deadline && child.exitCode === null) {
    if (await handshakes(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(describe());
}

function handshakes(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", servername: "hooks.example.com", rejectUnauthorized: false });
    socket.once("secureConnect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.once("secureConnect", () => socket.destroy());
  });
}

/** Ends the program. Its worker processes end together with their parent. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  await ended;
  clearTimeout(timer);
}

function readLog(directory: string): string {
  try {
    return readFileSync(join(directory, "error.log"), "utf8");
  } catch {
    return "";
  }
}
