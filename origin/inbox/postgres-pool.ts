// Connections to PostgreSQL, and which of its errors mean that the database cannot be reached or cannot store. Nothing is kept in a
// session: all is set within each transaction, so that a pooler in transaction mode (PgBouncer) may stand between.

import { hash } from "node:crypto";
import pg from "pg";
import { describeInbox } from "./location.ts";
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

/** What stood in the way of a row was deleted before it could be asked about: PostgreSQL's own code for "no data found". */
export const GONE = "P0002";
/** What a transaction is begun again for: it changed nothing. */
const PASSING: ReadonlySet<unknown> = new Set([
  // Two transactions waited for each other: the server ended one.
  "40P01",
  GONE,
]);
const MAX_ATTEMPTS = 3;

export type Client = pg.PoolClient;

/** One statement: of a transaction, or one of its own that is committed when it returns. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<pg.QueryResult>;
}

export interface PostgresPool extends Queryable {
  /** Commits when the work resolves, else rolls back. */
  transact<T>(work: (client: Client) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Connects when it is asked for the first time, and again after every loss. */
export function openPool(
  { connectionString, ssl }: PostgresAddress,
  { isReadOnly = false, connections = CONNECTIONS } = {},
): PostgresPool {
  const pool = new pg.Pool({
    connectionString,
    ssl,
    application_name: "countersign",
    max: connections,
    connectionTimeoutMillis: CONNECT_MILLISECONDS,
    query_timeout: ANSWER_MILLISECONDS,
    keepAlive: true,
  });
  pool.on("connect", (client) => client.on("error", () => {}));
  // An idle connection that the server closed: the next query makes another.
  pool.on("error", () => {});
  const begin = [
    // What another one committed while we waited for its lock must be seen.
    `BEGIN ISOLATION LEVEL READ COMMITTED READ ${isReadOnly ? "ONLY" : "WRITE"}`,
    `SET LOCAL search_path TO ${SCHEMA}`,
    "SET LOCAL synchronous_commit TO on",
    `SET LOCAL statement_timeout TO ${STATEMENT_MILLISECONDS}`,
    `SET LOCAL idle_in_transaction_session_timeout TO ${ANSWER_MILLISECONDS}`,
  ].join("; ");
  return {
    query: (text, values) => transact(pool, begin, (client) => client.query(text, values)),
    transact: (work) => transact(pool, begin, work),
    close: () => pool.end(),
  };
}

async function transact<T>(pool: pg.Pool, begin: string, work: (client: Client) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transactOnce(pool, begin, work);
    } catch (error) {
      if (attempt >= MAX_ATTEMPTS || !PASSING.has((error as { code?: unknown }).code)) throw error;
    }
  }
}

async function transactOnce<T>(pool: pg.Pool, begin: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query("COMMIT");
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

/** Whether a pooler stands between: it hands out numbers of its own in the place of those of the server's processes. */
export function isPooled(pool: PostgresPool): Promise<boolean> {
  return pool.transact(async (client) => {
    const { rows } = await client.query("SELECT pg_backend_pid() AS pid");
    return rows[0]?.["pid"] !== (client as { processID?: unknown }).processID;
  });
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
  const secrets = [password, decodeURIComponent(password), searchParams?.get("password") ?? ""];
  const safe = secrets.filter((secret) => secret !== "").reduce((told, secret) => told.replaceAll(secret, "…"), text);
  const place = describeInbox(url);
  return safe.startsWith(place) ? safe : `${place}: ${safe}`;
}
