// Reads an inbox in PostgreSQL, and changes nothing in it.

import { readActivity, readPulse } from "../activity.ts";
import { readDurations } from "../durations.ts";
import { readNewest } from "../events/newest.ts";
import { type Ask, listEvents, readPage } from "../events/pages.ts";
import {
  CERTIFICATE_COLUMNS,
  EVENT_COLUMNS,
  EVENT_TABLES,
  LATEST_FIRST,
  type Row,
  toCertificate,
  toEvent,
  toWork,
} from "../events/row.ts";
import type { InboxReader, StoredEvent } from "../inbox.ts";
import { refusalReaderOf } from "../refusals/read.ts";
import { SELECT_SENDERS, toSender } from "../sender-rows.ts";
import { readHistory } from "./attempts.ts";
import type { PostgresPool } from "./pool.ts";

export function postgresReaderOf(pool: PostgresPool): InboxReader {
  const ask = askPostgres(pool);
  return {
    async certificates(sha256) {
      const condition = sha256 === undefined ? "" : "WHERE sha256 = $1";
      const { rows } = await pool.query(
        `SELECT ${CERTIFICATE_COLUMNS} FROM certificate ${condition} ORDER BY id`,
        sha256 === undefined ? [] : [sha256],
      );
      return rows.map(toCertificate);
    },
    async latestCertificates(senders) {
      const { rows } = await pool.query(
        `SELECT latest.* FROM unnest($1::text[]) AS asked (name),
           LATERAL (SELECT ${CERTIFICATE_COLUMNS} FROM certificate WHERE sender = asked.name ${LATEST_FIRST}) AS latest`,
        [senders],
      );
      return rows.map(toCertificate);
    },
    async event(id) {
      const { rows } = await pool.query(
        `SELECT ${EVENT_COLUMNS}, event.body FROM ${EVENT_TABLES} WHERE event.id = $1 ORDER BY event.sequence LIMIT 1`,
        [id],
      );
      return rows[0] && { ...toPostgresEvent(rows[0]), ...toWork(rows[0]) };
    },
    attempts: (id) => readHistory(pool, id),
    senders: async () => (await pool.query(SELECT_SENDERS)).rows.map(toSender),
    refusals: refusalReaderOf(ask, "$"),
    events: (filter) => listEvents(ask, "$", filter),
    page: (filter, cursor) => readPage(ask, "$", filter, cursor),
    newest: (query) => readNewest(ask, "$", query),
    activity: (since, seconds, count) => readActivity(ask, { since, seconds, count }),
    durations: (since, seconds, count) => readDurations(ask, { since, seconds, count }),
    pulse: () => readPulse(ask),
    close: () => pool.close(),
  };
}

/** Returns a function that runs statements without preparing them, because every text is different. */
export function askPostgres(pool: PostgresPool): Ask {
  return async (text, values) =>
    (await pool.transact((client) => client.queryPatiently(text, values))).rows as readonly Row[];
}

/**
 * Converts a row to an event. The driver returns the body as a `Buffer` of Node, which is a view of a larger buffer. So the body is
 * copied to a new Uint8Array.
 */
export function toPostgresEvent(row: Row): StoredEvent {
  const event = toEvent(row);
  return event.body === undefined ? event : { ...event, body: new Uint8Array(event.body) };
}
