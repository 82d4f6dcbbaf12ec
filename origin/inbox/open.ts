// Which store an inbox is in: a PostgreSQL URL, or else the path of a SQLite file.

import { dirname } from "node:path";
import type { Inbox, InboxReader } from "../inbox.ts";
import type { InboxOptions } from "./inbox-options.ts";
import { openSqliteInbox } from "./sqlite.ts";
import { openSqliteReader } from "./sqlite-reader.ts";

/**
 * Opens or creates the inbox; one of an older version is brought up to this one.
 * @throws Error when it is no inbox, is a newer one, or cannot be opened; its message holds no password
 */
export async function openInbox(location: string, options: InboxOptions = {}): Promise<Inbox> {
  if (!isPostgresUrl(location)) return openSqliteInbox(location, options);
  requireWellFormed(location);
  const { openPostgresInbox } = await importPostgres();
  return await openPostgresInbox(location, describeInbox(location), options);
}

/** Opens an inbox to read from, while others write to it. @throws Error when it is no inbox of this version */
export async function openInboxReader(location: string): Promise<InboxReader> {
  if (!isPostgresUrl(location)) return openSqliteReader(location);
  requireWellFormed(location);
  const { openPostgresReader } = await importPostgres();
  return await openPostgresReader(location, describeInbox(location));
}

/** An origin with a file does without the driver. */
function importPostgres() {
  return import("./postgres.ts");
}

/** Reads from an inbox and closes it again. @throws Error of openInboxReader */
export async function readInbox<T>(location: string, read: (reader: InboxReader) => Promise<T>): Promise<T> {
  const reader = await openInboxReader(location);
  try {
    return await read(reader);
  } finally {
    await reader.close();
  }
}

export function isPostgresUrl(location: string): boolean {
  return /^postgres(ql)?:\/\//i.test(location);
}

/** Scheme, user and password, host and port, database, options. Nothing after the host may look like a password that was not encoded. */
const POSTGRES_URL = /^(postgres(?:ql)?:\/\/)(?:[^/@?#]*@)?([^/@?#]*)(\/[^/@?#]*)?(?:\?.*)?$/i;

/** The location without its password, for people. */
export function describeInbox(location: string): string {
  if (!isPostgresUrl(location)) return location;
  const [, scheme = "postgres://", host = "…", database = ""] = POSTGRES_URL.exec(location) ?? [];
  return scheme + host + database;
}

/** @throws Error for a URL of which nobody can tell where its password ends; the message holds nothing of it */
function requireWellFormed(location: string): void {
  try {
    if (POSTGRES_URL.test(location) && decodeURIComponent(new URL(location).password) !== undefined) return;
  } catch {}
  throw new Error(
    "the inbox's URL is not postgres://USER:PASSWORD@HOST:PORT/DATABASE: percent-encode / ? # @ : % in the password",
  );
}

/** Where other files of the same origin are kept unless told otherwise: beside the file, or here. */
export function folderOfInbox(location: string): string {
  return isPostgresUrl(location) ? "." : dirname(location);
}
