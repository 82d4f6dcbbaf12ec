// The stores that can hold an inbox, for tests that run on each of them.

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe } from "vitest";
import type { Inbox } from "../../origin/inbox/inbox.ts";
import { isPostgresUrl } from "../../origin/inbox/location.ts";
import { openInbox } from "../../origin/inbox/open.ts";
import type { InboxOptions } from "../../origin/inbox/options.ts";
import { askShared } from "./ask-shared.ts";
import { runHere } from "./command.ts";
import { findPostgres, type PostgresServer, startPostgres, withClient } from "./postgres.ts";
import type { Finished } from "./running.ts";
import { temporaryDirectory } from "./temporary.ts";

export interface Store {
  readonly name: string;
  /** The reason why the store cannot be tested here. Undefined if it can be tested. */
  readonly missing: string | undefined;
  /** Starts the store before the tests of a file. */
  start(stack: AsyncDisposableStack): Promise<void>;
  /** Creates a new inbox. Resolves to its location. */
  newLocation(stack: AsyncDisposableStack): Promise<string>;
}

function sqliteStore(): Store {
  return {
    name: "SQLite",
    missing: undefined,
    start: () => Promise.resolve(),
    newLocation: (stack) => Promise.resolve(join(temporaryDirectory(stack), "inbox.sqlite")),
  };
}

function postgresStore(): Store {
  let server: PostgresServer | undefined;
  return {
    name: "PostgreSQL",
    missing: missingPostgres(),
    async start(stack) {
      server = await startPostgres(stack);
    },
    newLocation: () => (server as PostgresServer).createDatabase(),
  };
}

/** A store on the PostgreSQL server that all test files share. A test file neither starts nor stops this server. */
function sharedPostgresStore(): Store {
  return { ...postgresStore(), start: () => Promise.resolve(), newLocation: () => askShared("database") };
}

/** Returns why tests on PostgreSQL are skipped. In CI they are not skipped, so without a server they fail. */
export function missingPostgres(): string | undefined {
  if (findPostgres() !== undefined || process.env["CI"] !== undefined) return undefined;
  console.warn("SKIPPED: the tests on PostgreSQL, because it is not installed: apt-get install postgresql");
  return "PostgreSQL is not installed";
}

/** The stores for a test file with its own PostgreSQL server. This server writes to the disk as in production. */
export const STORES: readonly Store[] = [sqliteStore(), postgresStore()];

/** The values that describeOnStores() passes to the tests. */
export interface OnStore {
  readonly stack: AsyncDisposableStack;
  /** The location of a new inbox. */
  readonly location: string;
}

/** Runs the tests on every store that is available. Each test has its own stack and inbox. */
export function describeOnStores(what: string, tests: (given: OnStore) => void): void {
  describe.each([sqliteStore(), sharedPostgresStore()])("$name", (store) => {
    describe.skipIf(store.missing)(what, () => {
      const given = { stack: new AsyncDisposableStack(), location: "" };
      beforeEach(async () => {
        given.stack = new AsyncDisposableStack();
        given.location = await store.newLocation(given.stack);
      });
      afterEach(() => given.stack.disposeAsync());
      tests(given);
    });
  });
}

/** Opens an inbox that is closed when the stack is disposed. The test may close it earlier. */
export async function openTestInbox(
  stack: AsyncDisposableStack,
  location: string,
  options: InboxOptions = {},
): Promise<Inbox> {
  const inbox = await openInbox(location, options);
  let isClosed = false;
  const close = () => {
    if (isClosed) return Promise.resolve();
    isClosed = true;
    return inbox.close();
  };
  stack.defer(close);
  return new Proxy(inbox, {
    get(target, name) {
      if (name === "close") return close;
      const member = Reflect.get(target, name, target) as unknown;
      return typeof member === "function" ? (member as (...given: unknown[]) => unknown).bind(target) : member;
    },
  });
}

/**
 * Returns the location for a command line. The password is passed in the environment, because a password in a command line causes a
 * warning.
 */
export function onCommandLine(location: string): { inbox: string; environment: Record<string, string> } {
  if (!isPostgresUrl(location)) return { inbox: location, environment: {} };
  const url = new URL(location);
  const environment = { PGPASSWORD: decodeURIComponent(url.password) };
  url.password = "";
  return { inbox: url.href, environment };
}

/** Runs `countersign inbox` on the inbox at this location. */
export function runInbox(location: string, ...args: readonly string[]): Promise<Finished> {
  const { inbox, environment } = onCommandLine(location);
  return runHere(["inbox", ...args, "--inbox", inbox], environment);
}

/** Changes the tables directly, as an operator or a fault might do. */
export async function changeByHand(location: string, statements: readonly string[]): Promise<void> {
  if (isPostgresUrl(location)) {
    await withClient(location, (client) => client.query(["SET search_path TO countersign", ...statements].join("; ")));
    return;
  }
  const database = new DatabaseSync(location, { timeout: 5_000 });
  database.exec(statements.join("; "));
  database.close();
}
