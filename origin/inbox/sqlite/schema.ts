// The tables of the inbox file, and the upgrade from older versions.

import type { DatabaseSync } from "node:sqlite";
import { missingSteps, requireKnown, versionAfter } from "../schema-version.ts";
import { isBusy } from "./result.ts";

/**
 * The steps that make the tables. A released step must not change, so append a new one. A new column needs a default, so that a
 * process of the previous version that is still running can continue to insert.
 */
export const STEPS: readonly string[] = [
  // An event and its body never change. The work on an event changes often, so it has a row of its own in the table `work`. This
  // row also holds the attempt that runs, or the attempt that made the event done. All other attempts are in the table `attempt`.
  // The bytes of a certificate are stored once, not with each event. The ids that detect a replay or a duplicate are kept longer
  // than their event. Refused requests are kept apart from the events. The certificates of refused requests are stored once each,
  // and refusals are counted by hour and code.
  `
  CREATE TABLE event (
    sequence          INTEGER PRIMARY KEY,
    id                TEXT NOT NULL,
    issuer            TEXT NOT NULL,
    jti               TEXT NOT NULL,
    accepted_at       INTEGER NOT NULL,
    sender            TEXT NOT NULL,
    method            TEXT NOT NULL,
    target            TEXT NOT NULL,
    content_type      TEXT NOT NULL,
    headers           TEXT NOT NULL,
    body              BLOB,
    content_digest    TEXT NOT NULL,
    event_key         TEXT,
    order_key         TEXT,
    certificate       TEXT NOT NULL,
    certificate_id    INTEGER,
    factors           TEXT NOT NULL,
    relied_on_edge    TEXT NOT NULL,
    policy_digest     TEXT NOT NULL,
    assertion_expires INTEGER NOT NULL,
    UNIQUE (issuer, jti)
  ) STRICT;
  CREATE UNIQUE INDEX event_by_id ON event (id, issuer);
  CREATE UNIQUE INDEX event_by_key ON event (sender, event_key, method, target, content_digest) WHERE event_key IS NOT NULL;
  CREATE TABLE work (
    sequence     INTEGER PRIMARY KEY,
    sender       TEXT NOT NULL,
    order_key    TEXT,
    state        TEXT NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    due_at       INTEGER,
    changed_at   INTEGER NOT NULL,
    token        TEXT,
    reason       TEXT,
    has_body     INTEGER NOT NULL DEFAULT 1,
    has_conflict INTEGER NOT NULL DEFAULT 0,
    duplicates   INTEGER NOT NULL DEFAULT 0,
    reruns       INTEGER NOT NULL DEFAULT 0,
    began_at     INTEGER,
    status       INTEGER,
    recorded     INTEGER NOT NULL DEFAULT 0,
    CHECK ((due_at IS NULL) = (state IN ('done', 'dead')))
  ) STRICT;
  CREATE INDEX work_due ON work (due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX work_order ON work (sender, order_key, sequence) WHERE order_key IS NOT NULL AND due_at IS NOT NULL;
  CREATE INDEX work_dead ON work (sequence) WHERE state = 'dead';
  CREATE INDEX work_finished ON work (changed_at) WHERE due_at IS NULL;
  CREATE INDEX work_body ON work (changed_at) WHERE state = 'done' AND has_body = 1;
  CREATE TRIGGER event_is_work AFTER INSERT ON event BEGIN
    INSERT INTO work (sequence, sender, order_key, state, due_at, changed_at)
    VALUES (NEW.sequence, NEW.sender, NEW.order_key, 'waiting', NEW.accepted_at * 1000, NEW.accepted_at * 1000);
  END;
  CREATE TABLE attempt (
    sequence INTEGER NOT NULL,
    place    INTEGER NOT NULL,
    outcome  TEXT NOT NULL,
    number   INTEGER,
    began_at INTEGER,
    ended_at INTEGER,
    status   INTEGER,
    reason   TEXT,
    due_at   INTEGER,
    PRIMARY KEY (sequence, place)
  ) STRICT, WITHOUT ROWID;
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
  CREATE INDEX certificate_by_time ON certificate (sender, last_seen);
  CREATE TABLE repeated (
    issuer  TEXT NOT NULL,
    jti     TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (issuer, jti)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE deleted_event (
    issuer  TEXT NOT NULL,
    id      TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (issuer, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE refusal_kind (
    id          INTEGER PRIMARY KEY,
    code        TEXT NOT NULL,
    sender      TEXT NOT NULL,
    route       TEXT NOT NULL,
    certificate TEXT NOT NULL,
    refusals    INTEGER NOT NULL DEFAULT 0,
    bytes       INTEGER NOT NULL DEFAULT 0,
    UNIQUE (code, sender, route, certificate)
  ) STRICT;
  CREATE TABLE refusal (
    sequence    INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    id          TEXT NOT NULL,
    peer        TEXT,
    method      TEXT,
    target      TEXT,
    certificate TEXT,
    chain       TEXT,
    bytes       INTEGER NOT NULL,
    line        TEXT NOT NULL
  ) STRICT;
  CREATE INDEX refusal_by_time ON refusal (at, sequence);
  CREATE INDEX refusal_by_kind ON refusal (kind, at, sequence);
  CREATE INDEX refusal_by_id ON refusal (id);
  CREATE TABLE refused_certificate (
    digest        TEXT NOT NULL PRIMARY KEY,
    sha256        TEXT NOT NULL,
    sender        TEXT NOT NULL,
    bytes         INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL,
    der           TEXT NOT NULL,
    intermediates TEXT NOT NULL
  ) STRICT;
  CREATE INDEX refused_certificate_by_sender ON refused_certificate (sender, last_seen, bytes);
  CREATE INDEX refused_certificate_by_time ON refused_certificate (last_seen);
  CREATE TABLE refusal_hour (
    hour     INTEGER NOT NULL,
    code     TEXT NOT NULL,
    refusals INTEGER NOT NULL,
    PRIMARY KEY (hour, code)
  ) STRICT, WITHOUT ROWID;
  `,
];

/**
 * The settings of a connection that writes. SQLite copies the write-ahead log into the file every 16 MiB. The cache has 16 MiB for
 * pages of indexes. Event keys have no order, so nearly every event needs a different page of their index. With the cache, most of
 * these pages are still in memory when a later event needs them.
 */
const CONNECTION = `
  PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
  PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16384`;

export const BUSY_MILLISECONDS = 5_000;
const BUSY_PAUSE_MILLISECONDS = 10;

/**
 * Creates the tables in an empty file, or runs the steps that a file lacks. Either all steps are run, or none.
 * @throws Error if the file is not an inbox, or is of a version that this program does not know; then the file is not changed
 */
export function prepareSchema(database: DatabaseSync, file: string): void {
  // The version is checked before the journal mode is changed, because a changed mode would stay in a database of another program.
  readVersion(database, file);
  enterWal(database);
  database.exec(CONNECTION);
  database.exec("BEGIN IMMEDIATE");
  const version = readVersion(database, file);
  for (const step of missingSteps(STEPS, version)) database.exec(step);
  if (version < versionAfter(STEPS)) database.exec(`PRAGMA user_version = ${versionAfter(STEPS)}`);
  database.exec("COMMIT");
  // From here on, SQLite itself does not wait for locks, because that would block the event loop. Instead, SqliteWriter waits in
  // `#begin`.
  database.exec("PRAGMA busy_timeout = 0");
}

/**
 * Changes to WAL mode, and retries if SQLite refuses. SQLite's busy timeout does not apply to this change. If several processes
 * open a new file at the same time, SQLite refuses all but one of them, without waiting.
 * @throws Error if the file is locked for longer than 5 s
 */
function enterWal(database: DatabaseSync): void {
  const deadline = Date.now() + BUSY_MILLISECONDS;
  for (;;) {
    try {
      database.exec("PRAGMA journal_mode = WAL");
      return;
    } catch (error) {
      if (!isBusy(error) || Date.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_PAUSE_MILLISECONDS);
    }
  }
}

/**
 * Copies the write-ahead log into the file and empties the log. If somebody is reading from the log, returns false without waiting.
 */
export function emptyLog(database: DatabaseSync): boolean {
  return database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"] === 0;
}

/**
 * Returns the version of a file. It is 0 if the file is empty.
 * @throws Error if the file is not an inbox, or is of a version that this program does not know
 */
export function readVersion(database: DatabaseSync, file: string): number {
  // A file with tables but without a version belongs to another program. The tables are read before the version, because another
  // process may create an inbox between the two reads. Then this process finds a version but no tables, which is not an error.
  const tables = new Set(
    database
      .prepare("SELECT name FROM sqlite_schema")
      .all()
      .map(({ name }) => name),
  );
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version < 0 || (tables.size > 0 && (version === 0 || !tables.has("event"))))
    throw new Error(`${file} is not an inbox but another program's database`);
  requireKnown(version, STEPS, file);
  return version;
}
