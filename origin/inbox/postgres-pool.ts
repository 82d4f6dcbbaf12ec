// Connections to PostgreSQL, and which of its errors mean that the database cannot be reached or cannot store. What a session would
// keep is kept only where no pooler (PgBouncer) gives every transaction another one.

import { hash } from "node:crypto";
import pg from "pg";
import { readSecret } from "../node/secret-files.ts";
import { describeInbox, PASSWORD_NAME } from "./location.ts";
import type { PostgresAddress } from "./postgres-url.ts";

/** The tables have a schema of their own, beside whatever else the database holds. */
export const SCHEMA = "countersign";
/** For the work on events and for readers. Acceptances have connections of their own: they wait for no attempt. */
const CONNECTIONS = 6;
const CONNECT_MILLISECONDS = 5_000;
/** A statement takes milliseconds; one that waits longer for a lock or a disk shall not hold senders any longer. */
const STATEMENT_MILLISECONDS = 10_000;
/** For a server that says nothing any more. */
const ANSWER_MILLISECONDS = 15_000;
/** A change of the tables takes as long as there are events. */
const PATIENT_MILLISECONDS = 3_600_000;
const POOLED_SINCE = "a connection pooler answers where the database itself did at the start: start this program again";

/** What stood in the way of a row was deleted before it could be asked about: PostgreSQL's own code for "no data found". */
export const GONE = "P0002";
/** What a transaction is begun again for: it changed nothing. */
const PASSING: ReadonlySet<unknown> = new Set([
  // Two transactions waited for each other: the server ended one.
  "40P01",
  GONE,
]);
const MAX_ATTEMPTS = 3;

/** What runs statements: one transaction, or a pool, where each is committed when it returns. */
export interface Queryable {
  /**
   * With values, even none, it is prepared once for each connection: its text is one of few, and it names the columns that it returns,
   * because those of a prepared statement may not change.
   */
  query(text: string, values?: readonly unknown[]): Promise<pg.QueryResult>;
}

export interface Client extends Queryable {
  /** A statement that may take long, such as a change of the tables. */
  queryPatiently(text: string, values?: readonly unknown[]): Promise<pg.QueryResult>;
}

export interface PostgresPool extends Queryable {
  /** Commits when the work resolves, else rolls back. */
  transact<T>(work: (client: Client) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface PoolOptions {
  /** As answersPooler found it. */
  readonly isPooled: boolean;
  readonly isReadOnly?: boolean;
  readonly connections?: number;
}

/** Connects when it is asked for the first time, and again after every loss. */
export function openPool(address: PostgresAddress, options: PoolOptions): PostgresPool {
  const pool = new pg.Pool({
    ...settingsOf(address),
    Client: clientFor(address),
    max: options.connections ?? CONNECTIONS,
    ...onConnect(options),
  });
  pool.on("connect", (client) => client.on("error", () => {}));
  // An idle connection that the server closed: the next query makes another.
  pool.on("error", () => {});
  const begin = options.isPooled ? `BEGIN; ${rulesOf(options, "SET LOCAL")}` : "BEGIN";
  const isNamed = !options.isPooled;
  const transact: PostgresPool["transact"] = (work) =>
    useClient(pool, async (client) => {
      // With the first statement already on the way.
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
    // Statements that are given at once are on the way at once.
    pipeline: true,
  };
}

/** Of a URL without a password the driver takes an empty one, whatever else it is given: it is put into each client. */
function clientFor({ password }: PostgresAddress): typeof pg.Client {
  if (password === undefined) return pg.Client;
  return class extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config);
      Object.assign(this, { password });
    }
  };
}

/** What holds for a session or a transaction, by statements that begin with `set`. */
function rulesOf({ isReadOnly = false }: PoolOptions, set: "SET" | "SET LOCAL"): string {
  const rules = {
    search_path: SCHEMA,
    synchronous_commit: "on",
    statement_timeout: STATEMENT_MILLISECONDS,
    idle_in_transaction_session_timeout: ANSWER_MILLISECONDS,
    // Of a prepared statement too: a plan that was made for empty tables would stay when they fill.
    plan_cache_mode: "force_custom_plan",
    // What another one committed while we waited for its lock must be seen.
    [set === "SET" ? "default_transaction_isolation" : "transaction_isolation"]: "'read committed'",
    [set === "SET" ? "default_transaction_read_only" : "transaction_read_only"]: isReadOnly ? "on" : "off",
  };
  return Object.entries(rules)
    .map(([name, value]) => `${set} ${name} TO ${value}`)
    .join("; ");
}

/** A session that is ours alone has its rules once. That it is ours is asked of each, for an address may lead elsewhere one day. */
function onConnect(options: PoolOptions): { onConnect?: (client: pg.ClientBase) => Promise<void> } {
  if (options.isPooled) return {};
  return {
    async onConnect(client) {
      if (await isNotItsOwn(client)) throw new Error(POOLED_SINCE);
      await client.query(rulesOf(options, "SET"));
    },
  };
}

/** Whether a pooler stands between. */
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

/** A pooler hands out numbers of its own in the place of those of the server's processes. */
async function isNotItsOwn(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query("SELECT pg_backend_pid() AS pid");
  return rows[0]?.["pid"] !== (client as { processID?: unknown }).processID;
}

const names = new Map<string, string>();

/** Of a text: the same on each connection. */
function nameOf(text: string): string {
  const name = names.get(text) ?? `countersign_${names.size + 1}`;
  names.set(text, name);
  return name;
}

function clientOf(client: pg.PoolClient, isNamed: boolean): Client {
  interface Options {
    readonly name?: string;
    /** The driver takes it, and its types do not have it. */
    readonly query_timeout?: number;
  }
  const run = (text: string, values: readonly unknown[] | undefined, options: Options) =>
    client.query({ text, ...(values && { values: [...values] }), ...options });
  return {
    query: (text, values) => run(text, values, values && isNamed ? { name: nameOf(text) } : {}),
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
    // A connection of which nobody knows what it still waits for is not used again, and not waited for.
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

/** Errors that say nothing of one write: the connection, resources, an operator, the system, a server that only reads. */
export function isOfTheDatabase(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code) || /^(08|53|55|57|58|25006|F0|XX)/.test(code);
}

/** The number of an advisory lock for what these texts name. */
export function lockNumber(...texts: readonly string[]): string {
  return Buffer.from(hash("sha256", JSON.stringify(texts), "buffer"))
    .readBigInt64BE()
    .toString();
}

const REMEDIES: readonly (readonly [pattern: RegExp, remedy: string])[] = [
  [
    /SELF_SIGNED_CERT|UNABLE_TO_(VERIFY_LEAF|GET_ISSUER)/,
    "a CA that is not known here certifies it; add sslrootcert=FILE to the URL, with the certificate of that CA in PEM",
  ],
  [
    /does not support SSL/,
    "add sslmode=disable to the URL where nobody else reaches the network between, or have the server take TLS",
  ],
  [/no encryption$|SSL off$/, "the server asks for TLS: add sslmode=verify-full to the URL"],
  [
    /unsupported startup parameter|statement pooling/,
    "a pooler answers: give a direct address, or a pool in transaction or session mode, and no options in the URL",
  ],
];

/** Where what went wrong and what mends it, without the password that a driver's message or object could repeat. */
export function describeError(error: unknown, url: string): string {
  const { message, code } = error as { message?: string; code?: string };
  const remedy = REMEDIES.find(([pattern]) => pattern.test(`${code} ${message}`))?.[1];
  // Behind the ; it is for the driver's programmers.
  const [told = ""] = (message || code || String(error)).split(/; if the root CA/);
  const text = remedy === undefined ? told : `${told}: ${remedy}`;
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
