// Each assertion once, in a SQLite file of one's own.

import type { AcceptDelivery } from "./acceptance.ts";
import { acceptOnce, CREATE_SQLITE_INDEX, CREATE_SQLITE_TABLE, PRUNE_SQLITE, requireMember, TABLE } from "./once.ts";

/** What is used of a `DatabaseSync` of `node:sqlite`, or of a `Database` of `better-sqlite3`. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): { run(...values: (string | number)[]): { readonly changes: number | bigint } };
}

/**
 * An `accept` that records each assertion's id in the table `countersign_accepted`, which it makes. It keeps no event: when your handler
 * fails, the sender has no 2xx and sends again. Ids are forgotten a day after they expired. Each event waits for the disk.
 * @throws ConfigurationError when it is no database
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
