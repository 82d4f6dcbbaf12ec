// Finds which senders were accepted, and when, with one statement that runs in SQLite and in PostgreSQL.

import type { Row } from "./events/row.ts";
import type { SeenSender } from "./inbox.ts";

/**
 * The number of latest events that are searched for senders. The search is limited because events have no index by sender. Such an
 * index would need one more write for each event.
 */
const MAX_EVENTS_READ = 10_000;

export const SELECT_SENDERS = `
  SELECT sender, max(last_seen) AS last_seen, sum(certificates) AS certificates, min(first_seen) AS first_seen FROM (
    SELECT sender, max(last_seen) AS last_seen, count(*) AS certificates, min(first_seen) AS first_seen
    FROM certificate GROUP BY sender
    UNION ALL
    SELECT sender, max(accepted_at), 0, NULL
    FROM (SELECT sender, accepted_at FROM event ORDER BY sequence DESC LIMIT ${MAX_EVENTS_READ}) AS latest GROUP BY sender
  ) AS seen GROUP BY sender ORDER BY sender`;

export function toSender(row: Row): SeenSender {
  return {
    sender: String(row["sender"]),
    lastSeen: Number(row["last_seen"]),
    certificates: Number(row["certificates"]),
    firstCertificate: row["first_seen"] === null ? undefined : Number(row["first_seen"]),
  };
}
