// The inbox in one SQLite file. WAL with synchronous FULL: a commit that returned survives power loss.

import { DatabaseSync } from "node:sqlite";
import type { Delivery } from "../../core/delivery.ts";
import { Refusal } from "../../core/refusal.ts";
import type { AssertionId } from "../authenticate-options.ts";
import { systemClock } from "../clock.ts";
import type { Inbox } from "../inbox.ts";

const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE event (
    sequence       INTEGER PRIMARY KEY,
    id             TEXT NOT NULL,
    issuer         TEXT NOT NULL,
    jti            TEXT NOT NULL,
    accepted_at    INTEGER NOT NULL,
    sender         TEXT NOT NULL,
    method         TEXT NOT NULL,
    target         TEXT NOT NULL,
    content_type   TEXT NOT NULL,
    headers        TEXT NOT NULL,
    body           BLOB NOT NULL,
    content_digest TEXT NOT NULL,
    certificate    TEXT NOT NULL,
    factors        TEXT NOT NULL,
    policy_digest  TEXT NOT NULL,
    UNIQUE (issuer, jti)
  ) STRICT;
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

const INSERT = `
  INSERT INTO event (id, issuer, jti, accepted_at, sender, method, target, content_type, headers, body,
                     content_digest, certificate, factors, policy_digest)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (issuer, jti) DO NOTHING
`;

/**
 * Opens or creates the inbox file.
 * @throws Error when the file is no inbox of this version or cannot be opened
 */
export function openSqliteInbox(file: string, clock: () => number = systemClock): Inbox {
  const database = new DatabaseSync(file, { timeout: 5_000 });
  try {
    prepareSchema(database, file);
  } catch (error) {
    database.close();
    throw error;
  }
  const insert = database.prepare(INSERT);
  const count = database.prepare("SELECT count(*) AS events FROM event");
  return {
    accept(delivery, assertion) {
      if (store(delivery, assertion) === 0) throw new Refusal("replayed", { jti: assertion.jti });
    },
    count: () => Number(count.get()?.["events"]),
    close: () => database.close(),
  };

  function store(delivery: Delivery, { issuer, jti }: AssertionId): number {
    const { id, sender, request, headers, body, contentDigest, certificate, factors, policyDigest } = delivery;
    try {
      const { changes } = insert.run(
        id, issuer, jti, clock(), sender, request.method, request.target, request.contentType, JSON.stringify(headers), body,
        contentDigest, JSON.stringify(certificate ?? null), JSON.stringify(factors), policyDigest,
      ); // biome-ignore format: one value a column
      return Number(changes);
    } catch (error) {
      throw new Refusal("store_unavailable", { cause: error instanceof Error ? error.message : String(error) });
    }
  }
}

function prepareSchema(database: DatabaseSync, file: string): void {
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  database.exec("BEGIN IMMEDIATE");
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  const tables = Number(database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get()?.["tables"]);
  if (version === 0 && tables === 0) database.exec(SCHEMA);
  else if (version !== SCHEMA_VERSION)
    throw new Error(`${file} is no inbox of version ${SCHEMA_VERSION} (its version is ${version})`);
  database.exec("COMMIT");
}
