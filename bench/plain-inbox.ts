// A plain table with which our inbox is compared. Each event costs one insert and one commit. The only index is the one for
// replays.

import { DatabaseSync } from "node:sqlite";
import { Refusal } from "../core/refusal.ts";
import type { AcceptDelivery } from "../origin/accept.ts";
import { columnsOf, EVENT_ROW_COLUMNS } from "../origin/inbox/events/columns.ts";

/** Opens a table that is as durable as our inbox: WAL with synchronous FULL. */
export function openPlainInbox(file: string): AcceptDelivery {
  const database = new DatabaseSync(file);
  database.exec(`
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE event (${EVENT_ROW_COLUMNS}, UNIQUE (issuer, jti))`);
  const places = EVENT_ROW_COLUMNS.replaceAll(/\w+/g, "?");
  const insert = database.prepare(`INSERT INTO event VALUES (${places}) ON CONFLICT DO NOTHING`);
  return (delivery, assertion) => {
    const { changes } = insert.run(...columnsOf(delivery, assertion, Math.floor(Date.now() / 1000), null));
    if (Number(changes) === 0) throw new Refusal("replayed", { jti: assertion.jti });
  };
}
