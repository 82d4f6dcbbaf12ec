// The tables of the inbox file, and how a file of an older version becomes one of this version.

import type { DatabaseSync } from "node:sqlite";

/**
 * A file of version n has taken the first n steps. A step that was released stays as it is; further ones are appended.
 * Columns come with a default, so that a process of the version before, still running beside, can go on inserting.
 */
const STEPS: readonly string[] = [
  `
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
  `,
  // The bytes of certificates move out of the events, where each would be stored with every one of them.
  `
  ALTER TABLE event ADD COLUMN event_key TEXT;
  ALTER TABLE event ADD COLUMN relied_on_edge TEXT NOT NULL DEFAULT '[]';
  ALTER TABLE event ADD COLUMN certificate_id INTEGER;
  CREATE TABLE certificate (
    id            INTEGER PRIMARY KEY,
    sender        TEXT NOT NULL,
    sha256        TEXT NOT NULL,
    spki_sha256   TEXT NOT NULL,
    issuer        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    not_after     INTEGER NOT NULL,
    der           TEXT NOT NULL,
    intermediates TEXT NOT NULL,
    first_seen    INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL,
    UNIQUE (sender, sha256, intermediates)
  ) STRICT;
  INSERT INTO certificate (sender, sha256, spki_sha256, issuer, subject, not_after, der, intermediates, first_seen, last_seen)
    SELECT sender, certificate ->> 'sha256', certificate ->> 'spkiSha256', certificate ->> 'issuer',
           certificate ->> 'subject', certificate ->> 'notAfter', certificate ->> 'der', certificate -> 'intermediates',
           min(accepted_at), max(accepted_at)
    FROM event WHERE certificate ->> 'der' IS NOT NULL
    GROUP BY sender, certificate ->> 'sha256', certificate -> 'intermediates' ORDER BY min(sequence);
  UPDATE event SET
    certificate = json_remove(event.certificate, '$.der', '$.intermediates'),
    certificate_id = (SELECT seen.id FROM certificate AS seen
                      WHERE seen.sender = event.sender AND seen.sha256 = event.certificate ->> 'sha256'
                        AND seen.intermediates = event.certificate -> 'intermediates')
    WHERE certificate ->> 'der' IS NOT NULL;
  `,
];

export const SCHEMA_VERSION = STEPS.length;

/**
 * Makes the tables in an empty file, or takes the steps that a file lacks: all of them, or none.
 * @throws Error when the file is no inbox, or one of a newer version; it is left as it is
 */
export function prepareSchema(database: DatabaseSync, file: string): void {
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  database.exec("BEGIN IMMEDIATE");
  const version = readVersion(database, file);
  for (const step of STEPS.slice(version)) database.exec(step);
  if (version < SCHEMA_VERSION) database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  database.exec("COMMIT");
}

/** The version of a file; 0 when it is empty. @throws Error when it is no inbox, or a newer one */
export function readVersion(database: DatabaseSync, file: string): number {
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  const tables = Number(database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get()?.["tables"]);
  if (version > SCHEMA_VERSION) {
    throw new Error(
      `${file} is an inbox of version ${version}; this program knows versions up to ${SCHEMA_VERSION}, use a newer one`,
    );
  }
  if (version < 0 || (version === 0 && tables > 0)) throw new Error(`${file} is no inbox: another program's database`);
  return version;
}
