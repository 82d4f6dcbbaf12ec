// Each assertion once, in a D1 database of Cloudflare's.

import type { AcceptDelivery } from "./acceptance.ts";
import {
  acceptOnce,
  CREATE_SQLITE_INDEX,
  CREATE_SQLITE_TABLE,
  INSERT_SQLITE,
  insertOrCreate,
  PRUNE_SQLITE,
  requireMember,
} from "./once.ts";

/** What is used of a D1 binding. */
export interface D1 {
  prepare(sql: string): D1Statement;
}

/** What is used of a statement of D1. */
export interface D1Statement {
  bind(...values: unknown[]): D1Statement;
  first(): Promise<unknown>;
  run(): Promise<unknown>;
}

/**
 * An `accept` that records each assertion's id in the table `countersign_accepted`, which the first event makes. It keeps no event: when
 * your handler fails, the sender has no 2xx and sends again. Ids are forgotten a day after they expired.
 * @throws ConfigurationError when it is no D1 binding
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
