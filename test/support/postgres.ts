// Starts a real PostgreSQL server for one test file or one bench: a cluster in a temporary directory, on a free port of 127.0.0.1.

import { execFile, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { freePort } from "./free-port.ts";

export const PASSWORD = "p%40ss/w:rd";
const DEBIAN = "/usr/lib/postgresql";
const SETPRIV = "/usr/bin/setpriv";

export interface PostgresServer {
  /**
   * Creates a database. Resolves to the URL of the database, with the password. If an empty directory is given, the tables are
   * stored there.
   */
  createDatabase(directory?: string): Promise<string>;
  /** Ends the server as a power cut would: the server writes nothing more. */
  crash(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Returns the id of the server's main process, which is the parent of all its other processes. */
  pid(): number;
}

/** Returns the folder that contains initdb and postgres, or undefined if PostgreSQL is not installed. */
export function findPostgres(): string | undefined {
  if (!existsSync(DEBIAN)) return undefined;
  const versions = readdirSync(DEBIAN).filter((version) => existsSync(join(DEBIAN, version, "bin", "initdb")));
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? undefined : join(DEBIAN, newest, "bin");
}

/**
 * Starts a server. The server ends when the stack is disposed, or when this process ends. `settings` are lines of postgresql.conf.
 * `tls` is the server's certificate and key in PEM.
 */
export async function startPostgres(
  stack: AsyncDisposableStack,
  settings: Readonly<Record<string, string>> = {},
  tls?: { readonly certificate: string; readonly key: string },
): Promise<PostgresServer> {
  const bin = findPostgres();
  if (bin === undefined) throw new Error(`no PostgreSQL below ${DEBIAN}: apt-get install postgresql`);
  const directory = mkdtempSync(join(tmpdir(), "countersign-postgres-"));
  const remove = () => rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  stack.defer(remove);
  process.once("exit", remove);
  const port = await freePort();
  await initialize(bin, directory, port, { ...settings, ...(tls && writeTlsFiles(directory, tls)) });
  const server = new Server(join(bin, "postgres"), directory, port);
  await server.start();
  stack.defer(() => server.stop());
  return server;
}

class Server implements PostgresServer {
  readonly #program: string;
  readonly #directory: string;
  readonly #port: number;
  #stop: (signal: NodeJS.Signals) => Promise<void> = () => Promise.resolve();
  #databases = 0;
  #pid = 0;

  constructor(program: string, directory: string, port: number) {
    this.#program = program;
    this.#directory = directory;
    this.#port = port;
  }

  async start(): Promise<void> {
    const [command, ...args] = asUnprivileged([this.#program, "-D", join(this.#directory, "data")]);
    const child = spawn(command as string, args, { stdio: "ignore" });
    this.#pid = child.pid ?? 0;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const kill = () => void child.kill("SIGQUIT");
    process.once("exit", kill);
    this.#stop = async (signal) => {
      process.removeListener("exit", kill);
      child.kill(signal);
      await ended;
    };
    while (!(await this.#isReady())) {
      if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  pid(): number {
    return this.#pid;
  }

  crash(): Promise<void> {
    return this.#stop("SIGQUIT");
  }

  stop(): Promise<void> {
    return this.#stop("SIGINT");
  }

  async createDatabase(directory?: string): Promise<string> {
    this.#databases += 1;
    const name = `inbox_${this.#databases}`;
    await withClient(this.#url("postgres"), async (client) => {
      if (directory !== undefined) {
        giveAway(directory);
        await client.query(`CREATE TABLESPACE ${name} LOCATION '${directory}'`);
      }
      await client.query(`CREATE DATABASE ${name} ${directory === undefined ? "" : `TABLESPACE ${name}`}`);
    });
    return this.#url(name);
  }

  #url(database: string): string {
    return `postgres://postgres:${encodeURIComponent(PASSWORD)}@127.0.0.1:${this.#port}/${database}`;
  }

  async #isReady(): Promise<boolean> {
    try {
      await withClient(this.#url("postgres"), (client) => client.query("SELECT 1"));
      return true;
    } catch {
      return false;
    }
  }
}

/** Calls `use` with a separate connection. */
export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function initialize(
  bin: string,
  directory: string,
  port: number,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const passwordFile = join(directory, "password");
  const data = join(directory, "data");
  writeFileSync(passwordFile, PASSWORD);
  for (const path of [directory, passwordFile]) giveAway(path);
  const args = ["-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", passwordFile, "-E", "UTF8"];
  const [command, ...rest] = asUnprivileged([join(bin, "initdb"), ...args, "--locale=C", "--no-sync"]);
  await promisify(execFile)(command as string, rest);
  const lines = { listen_addresses: "127.0.0.1", port: String(port), unix_socket_directories: "", ...settings };
  writeFileSync(
    join(data, "postgresql.auto.conf"),
    Object.entries(lines)
      .map(([name, value]) => `${name} = '${value}'\n`)
      .join(""),
  );
}

function writeTlsFiles(
  directory: string,
  { certificate, key }: { readonly certificate: string; readonly key: string },
) {
  const files = { ssl_cert_file: join(directory, "server.pem"), ssl_key_file: join(directory, "server.key") };
  writeFileSync(files.ssl_cert_file, certificate);
  writeFileSync(files.ssl_key_file, key, { mode: 0o600 });
  for (const path of Object.values(files)) giveAway(path);
  return { ssl: "on", ...files };
}

/**
 * Returns a command line that runs `command` as another user, because PostgreSQL refuses to run as root. `command` ends when the
 * test process is killed.
 */
export function asUnprivileged(command: readonly string[]): readonly string[] {
  if (!existsSync(SETPRIV)) return command;
  const owner = unprivilegedUser();
  const identity = owner === undefined ? [] : [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--clear-groups"];
  return [SETPRIV, ...identity, "--pdeathsig=QUIT", "--", ...command];
}

/** If this process runs as root, makes the user that runs PostgreSQL the owner of the path. */
export function giveAway(path: string): void {
  const owner = unprivilegedUser();
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
}

function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (option: string) => Number(execFileSync("id", [option, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}
