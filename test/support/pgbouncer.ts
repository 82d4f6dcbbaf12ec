// Starts PgBouncer in front of a test's PostgreSQL server.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { asUnprivileged, giveAway, withClient } from "./postgres.ts";

const PROGRAM = "/usr/sbin/pgbouncer";

/** Returns why tests with PgBouncer are skipped. In CI they are not skipped, because PgBouncer is installed there. */
export function missingPgBouncer(): string | undefined {
  if (existsSync(PROGRAM) || process.env["CI"] !== undefined) return undefined;
  console.warn("SKIPPED: the tests with PgBouncer, because it is not installed: apt-get install pgbouncer");
  return "PgBouncer is not installed";
}

/**
 * Resolves to the URL of the database through PgBouncer. PgBouncer has only a few connections to the server. It lends a connection
 * to a client for one transaction or, in another mode, for one statement.
 */
export async function startPgBouncer(
  stack: AsyncDisposableStack,
  database: string,
  { mode = "transaction", connections = 3 } = {},
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "countersign-pgbouncer-"));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const { hostname, port, password, pathname, username } = new URL(database);
  const name = pathname.slice(1);
  const listenPort = await freePort();
  const users = join(directory, "users.txt");
  const file = join(directory, "pgbouncer.ini");
  writeFileSync(users, `"${username}" "${decodeURIComponent(password)}"\n`);
  writeFileSync(
    file,
    `[databases]
${name} = host=${hostname} port=${port} dbname=${name}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = ${mode}
default_pool_size = ${connections}
`,
  );
  for (const path of [directory, users, file]) giveAway(path);
  const [command = "", ...args] = asUnprivileged([PROGRAM, file]);
  const child = spawn(command, args, { stdio: "ignore" });
  stack.defer(async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    await ended;
  });
  const url = database.replace(/:\d+\//, `:${listenPort}/`);
  const isReady = () =>
    withClient(url, (client) => client.query("SELECT 1")).then(
      () => true,
      () => false,
    );
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return url;
}
