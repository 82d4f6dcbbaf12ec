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
export function openInbox(location: string, options: InboxOptions = {}): Promise<Inbox> {
  return new Promise((resolve) => resolve(openSqliteInbox(location, options)));
}

/** Opens an inbox to read from, while others write to it. @throws Error when it is no inbox of this version */
export function openInboxReader(location: string): Promise<InboxReader> {
  return new Promise((resolve) => resolve(openSqliteReader(location)));
}

export function isPostgresUrl(location: string): boolean {
  return /^postgres(ql)?:\/\//i.test(location);
}

/** The location without its password, for people. */
export function describeInbox(location: string): string {
  if (!isPostgresUrl(location)) return location;
  const url = URL.parse(location);
  return url === null ? "postgres" : `${url.protocol}//${url.host}${url.pathname}`;
}

/** Where other files of the same origin are kept unless told otherwise: beside the file, or here. */
export function folderOfInbox(location: string): string {
  return isPostgresUrl(location) ? "." : dirname(location);
}
