// Opens an inbox by its location. Every error is reported as a ConfigurationError that names the location.

import { ConfigurationError } from "../../core/configuration-error.ts";
import { messageOf } from "../../core/failure-chain.ts";
import { loadOptional } from "../optional-package.ts";
import type { Inbox, InboxReader } from "./inbox.ts";
import { describeInbox, isPostgresUrl, requireLocation } from "./location.ts";
import type { InboxOptions } from "./options.ts";

/**
 * Opens or creates the inbox at `location`. The location is the path of a SQLite file, or
 * `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, which needs the package `pg`. An inbox of an older version is upgraded. The inbox
 * is not encrypted, and only `prune` deletes events from it.
 * @throws ConfigurationError if the location holds something that is not an inbox, if the inbox is of a newer version or from
 * before the first release, or if the inbox cannot be opened; the message holds no password
 */
export async function openInbox(location: string, options: InboxOptions = {}): Promise<Inbox> {
  return await open(location, async () => {
    if (isPostgresUrl(location)) {
      const { openPostgresInbox } = await importPostgres();
      return await openPostgresInbox(location, describeInbox(location), options);
    }
    const { openSqliteInbox } = await requireSqlite(() => import("./sqlite/inbox.ts"));
    return openSqliteInbox(location, options);
  });
}

/**
 * Opens an inbox for reading. Other programs may write to it at the same time. @throws ConfigurationError if there is no inbox of
 * this version
 */
export async function openInboxReader(location: string): Promise<InboxReader> {
  return await open(location, async () => {
    if (isPostgresUrl(location)) {
      const { openPostgresReader } = await importPostgres();
      return await openPostgresReader(location, describeInbox(location));
    }
    const { openSqliteReader } = await requireSqlite(() => import("./sqlite/reader.ts"));
    return openSqliteReader(location);
  });
}

async function open<T>(location: string, use: () => Promise<T>): Promise<T> {
  requireLocation(location);
  return await openingInbox(use);
}

/** Turns every error of `use` into a ConfigurationError. */
export async function openingInbox<T>(use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    throw new ConfigurationError("inbox", [messageOf(error)]);
  }
}

/** @throws ConfigurationError if the runtime has no SQLite */
export async function requireSqlite<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!String(error).includes("node:sqlite")) throw error;
    throw new ConfigurationError("inbox", ["a file needs node:sqlite, which Node has from 22.18 on"]);
  }
}

/** The driver is loaded only when it is needed, so that an origin with a SQLite file works without the driver. */
function importPostgres() {
  return loadOptional("inbox", ["pg"], () => import("./postgres/inbox.ts"));
}

export function importPostgresBackup() {
  return loadOptional("inbox", ["pg"], () => import("./postgres/backup.ts"));
}

/** Opens an inbox, reads from it and closes it. @throws ConfigurationError as `openInboxReader` does */
export async function readInbox<T>(location: string, read: (reader: InboxReader) => Promise<T>): Promise<T> {
  const reader = await openInboxReader(location);
  try {
    return await read(reader);
  } finally {
    await reader.close();
  }
}
