// Makes an inbox as version 0.1.0 of the program did: with version 3 of the SQLite schema, or version 1 of the PostgreSQL schema. The
// old statements are repeated here, because the current ones may change.

import { DatabaseSync } from "node:sqlite";
import { isPostgresUrl } from "../../origin/inbox/location.ts";
import { deliveryOf } from "./inbox.ts";
import { changeByHand } from "./inbox-stores.ts";
import { withClient } from "./postgres.ts";

const EVENT_TABLE = (number: string, bytes: string) => `
  CREATE TABLE event (
    sequence ${number}, id text NOT NULL, issuer text NOT NULL, jti text NOT NULL,
    accepted_at bigint NOT NULL, sender text NOT NULL, method text NOT NULL, target text NOT NULL, content_type text NOT NULL,
    headers text NOT NULL, body ${bytes}, content_digest text NOT NULL, certificate text NOT NULL, factors text NOT NULL,
    policy_digest text NOT NULL, event_key text, relied_on_edge text NOT NULL DEFAULT '[]', certificate_id bigint, order_key text
  );
  CREATE UNIQUE INDEX event_by_assertion ON event (issuer, jti);
  CREATE UNIQUE INDEX event_by_id ON event (id, issuer);
  CREATE UNIQUE INDEX event_by_key ON event (sender, event_key, content_digest) WHERE event_key IS NOT NULL;`;

const OTHER_TABLES = (number: string, flag: (value: 0 | 1) => string) => `
  CREATE TABLE certificate (
    id ${number}, sender text NOT NULL, sha256 text NOT NULL, spki_sha256 text NOT NULL, issuer text NOT NULL,
    subject text NOT NULL, not_after bigint NOT NULL, der text NOT NULL, intermediates text NOT NULL, first_seen bigint NOT NULL,
    last_seen bigint NOT NULL
  );
  CREATE TABLE work (
    sequence bigint PRIMARY KEY, sender text NOT NULL, order_key text, state text NOT NULL, attempts integer NOT NULL DEFAULT 0,
    due_at bigint, changed_at bigint NOT NULL, token text, reason text, has_body ${flag(1)}, has_conflict ${flag(0)},
    duplicates bigint NOT NULL DEFAULT 0, CHECK ((due_at IS NULL) = (state IN ('done', 'dead')))
  );
  CREATE INDEX work_due ON work (due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX work_order ON work (sender, order_key, sequence) WHERE order_key IS NOT NULL AND due_at IS NOT NULL;
  CREATE INDEX work_dead ON work (sequence) WHERE state = 'dead';
  CREATE INDEX work_finished ON work (changed_at) WHERE due_at IS NULL;
  CREATE TABLE repeated (issuer text NOT NULL, jti text NOT NULL, expires bigint NOT NULL, PRIMARY KEY (issuer, jti));`;

const INTEGER = (text: string) => text.replaceAll(/bigint|integer/g, "INTEGER").replaceAll(" text", " TEXT");

const SQLITE_3 = `
  ${INTEGER(EVENT_TABLE("INTEGER PRIMARY KEY", "BLOB"))}
  ${INTEGER(OTHER_TABLES("INTEGER PRIMARY KEY", (value) => `integer NOT NULL DEFAULT ${value}`))}
  CREATE INDEX work_body ON work (changed_at) WHERE state = 'done' AND has_body = 1;
  CREATE UNIQUE INDEX certificate_once ON certificate (sender, sha256, intermediates);
  CREATE TRIGGER event_is_work AFTER INSERT ON event BEGIN
    INSERT INTO work (sequence, sender, order_key, state, due_at, changed_at)
    VALUES (NEW.sequence, NEW.sender, NEW.order_key, 'waiting', NEW.accepted_at * 1000, NEW.accepted_at * 1000);
  END;
  PRAGMA user_version = 3`;

const IDENTITY = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY";
const POSTGRES_1 = `
  CREATE SCHEMA countersign; SET search_path TO countersign;
  CREATE TABLE version (version integer NOT NULL); INSERT INTO version VALUES (1);
  ${EVENT_TABLE(IDENTITY, "bytea")}
  ${OTHER_TABLES(IDENTITY, (value) => `boolean NOT NULL DEFAULT ${value === 1}`)}
  CREATE INDEX work_body ON work (changed_at) WHERE state = 'done' AND has_body;
  CREATE INDEX certificate_by_sender ON certificate (sender, sha256);`;

/** An event of the sender acme that version 0.1.0 accepted. */
export interface ReleasedEvent {
  readonly id: string;
  readonly key?: string;
  readonly target?: string;
  readonly body?: string;
  readonly state?: "waiting" | "done" | "dead";
  /** Unix seconds. */
  readonly at: number;
  readonly orderKey?: string;
  readonly duplicates?: number;
  readonly hasConflict?: boolean;
}

/**
 * The issuer of all assertions is `edge`. The jti of an assertion is the id of its event. The assertions in `repeated` brought
 * duplicates.
 */
export async function makeReleasedInbox(
  location: string,
  events: readonly ReleasedEvent[],
  repeated: readonly (readonly [jti: string, expires: number])[] = [],
): Promise<void> {
  const isPostgres = isPostgresUrl(location);
  if (isPostgres) await withClient(location, (client) => client.query(POSTGRES_1));
  else new DatabaseSync(location).exec(`PRAGMA journal_mode = WAL; ${SQLITE_3}`);
  await insertAsReleased(location, events);
  await changeByHand(
    location,
    repeated.map(([jti, expires]) => `INSERT INTO repeated VALUES ('edge', '${jti}', ${expires})`),
  );
}

/** Stores events as a process of that version does. It may still run beside a newer one. */
export async function insertAsReleased(location: string, events: readonly ReleasedEvent[]): Promise<void> {
  const isPostgres = isPostgresUrl(location);
  const text = (value: string | null | undefined) =>
    value === null || value === undefined ? "NULL" : `'${value.replaceAll("'", "''")}'`;
  for (const event of events) {
    const {
      id,
      key,
      target = "/hooks/acme",
      state = "waiting",
      at,
      orderKey,
      duplicates = 0,
      hasConflict = false,
    } = event;
    const { body, contentDigest } = deliveryOf({
      id,
      sender: "acme",
      ...(event.body !== undefined && { body: event.body }),
    });
    const hex = Buffer.from(body).toString("hex");
    const facts = `'acme', ${text(orderKey)}, '${state}', ${state === "waiting" ? at * 1000 : "NULL"}, ${at * 1000}`;
    await changeByHand(location, [
      `INSERT INTO event (id, issuer, jti, accepted_at, sender, method, target, content_type, headers, body, content_digest,
                          certificate, factors, policy_digest, event_key, order_key)
       VALUES (${text(id)}, 'edge', ${text(id)}, ${at}, 'acme', 'POST', ${text(target)}, '', '[]',
               ${isPostgres ? `'\\x${hex}'` : `x'${hex}'`}, ${text(contentDigest)}, 'null', '["hmac"]', 'digest', ${text(key)},
               ${text(orderKey)})`,
      ...(isPostgres ? [] : [`DELETE FROM work WHERE sequence = (SELECT max(sequence) FROM event)`]),
      `INSERT INTO work (sequence, sender, order_key, state, due_at, changed_at, has_conflict, duplicates)
       SELECT max(sequence), ${facts}, ${isPostgres ? hasConflict : Number(hasConflict)}, ${duplicates} FROM event`,
    ]);
  }
}
