// Connections to PostgreSQL, and which of its errors mean that the database cannot be reached or cannot store.

import { hash } from "node:crypto";
import pg from "pg";

/** The tables have a schema of their own, beside whatever else the database holds. */
export const SCHEMA = "countersign";
/** For the work on events and for readers. Acceptances have connections of their own: they wait for no attempt. */
const CONNECTIONS = 6;
const CONNECT_MILLISECONDS = 5_000;
/** A statement takes milliseconds; one that waits longer for a lock or a disk shall not hold senders any longer. */
const STATEMENT_MILLISECONDS = 10_000;
/** For a server that says nothing any more. */
const ANSWER_MILLISECONDS = 15_000;

/** Two transactions that waited for each other: the server ended one, which changed nothing. */
const DEADLOCK_DETECTED = "40P01";
const MAX_ATTEMPTS = 3;

export type Client = pg.PoolClient;

/** One statement: of a transaction, or committed when it returns. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<pg.QueryResult>;
}

export interface PostgresPool extends Queryable {
  /** Commits when the work resolves, else rolls back. */
  transact<T>(work: (client: Client) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Connects when it is asked for the first time, and again after every loss. @throws Error when the URL is none */
export function openPool(url: string, { isReadOnly = false, connections = CONNECTIONS } = {}): PostgresPool {
  const session = [
    `SET search_path TO ${SCHEMA}`,
    "SET synchronous_commit TO on",
    // What another one committed while we waited for its lock must be seen.
    "SET default_transaction_isolation TO 'read committed'",
    `SET default_transaction_read_only TO ${isReadOnly ? "on" : "off"}`,
  ].join("; ");
  const pool = new pg.Pool({
    connectionString: url,
    application_name: "countersign",
    max: connections,
    connectionTimeoutMillis: CONNECT_MILLISECONDS,
    statement_timeout: STATEMENT_MILLISECONDS,
    query_timeout: ANSWER_MILLISECONDS,
    idle_in_transaction_session_timeout: ANSWER_MILLISECONDS,
    keepAlive: true,
    // Awaited by the pool before anybody gets the connection.
    onConnect: async (client) => {
      client.on("error", () => {});
      await client.query(session);
    },
  });
  // An idle connection that the server closed: the next query makes another.
  pool.on("error", () => {});
  return {
    query: (text, values) => pool.query(text, values),
    transact: (work) => transact(pool, work),
    close: () => pool.end(),
  };
}

async function transact<T>(pool: pg.Pool, work: (client: Client) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transactOnce(pool, work);
    } catch (error) {
      if (attempt >= MAX_ATTEMPTS || (error as { code?: unknown }).code !== DEADLOCK_DETECTED) throw error;
    }
  }
}

async function transactOnce<T>(pool: pg.Pool, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
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

/** What went wrong, without the password that a driver's message or object could repeat. */
export function describeError(error: unknown, url: string): string {
  const { message, code } = error as { message?: string; code?: string };
  const text = message || code || String(error);
  const { password = "", searchParams } = URL.parse(url) ?? {};
  const secrets = [password, decodeURIComponent(password), searchParams?.get("password") ?? ""];
  return secrets.filter((secret) => secret !== "").reduce((told, secret) => told.replaceAll(secret, "…"), text);
}
