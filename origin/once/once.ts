// The replay check of an app without an inbox. It records only the id of each assertion, with one insert.

import { ConfigurationError } from "../../core/configuration-error.ts";
import { type AcceptDelivery, type AssertionId, DIRECT, ReplayedError } from "../accept.ts";

/** The store of assertion ids. */
export interface IdStore {
  /** Returns false if the id is already recorded. Creates the table if it does not exist. */
  insert(assertion: AssertionId): boolean | Promise<boolean>;
  /** Deletes ids that expired before this Unix second. */
  prune(before: number): unknown;
}

/**
 * The time for which an id is kept after its assertion expired. An expired assertion is refused before its id is looked up. But if
 * the clock of a process is slow, this process still accepts the assertion, and must find its id.
 */
const MARGIN_SECONDS = 86_400;
/** After one insert in a hundred, old ids are deleted too. */
export const PRUNE_SHARE = 0.01;

export const TABLE = "countersign_accepted";

/** Creates the table in SQLite, or in a database that is based on SQLite. */
export const CREATE_SQLITE_TABLE = `CREATE TABLE IF NOT EXISTS ${TABLE}
  (issuer TEXT NOT NULL, jti TEXT NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (issuer, jti))`;
export const CREATE_SQLITE_INDEX = `CREATE INDEX IF NOT EXISTS ${TABLE}_expires ON ${TABLE} (expires)`;

/** Inserts an id in SQLite. The result has a row if the id is new. */
export const INSERT_SQLITE = `INSERT INTO ${TABLE} (issuer, jti, expires) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING jti`;
export const PRUNE_SQLITE = `DELETE FROM ${TABLE} WHERE expires < ?`;

/** Returns a Unix second. Ids whose assertions expired before this second can be deleted. */
export const forgettableBefore = () => Math.floor(Date.now() / 1000) - MARGIN_SECONDS;

/** Makes an `accept` that uses this store. Ids of requests without an edge are never used twice, so they are not recorded. */
export function acceptOnce({ insert, prune }: IdStore): AcceptDelivery {
  return async (_, assertion) => {
    if (assertion.issuer === DIRECT) return;
    if (!(await insert(assertion))) throw new ReplayedError(assertion);
    // Only a small share of the calls deletes old ids. An error is ignored, because this id is already recorded, and a later call
    // will delete the old ids.
    if (Math.random() >= PRUNE_SHARE) return;
    try {
      await prune(forgettableBefore());
    } catch {}
  };
}

/**
 * Calls `insert`. If the table is missing, calls `create` and then `insert` again. An error of `create` is ignored, because another
 * process may have created the table at the same time. If the table is still missing, the second `insert` fails.
 */
export async function insertOrCreate<T>(
  insert: () => Promise<T>,
  create: () => Promise<unknown>,
  isMissing: (error: unknown) => boolean,
): Promise<T> {
  try {
    return await insert();
  } catch (error) {
    if (!isMissing(error)) throw error;
    await create().catch(() => undefined);
    return await insert();
  }
}

/** @throws ConfigurationError if the store is missing or is of another kind */
export function requireMember(subject: string, store: unknown, member: string, expected: string): void {
  if (typeof (store as Record<string, unknown> | undefined | null)?.[member] === "function") return;
  throw new ConfigurationError(subject, [
    `${store === undefined || store === null ? "nothing is passed" : "this is something else"}: pass ${expected}`,
  ]);
}
