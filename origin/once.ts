// The replay check of an app that keeps its events itself, or not at all: only the id of each assertion is recorded, in one insert.

import { ConfigurationError } from "../core/configuration-error.ts";
import { type AcceptDelivery, type AssertionId, DIRECT, ReplayedError } from "./acceptance.ts";

/** Where the ids of assertions are kept. */
export interface IdStore {
  /** False when it is there already. Makes the table where there is none yet. */
  insert(assertion: AssertionId): boolean | Promise<boolean>;
  /** Forgets what expired before this Unix second. */
  prune(before: number): unknown;
}

/** An assertion that expired is refused before it is looked for. A day more, for clocks that differ. */
const MARGIN_SECONDS = 86_400;
/** Of the inserts, those that are followed by a prune. */
export const PRUNE_SHARE = 0.01;

export const TABLE = "countersign_accepted";

/** Of SQLite, and what is made of it. */
export const CREATE_SQLITE_TABLE = `CREATE TABLE IF NOT EXISTS ${TABLE}
  (issuer TEXT NOT NULL, jti TEXT NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (issuer, jti))`;
export const CREATE_SQLITE_INDEX = `CREATE INDEX IF NOT EXISTS ${TABLE}_expires ON ${TABLE} (expires)`;

/** Of SQLite. Gives a row for an id that is new. */
export const INSERT_SQLITE = `INSERT INTO ${TABLE} (issuer, jti, expires) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING jti`;
export const PRUNE_SQLITE = `DELETE FROM ${TABLE} WHERE expires < ?`;

/** What may be forgotten by now. */
export const forgettableBefore = () => Math.floor(Date.now() / 1000) - MARGIN_SECONDS;

/** The ids of what came without an edge are made for one request, and are not kept. */
export function acceptOnce({ insert, prune }: IdStore): AcceptDelivery {
  return async (_, assertion) => {
    if (assertion.issuer === DIRECT) return;
    if (!(await insert(assertion))) throw new ReplayedError(assertion);
    // It is recorded: what was not forgotten now will be later.
    if (Math.random() >= PRUNE_SHARE) return;
    try {
      await prune(forgettableBefore());
    } catch {}
  };
}

/** Inserts, and where there is no table makes it first. Another may make it at the same time: whether it is there, the insert says. */
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

/** @throws ConfigurationError where a binding is missing, or is another */
export function requireMember(subject: string, store: unknown, member: string, expected: string): void {
  if (typeof (store as Record<string, unknown> | undefined | null)?.[member] === "function") return;
  throw new ConfigurationError(subject, [
    `${store === undefined || store === null ? "nothing is passed" : "this is another thing"}: pass ${expected}`,
  ]);
}
