// What an inbox in PostgreSQL holds, as values. Reading changes nothing in it.

import type { EventFilter, InboxReader, StoredEvent } from "../inbox.ts";
import type { PostgresPool } from "./postgres-pool.ts";
import { EVENT_COLUMNS, EVENT_TABLES, type Row, toCertificate, toEvent, toFacts, toWork } from "./rows.ts";

export function postgresReaderOf(pool: PostgresPool): InboxReader {
  return {
    async certificates(sha256) {
      const condition = sha256 === undefined ? "" : "WHERE sha256 = $1";
      const { rows } = await pool.query(
        `SELECT * FROM certificate ${condition} ORDER BY id`,
        sha256 === undefined ? [] : [sha256],
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
    async events(filter) {
      const { rows } = await pool.query(...selectEvents(filter));
      return rows.map((row) => ({ ...toFacts(row), ...toWork(row), bodyBytes: Number(row["body_bytes"]) }));
    },
    close: () => pool.close(),
  };
}

function selectEvents({ state, sender, limit }: EventFilter): [text: string, values: unknown[]] {
  const conditions = [
    // One of four words of ours: in the text, its index is used.
    ...(state === undefined ? [] : [`work.state = '${state}'`]),
    ...(state === "waiting" || state === "leased" ? ["work.due_at IS NOT NULL"] : []),
    ...(sender === undefined ? [] : ["event.sender = $2"]),
  ];
  const text = `
    SELECT ${EVENT_COLUMNS}, coalesce(length(event.body), 0) AS body_bytes FROM ${EVENT_TABLES}
    WHERE ${conditions.join(" AND ") || "true"} ORDER BY work.sequence DESC LIMIT $1`;
  return [text, sender === undefined ? [limit] : [limit, sender]];
}

/** The driver's buffers are views of larger ones, and of a type of Node's own. */
export function toPostgresEvent(row: Row): StoredEvent {
  const event = toEvent(row);
  return event.body === undefined ? event : { ...event, body: new Uint8Array(event.body) };
}
