// A backup is a SQLite file with the tables of an inbox, without a write-ahead log. A SQLite inbox is copied with VACUUM INTO. This
// statement copies the state of one moment, and other processes can write to the inbox in the meantime. The driver's online backup
// is not used, because it starts from the beginning after each write of another process. Under load, it would never end.

import { closeSync, fsyncSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { requireLocalDisk } from "../network-file-system.ts";
import type { InboxOptions } from "../options.ts";
import { versionAfter } from "../schema-version.ts";
import {
  type InboxContents,
  requireEmpty,
  SELECT_STATES,
  TABLES,
  type Table,
  type TableRow,
  toStates,
} from "../table-rows.ts";
import { describeFileError, makeFile, makePrivate, requireFile } from "./file.ts";
import { BUSY_MILLISECONDS, prepareSchema, readVersion, STEPS } from "./schema.ts";

/**
 * The size of the page cache while many rows are written. Event keys have no order, so each row needs a different page of the index
 * of event keys.
 */
const RESTORE_CACHE_KIB = 65_536;

/** Copies an inbox file, which may be of an older version, into an empty file. @throws Error that names the faulty file */
export function copySqlite(file: string, draft: string): void {
  explaining(file, () => {
    const database = openToRead(file);
    try {
      requireInbox(database, file);
      database.prepare("VACUUM INTO ?").run(draft);
    } finally {
      database.close();
    }
  });
  sync(draft);
}

/** Fills a new file with the rows that `fill` passes to `write`. No write-ahead log remains next to the file. */
export async function fillSqlite(draft: string, fill: (write: RowWriter) => Promise<void>): Promise<void> {
  const database = new DatabaseSync(draft);
  try {
    prepareSchema(database, draft);
    // No log or journal is needed, because an incomplete file is deleted after a crash anyway.
    database.exec("PRAGMA journal_mode = DELETE; PRAGMA journal_mode = OFF; BEGIN");
    await fill(writerOf(database));
    database.exec("COMMIT");
  } finally {
    database.close();
  }
  sync(draft);
}

/** The content of a backup, or of any inbox file of this version, in one snapshot. */
export interface Backup {
  readonly contents: InboxContents;
  /** Returns the rows to restore. Leased events are due at once in these rows. */
  rows(table: Table): Iterable<TableRow>;
  close(): void;
}

/**
 * In the restored inbox, a leased event is due at once and does not wait for the end of its lease, because the holder of the lease
 * works on the original inbox.
 */
const RESTORED_WORK: Readonly<Record<string, string>> = {
  due_at: "CASE state WHEN 'leased' THEN changed_at ELSE due_at END AS due_at",
};

/**
 * Returns true if the backup has the version of this program, and false if it has an older version.
 * @throws Error if the file is not a backup, or is of a version that this program does not know
 */
export function isThisVersion(file: string): boolean {
  return explaining(file, () => {
    const database = openToRead(file);
    try {
      return requireInbox(database, file) === versionAfter(STEPS);
    } finally {
      database.close();
    }
  });
}

/** Opens a backup for which `isThisVersion` is true. @throws Error if the backup is damaged */
export function openBackup(file: string): Backup {
  return explaining(file, () => {
    const database = openToRead(file);
    try {
      database.exec("BEGIN");
      requireSound(database);
      return {
        contents: contentsOf(database),
        rows: ({ name, key, columns }) => {
          const values = columns.map((column) => (name === "work" && RESTORED_WORK[column]) || column);
          return database
            .prepare(`SELECT ${values.join(", ")} FROM ${name} ORDER BY ${key}`)
            .iterate() as Iterable<TableRow>;
        },
        close: () => database.close(),
      };
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** Upgrades a copy of an older backup to the version of this program. */
export function upgradeCopy(file: string): void {
  explaining(file, () => {
    const database = new DatabaseSync(file);
    try {
      prepareSchema(database, file);
      database.exec("PRAGMA journal_mode = DELETE");
    } finally {
      database.close();
    }
  });
}

export type RestoreOptions = Pick<InboxOptions, "allowNetworkFileSystem">;

/**
 * Writes the whole content of a backup into a new or empty file, in one transaction.
 * @throws Error if the file is not empty, or cannot be written
 */
export function restoreSqlite(file: string, backup: Backup, options: RestoreOptions): void {
  explaining(file, () => {
    requireLocalDisk(file, options);
    makeFile(file);
    const database = new DatabaseSync(file, { timeout: BUSY_MILLISECONDS });
    try {
      prepareSchema(database, file);
      makePrivate(file);
      database.exec(`PRAGMA busy_timeout = ${BUSY_MILLISECONDS}; PRAGMA cache_size = -${RESTORE_CACHE_KIB}`);
      // While the transaction runs, an origin that uses this file waits, or tells its senders to retry.
      database.exec("BEGIN IMMEDIATE");
      requireEmpty(contentsOf(database), file);
      const write = writerOf(database);
      for (const table of TABLES) write(table, backup.rows(table));
      database.exec("COMMIT");
    } finally {
      database.close();
    }
  });
}

export type RowWriter = (table: Table, rows: Iterable<TableRow>) => void;

function writerOf(database: DatabaseSync): RowWriter {
  const statements = new Map(
    TABLES.map(({ name, columns }) => [
      name,
      database.prepare(`INSERT INTO ${name} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`),
    ]),
  );
  let isWorkEmpty = false;
  return ({ name, columns }, rows) => {
    // Deletes the rows that the trigger `event_is_work` has made in the table `work`, because the backup has its own rows for this
    // table.
    if (name === "work" && !isWorkEmpty) database.exec("DELETE FROM work");
    isWorkEmpty ||= name === "work";
    const statement = statements.get(name);
    for (const row of rows) statement?.run(...columns.map((column) => row[column] ?? null));
  };
}

export function countSqlite(file: string): InboxContents {
  const database = openToRead(file);
  try {
    return contentsOf(database);
  } finally {
    database.close();
  }
}

function contentsOf(database: DatabaseSync): InboxContents {
  const count = (...tables: readonly string[]) =>
    tables
      .map((name) => Number(database.prepare(`SELECT count(*) AS number FROM ${name}`).get()?.["number"]))
      .reduce((sum, number) => sum + number, 0);
  return {
    events: count("event"),
    states: toStates(database.prepare(SELECT_STATES).all()),
    certificates: count("certificate"),
    keptIds: count("repeated", "deleted_event"),
    refusals: count("refusal"),
  };
}

function openToRead(file: string): DatabaseSync {
  requireFile(file);
  return new DatabaseSync(file, { readOnly: true, timeout: BUSY_MILLISECONDS });
}

function requireInbox(database: DatabaseSync, file: string): number {
  const version = readVersion(database, file);
  if (version === 0) throw new Error(`${file} is empty: no origin has kept events in it`);
  return version;
}

/** Checks that the file is not damaged. */
function requireSound(database: DatabaseSync): void {
  const found = database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
  if (found !== "ok") throw new Error(`it is damaged: take another backup (${String(found).replaceAll(/\s+/g, " ")})`);
}

function explaining<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(describeFileError(file, error), { cause: error });
  }
}

function sync(file: string): void {
  const descriptor = openSync(file, "r+");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
