// A plain table with which our inbox is compared. Each event costs one insert and one commit. The only index is the one for
// replays.

import { DatabaseSync } from "node:sqlite";
import { Refusal } from "../core/refusal.ts";
import type { AcceptDelivery } from "../origin/accept.ts";
import { columnsOf } from "../origin/inbox/events/columns.ts";

/** Opens a table that is as durable as our inbox: WAL with synchronous FULL. */
export function openPlainInbox(file: string): AcceptDelivery {
  const database = new DatabaseSync(file);
  database.exec(`
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE event (
      id, issuer, jti, accepted_at, sender, method, target, content_type, headers, body, content_digest, event_key,
      certificate, certificate_id, factors, relied_on_edge, policy_digest, order_key, UNIQUE (issuer, jti)
    )`);
  const places = Array(18).fill("?").join(", ");
  const insert = database.prepare(`INSERT INTO event VALUES (${places}) ON CONFLICT DO NOTHING`);
  return (delivery, assertion) => {
    const { changes } = insert.run(...columnsOf(delivery, assertion, Math.floor(Date.now() / 1000), null));
    if (Number(changes) === 0) throw new Refusal("replayed", { jti: assertion.jti });
  };
}
