// Makes backups of an inbox, and restores them. A backup is one file. Each backup can be restored into SQLite and into PostgreSQL.

import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, lstatSync, mkdtempSync, openSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { describeFileFault, isOfTheSystem } from "../node/file-faults.ts";
import { describeInbox, isPostgresUrl, requireLocation } from "./location.ts";
import { importPostgresBackup, openingInbox, requireSqlite } from "./open.ts";
import type { RestoreOptions } from "./sqlite/backup.ts";
import type { InboxContents } from "./table-rows.ts";

type SqliteBackup = typeof import("./sqlite/backup.ts");

/**
 * Writes the whole content of an inbox into a new file, as the content is at one moment. The inbox may be in use. Only the owner
 * can read the file. The file appears only when it is complete. It holds bodies in clear text.
 * @throws ConfigurationError if there is no inbox, or if the file exists
 */
export async function backupInbox(location: string, file: string): Promise<InboxContents> {
  requireLocation(location);
  return await openingInbox(async () => {
    const sqlite = await requireSqlite(() => import("./sqlite/backup.ts"));
    const draft = `${file}.${randomUUID()}.tmp`;
    try {
      requireNew(file);
      closeSync(openSync(draft, "wx", 0o600));
      await copyInto(sqlite, location, draft);
      const contents = sqlite.countSqlite(draft);
      publish(draft, file);
      return contents;
    } catch (error) {
      removeDraft(draft);
      throw describeFault(error, file);
    }
  });
}

async function copyInto(sqlite: SqliteBackup, location: string, draft: string): Promise<void> {
  if (!isPostgresUrl(location)) return sqlite.copySqlite(location, draft);
  const { readPostgres } = await importPostgresBackup();
  await sqlite.fillSqlite(draft, (write) => readPostgres(location, describeInbox(location), write));
}

/**
 * Fills a new or empty inbox with the whole content of a backup, in one transaction: events with their work, certificates, and the
 * ids that detect replays. The backup is not changed. A backup of an older version is upgraded in a copy.
 * @throws ConfigurationError if the file is not a backup, or if the inbox is not empty; then nothing is changed
 */
export async function restoreInbox(
  file: string,
  location: string,
  options: RestoreOptions = {},
): Promise<InboxContents> {
  requireLocation(location);
  return await openingInbox(async () => {
    const sqlite = await requireSqlite(() => import("./sqlite/backup.ts"));
    return await withThisVersion(sqlite, file, async (current) => {
      const backup = sqlite.openBackup(current);
      try {
        if (!isPostgresUrl(location)) sqlite.restoreSqlite(location, backup, options);
        else await (await importPostgresBackup()).restorePostgres(location, describeInbox(location), backup);
        return backup.contents;
      } finally {
        backup.close();
      }
    });
  });
}

async function withThisVersion<T>(sqlite: SqliteBackup, file: string, use: (file: string) => Promise<T>): Promise<T> {
  if (sqlite.isThisVersion(file)) return await use(file);
  const folder = mkdtempSync(join(tmpdir(), "countersign-restore-"));
  try {
    const copy = join(folder, "inbox.sqlite");
    closeSync(openSync(copy, "wx", 0o600));
    sqlite.copySqlite(file, copy);
    sqlite.upgradeCopy(copy);
    return await use(copy);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function removeDraft(draft: string): void {
  try {
    for (const end of ["", "-journal", "-wal", "-shm"]) rmSync(draft + end, { force: true });
  } catch {
    // If a part of the path is a file and not a folder, `rmSync` fails. In this case there is no draft to remove. This error is
    // ignored, because the caller reports the error that stopped the backup.
  }
}

function requireNew(file: string): void {
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return;
  throw new ConfigurationError("inbox", [`${file} is there already: a backup is a new file, and overwrites nothing`]);
}

/**
 * Creates an empty `file`, which fails if `file` exists. Then renames the draft to `file`. So a file that another program has just
 * created is not replaced.
 */
function publish(draft: string, file: string): void {
  closeSync(openSync(file, "wx", 0o600));
  renameSync(draft, file);
  const folder = openSync(dirname(file), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * Describes an error of writing the backup file. Returns every other error unchanged, because it comes from the inbox and its text
 * is already complete.
 */
function describeFault(error: unknown, file: string): Error {
  if ((error as NodeJS.ErrnoException).code === "EEXIST")
    return new Error(`${file} is there already: a backup is a new file, and overwrites nothing`);
  return isOfTheSystem(error) ? new Error(`cannot write ${file}: ${describeFileFault(error, file)}`) : (error as Error);
}
