// Opens connections to PostgreSQL, and recognises errors that mean that the database cannot be reached or cannot store. Session
// settings and prepared statements are used only without a connection pooler (PgBouncer), because a pooler may give every
// transaction a different session.

import { hash } from "node:crypto";
import pg from "pg";
import { describeCause } from "../../failure-cause.ts";
import { readSecret } from "../../node/secret-files.ts";
import { describeInbox, PASSWORD_NAME } from "../location.ts";
import { withRemedy } from "./remedies.ts";
import type { PostgresAddress } from "./url.ts";

/** The tables have their own schema, apart from everything else in the database. */
export const SCHEMA = "countersign";
/** The number of connections, unless the options name another. */
const CONNECTIONS = 3;
const CONNECT_MILLISECONDS = 5_000;
/**
 * The time after which the server ends a statement. Usually a statement takes milliseconds. Without the limit, a statement that
 * waits for a lock or a disk would keep senders waiting.
 */
const STATEMENT_MILLISECONDS = 10_000;
/** The time after which a statement fails if the server does not respond. */
const ANSWER_MILLISECONDS = 15_000;
/**
 * Replaces `ANSWER_MILLISECONDS` for a statement that may take long. An example is a change of the tables of an inbox with many
 * events.
 */
const PATIENT_MILLISECONDS = 3_600_000;
const POOLED_SINCE =
  "a connection pooler answers at the address where the database itself answered at the start: restart this program";

/**
 * The error code for one case: the row that caused a conflict was deleted before it could be read. PostgreSQL itself uses this code
 * for "no data found".
 */
export const GONE = "P0002";
/** Errors after which a transaction is run again, because it has changed nothing. */
const PASSING: ReadonlySet<unknown> = new Set([
  // There was a deadlock, and the server ended one of the transactions.
  "40P01",
  GONE,
]);
const MAX_ATTEMPTS = 3;

/** Runs statements in one transaction, or in a pool. In a pool, each statement is committed when it returns. */
export interface Queryable {
  /**
   * If `values` is given, even empty, the statement is prepared once for each connection. So there must be only a few different
   * texts. The text must name the columns that it returns. With `*`, a new column of the table would change the result, and
   * PostgreSQL would refuse the prepared statement.
   */
  query(text: string, values?: readonly unknown[]): Promise<pg.QueryResult>;
}

export interface Client extends Queryable {
  /** Runs a statement that gets a new plan at each execution, because its best plan depends on how full the tables are. */
  queryAnew(text: string, values: readonly unknown[]): Promise<pg.QueryResult>;
  /** Runs a statement that may take long, such as a change of the tables. */
  queryPatiently(text: string, values?: readonly unknown[]): Promise<pg.QueryResult>;
}

export interface PostgresPool extends Queryable {
  /** Commits if `work` resolves. Otherwise rolls back. */
  transact<T>(work: (client: Client) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface PoolOptions {
  /** True if a connection pooler answers at the address of the database (see `answersPooler`). */
  readonly isPooled: boolean;
  readonly isReadOnly?: boolean;
  readonly connections?: number;
  /**
   * True if an index finds the rows of every prepared statement. Then each statement is planned once for each connection. To plan a
   * statement takes as long as to run it for ten events.
   */
  readonly isByIndex?: boolean;
}

/** Makes a pool that connects when it is first used, and again after every loss of the connection. */
export function openPool(address: PostgresAddress, options: PoolOptions): PostgresPool {
  const pool = new pg.Pool({
    ...settingsOf(address),
    Client: clientFor(address),
    max: options.connections ?? CONNECTIONS,
    ...onConnect(options),
  });
  pool.on("connect", (client) => client.on("error", () => {}));
  // The error is ignored: the server closed an idle connection, and the next query opens a new one.
  pool.on("error", () => {});
  const begin = options.isPooled ? `BEGIN; ${rulesOf(options, "SET LOCAL")}` : "BEGIN";
  const isNamed = !options.isPooled;
  const transact: PostgresPool["transact"] = (work) =>
    useClient(pool, async (client) => {
      // BEGIN and the first statement are sent together.
      const [, result] = await Promise.all([client.query(begin), work(clientOf(client, isNamed))]);
      await client.query("COMMIT");
      return result;
    });
  return {
    transact,
    query: (text, values) =>
      options.isPooled
        ? transact((client) => client.query(text, values))
        : useClient(pool, (client) => clientOf(client, isNamed).query(text, values)),
    close: () => pool.end(),
  };
}

function settingsOf({ connectionString, ssl }: PostgresAddress): pg.ClientConfig {
  return {
    connectionString,
    ssl,
    application_name: "countersign",
    connectionTimeoutMillis: CONNECT_MILLISECONDS,
    query_timeout: ANSWER_MILLISECONDS,
    keepAlive: true,
    // Statements that are issued together are sent together, without waiting for each other's result.
    pipeline: true,
  };
}

/**
 * Returns a class of clients that set the password themselves. The driver ignores its option for the password if it is given a URL,
 * and takes an empty password if the URL has none.
 */
function clientFor({ password }: PostgresAddress): typeof pg.Client {
  if (password === undefined) return pg.Client;
  return class extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config);
      Object.assign(this, { password });
    }
  };
}

/**
 * Every execution of a prepared statement gets a new plan. Otherwise a plan that was made for empty tables would still be used when
 * the tables are full.
 */
const PLANNED_EACH_TIME = { plan_cache_mode: "force_custom_plan" };
/**
 * A prepared statement keeps its first plan. That plan may be made for empty tables, for which the planner would choose to read whole
 * tables. So the ways to read a whole table are switched off.
 */
const BY_INDEX = {
  plan_cache_mode: "force_generic_plan",
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
};

/** Returns the settings of a session (SET) or of a transaction (SET LOCAL). */
function rulesOf({ isReadOnly = false, isByIndex = false }: PoolOptions, set: "SET" | "SET LOCAL"): string {
  const rules = {
    search_path: SCHEMA,
    synchronous_commit: "on",
    statement_timeout: STATEMENT_MILLISECONDS,
    idle_in_transaction_session_timeout: ANSWER_MILLISECONDS,
    ...(isByIndex ? BY_INDEX : PLANNED_EACH_TIME),
    // At this isolation level, a statement sees what another transaction committed while the statement waited for that
    // transaction's lock.
    [set === "SET" ? "default_transaction_isolation" : "transaction_isolation"]: "'read committed'",
    [set === "SET" ? "default_transaction_read_only" : "transaction_read_only"]: isReadOnly ? "on" : "off",
  };
  return Object.entries(rules)
    .map(([name, value]) => `${set} ${name} TO ${value}`)
    .join("; ");
}

/**
 * Without a pooler, each new session gets its settings once. Each new session is also checked for a pooler, because an operator may
 * have put a pooler at this address since the start of this program.
 */
function onConnect(options: PoolOptions): { onConnect?: (client: pg.ClientBase) => Promise<void> } {
  if (options.isPooled) return {};
  return {
    async onConnect(client) {
      if (await isNotItsOwn(client)) throw new Error(POOLED_SINCE);
      await client.query(rulesOf(options, "SET"));
    },
  };
}

/** Returns true if a connection pooler answers at this address. */
export async function answersPooler(address: PostgresAddress): Promise<boolean> {
  const client = new (clientFor(address))(settingsOf(address));
  client.on("error", () => {});
  try {
    await client.connect();
    return await isNotItsOwn(client);
  } finally {
    await client.end();
  }
}

/**
 * Returns true if a connection pooler answers. At the start of a connection, a pooler reports a process number of its own. This
 * number differs from the number of the server's process.
 */
async function isNotItsOwn(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query("SELECT pg_backend_pid() AS pid");
  return rows[0]?.["pid"] !== (client as { processID?: unknown }).processID;
}

const names = new Map<string, string>();

/** Returns the name of a prepared statement. The same text has the same name on every connection. */
function nameOf(text: string): string {
  const name = names.get(text) ?? `countersign_${names.size + 1}`;
  names.set(text, name);
  return name;
}

function clientOf(client: pg.PoolClient, isNamed: boolean): Client {
  interface Options {
    readonly name?: string;
    /** The driver accepts this option, but its types lack it. */
    readonly query_timeout?: number;
  }
  const run = (text: string, values: readonly unknown[] | undefined, options: Options) =>
    client.query({ text, ...(values && { values: [...values] }), ...options });
  return {
    query: (text, values) => run(text, values, values && isNamed ? { name: nameOf(text) } : {}),
    queryAnew: (text, values) => run(text, values, {}),
    queryPatiently: (text, values) => run(text, values, { query_timeout: PATIENT_MILLISECONDS }),
  };
}

async function useClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await useClientOnce(pool, work);
    } catch (error) {
      if (attempt >= MAX_ATTEMPTS || !PASSING.has((error as { code?: unknown }).code)) throw error;
    }
  }
}

async function useClientOnce<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    const result = await work(client);
    client.release();
    return result;
  } catch (error) {
    // After a fault of the database, it is unknown which responses the connection still waits for. So the connection is closed at
    // once and not used again.
    if (isOfTheDatabase(error)) client.release(true);
    else {
      await client.query("ROLLBACK").then(
        () => client.release(),
        () => client.release(true),
      );
    }
    throw error;
  }
}

/**
 * Returns true if the error is a fault of the database and not of one write. The cause may be the connection, resources, an
 * operator, the system, or a read-only server.
 */
export function isOfTheDatabase(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code) || /^(08|53|55|57|58|25006|F0|XX)/.test(code);
}

/** Returns the number of the advisory lock for the object that these texts name. */
export function lockNumber(...texts: readonly string[]): string {
  return Buffer.from(hash("sha256", JSON.stringify(texts), "buffer"))
    .readBigInt64BE()
    .toString();
}

/**
 * Returns a text with the location of the inbox, the error and a remedy. Passwords are removed, because the driver's error may
 * contain them.
 */
export function describeError(error: unknown, url: string): string {
  const { message, code } = error as { message?: string; code?: string };
  // The text after the semicolon is for programmers who use the driver.
  const [told = ""] = (message || describeCause(error)).split(/; if the root CA/);
  const text = withRemedy(code, told);
  const { password = "", searchParams } = URL.parse(url) ?? {};
  const secrets = [password, decodeURIComponent(password), searchParams?.get("password") ?? "", passwordOfFile()];
  const safe = secrets.filter((secret) => secret !== "").reduce((told, secret) => told.replaceAll(secret, "…"), text);
  const place = describeInbox(url);
  return safe.startsWith(place) ? safe : `${place}: ${safe}`;
}

function passwordOfFile(): string {
  try {
    return readSecret(PASSWORD_NAME) ?? "";
  } catch {
    return "";
  }
}
