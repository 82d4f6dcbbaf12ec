// A replay check in a SQLite file of your own.

import type { AcceptDelivery } from "../accept.ts";
import { acceptOnce, CREATE_SQLITE_INDEX, CREATE_SQLITE_TABLE, PRUNE_SQLITE, requireMember, TABLE } from "./once.ts";

/** The members of a `DatabaseSync` of `node:sqlite`, or of a `Database` of `better-sqlite3`, that are used here. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): { run(...values: (string | number)[]): { readonly changes: number | bigint } };
}

/**
 * Makes an `accept` that records each assertion's id in the table `countersign_accepted`, and creates this table. Events are not
 * stored: if your handler fails, the sender gets no 2xx and sends again. Ids are deleted a day after they expired. Each event waits
 * until its id is on the disk.
 * @throws ConfigurationError if `database` is not a database
 */
export function onceInSqlite(database: SqliteDatabase): AcceptDelivery {
  requireMember("onceInSqlite()", database, "prepare", "a DatabaseSync of node:sqlite");
  database.exec(`${CREATE_SQLITE_TABLE}; ${CREATE_SQLITE_INDEX}`);
  const insert = database.prepare(
    `INSERT INTO ${TABLE} (issuer, jti, expires) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const prune = database.prepare(PRUNE_SQLITE);
  return acceptOnce({
    insert: ({ issuer, jti, expires }) => Number(insert.run(issuer, jti, expires).changes) === 1,
    prune: (before) => prune.run(before),
  });
}
