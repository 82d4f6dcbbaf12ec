// Opens an inbox by its location. What keeps it from opening is told as a fault of the configuration, with the place.

import { ConfigurationError } from "../../core/configuration-error.ts";
import type { Inbox, InboxReader } from "../inbox.ts";
import type { InboxOptions } from "./inbox-options.ts";
import { describeInbox, isPostgresUrl, requireLocation } from "./location.ts";
import { openSqliteInbox } from "./sqlite.ts";
import { openSqliteReader } from "./sqlite-reader.ts";

/**
 * Opens or creates the inbox; one of an older version is brought up to this one.
 * @throws ConfigurationError when it is no inbox, is a newer one, or cannot be opened; its message holds no password
 */
export async function openInbox(location: string, options: InboxOptions = {}): Promise<Inbox> {
  return await open(location, async () => {
    if (!isPostgresUrl(location)) return openSqliteInbox(location, options);
    const { openPostgresInbox } = await importPostgres();
    return await openPostgresInbox(location, describeInbox(location), options);
  });
}

/** Opens an inbox to read from, while others write to it. @throws ConfigurationError when it is no inbox of this version */
export async function openInboxReader(location: string): Promise<InboxReader> {
  return await open(location, async () => {
    if (!isPostgresUrl(location)) return openSqliteReader(location);
    const { openPostgresReader } = await importPostgres();
    return await openPostgresReader(location, describeInbox(location));
  });
}

async function open<T>(location: string, use: () => Promise<T>): Promise<T> {
  requireLocation(location);
  try {
    return await use();
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    throw new ConfigurationError("inbox", [error instanceof Error ? error.message : String(error)]);
  }
}

/** An origin with a file does without the driver. */
function importPostgres() {
  return import("./postgres.ts");
}

/** Reads from an inbox and closes it again. @throws ConfigurationError of openInboxReader */
export async function readInbox<T>(location: string, read: (reader: InboxReader) => Promise<T>): Promise<T> {
  const reader = await openInboxReader(location);
  try {
    return await read(reader);
  } finally {
    await reader.close();
  }
}
