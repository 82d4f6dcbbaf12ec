// A replay check in a D1 database of Cloudflare.

import type { AcceptDelivery } from "../accept.ts";
import {
  acceptOnce,
  CREATE_SQLITE_INDEX,
  CREATE_SQLITE_TABLE,
  INSERT_SQLITE,
  insertOrCreate,
  PRUNE_SQLITE,
  requireMember,
} from "./once.ts";

/** The members of a D1 binding that are used here. */
export interface D1 {
  prepare(sql: string): D1Statement;
}

/** The members of a D1 statement that are used here. */
export interface D1Statement {
  bind(...values: unknown[]): D1Statement;
  first(): Promise<unknown>;
  run(): Promise<unknown>;
}

/**
 * Makes an `accept` that records each assertion's id in the table `countersign_accepted`. The first event creates the table. Events
 * are not stored: if your handler fails, the sender gets no 2xx and sends again. Ids are deleted a day after they expired.
 * @throws ConfigurationError if `database` is not a D1 binding
 */
export function onceInD1(database: D1): AcceptDelivery {
  requireMember("onceInD1()", database, "prepare", "the binding of a D1 database");
  return acceptOnce({
    insert: ({ issuer, jti, expires }) =>
      insertOrCreate(
        async () => (await database.prepare(INSERT_SQLITE).bind(issuer, jti, expires).first()) !== null,
        async () => {
          await database.prepare(CREATE_SQLITE_TABLE).run();
          await database.prepare(CREATE_SQLITE_INDEX).run();
        },
        (error) => error instanceof Error && error.message.includes("no such table"),
      ),
    prune: (before) => database.prepare(PRUNE_SQLITE).bind(before).run(),
  });
}
