// Reads an inbox file, and changes nothing in it.

import { DatabaseSync } from "node:sqlite";
import { readActivity, readPulse } from "../activity.ts";
import { readDurations } from "../durations.ts";
import { readNewest } from "../events/newest.ts";
import { type Ask, listEvents, readPage } from "../events/pages.ts";
import {
  CERTIFICATE_COLUMNS,
  EVENT_COLUMNS,
  EVENT_TABLES,
  LATEST_FIRST,
  toCertificate,
  toEvent,
  toWork,
} from "../events/row.ts";
import type { InboxReader, Lease } from "../inbox.ts";
import { namingPlace } from "../place.ts";
import { refusalReaderOf } from "../refusals/read.ts";
import { requireNewest } from "../schema-version.ts";
import { SELECT_SENDERS, toSender } from "../sender-rows.ts";
import { sqliteHistoryOf } from "./attempts.ts";
import { describeFileError, requireFile } from "./file.ts";
import { readVersion, STEPS } from "./schema.ts";

/**
 * Opens an inbox for reading. Other processes may write to it at the same time.
 * @throws Error if there is no such file, or if the file is not an inbox of this version
 */
export function openSqliteReader(file: string): InboxReader {
  let database: DatabaseSync | undefined;
  try {
    requireFile(file);
    database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
    const version = readVersion(database, file);
    if (version === 0) throw new Error(`${file} is empty: no origin has kept events in it`);
    requireNewest(version, STEPS, file);
    return namingPlace(readerOf(database), (error) => describeFileError(file, error));
  } catch (error) {
    database?.close();
    throw new Error(describeFileError(file, error), { cause: error });
  }
}

export function readerOf(database: DatabaseSync): InboxReader {
  const all = database.prepare(`SELECT ${CERTIFICATE_COLUMNS} FROM certificate ORDER BY id`);
  const bySha256 = database.prepare(`SELECT ${CERTIFICATE_COLUMNS} FROM certificate WHERE sha256 = ? ORDER BY id`);
  const latest = database.prepare(`SELECT ${CERTIFICATE_COLUMNS} FROM certificate WHERE sender = ? ${LATEST_FIRST}`);
  const event = database.prepare(`
    SELECT ${EVENT_COLUMNS}, event.body FROM ${EVENT_TABLES} WHERE event.id = ? ORDER BY event.sequence LIMIT 1
  `);
  const ask = askSqlite(database);
  return {
    certificates: promising((sha256?: string) =>
      (sha256 === undefined ? all.all() : bySha256.all(sha256)).map(toCertificate),
    ),
    latestCertificates: promising((senders: readonly string[]) =>
      senders.flatMap((sender) => latest.all(sender).map(toCertificate)),
    ),
    event: promising((id: string) => {
      const row = event.get(id);
      return row && { ...toEvent(row), ...toWork(row) };
    }),
    attempts: promising(sqliteHistoryOf(database)),
    senders: promising(() => database.prepare(SELECT_SENDERS).all().map(toSender)),
    refusals: refusalReaderOf(ask, "?"),
    events: (filter) => listEvents(ask, "?", filter),
    page: (filter, cursor) => readPage(ask, "?", filter, cursor),
    newest: (query) => readNewest(ask, "?", query),
    activity: (since, seconds, count) => readActivity(ask, { since, seconds, count }),
    durations: (since, seconds, count) => readDurations(ask, { since, seconds, count }),
    pulse: () => readPulse(ask),
    close: promising(() => database.close()),
  };
}

export function askSqlite(database: DatabaseSync): Ask {
  return promising((text, values) => database.prepare(text).all(...values));
}

/** Returns a function that reads an event by its sequence, with its body. */
export function leasedEventOf(database: DatabaseSync): (sequence: number) => Lease["event"] {
  const select = database.prepare(`SELECT ${EVENT_COLUMNS}, event.body FROM ${EVENT_TABLES} WHERE event.sequence = ?`);
  return (sequence) => toEvent(select.get(sequence) ?? {});
}

/** Makes a synchronous function asynchronous. Its errors become rejections. */
export function promising<Arguments extends unknown[], T>(read: (...given: Arguments) => T) {
  return (...given: Arguments): Promise<T> => new Promise((resolve) => resolve(read(...given)));
}
