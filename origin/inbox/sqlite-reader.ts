// What an inbox file holds, as values. Reading changes nothing in it.

import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import type { InboxReader, SeenCertificate, StoredCertificate, StoredEvent } from "../inbox.ts";
import { readVersion, SCHEMA_VERSION } from "./sqlite-schema.ts";

type Row = Record<string, SQLOutputValue>;

/** The event of this id in an inbox file. @throws Error as openSqliteReader */
export function readEvent(file: string, id: string): StoredEvent | undefined {
  return readFile(file, (reader) => reader.event(id));
}

/** What senders were accepted with, by an inbox file. @throws Error as openSqliteReader */
export function readCertificates(file: string, sha256?: string): SeenCertificate[] {
  return readFile(file, (reader) => reader.certificates(sha256));
}

function readFile<T>(file: string, read: (reader: InboxReader) => T): T {
  const reader = openSqliteReader(file);
  try {
    return read(reader);
  } finally {
    reader.close();
  }
}

/**
 * Opens an inbox to read from, while others write to it.
 * @throws Error when there is no such file, or it is no inbox of this version
 */
export function openSqliteReader(file: string): InboxReader {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    const version = readVersion(database, file);
    if (version < SCHEMA_VERSION) {
      throw new Error(
        `${file} is an inbox of version ${version}, this program reads version ${SCHEMA_VERSION}: start an origin on it once, which brings it up to date`,
      );
    }
    return readerOf(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

export function readerOf(database: DatabaseSync): InboxReader {
  const all = database.prepare("SELECT * FROM certificate ORDER BY id");
  const bySha256 = database.prepare("SELECT * FROM certificate WHERE sha256 = ? ORDER BY id");
  const event = database.prepare(`
    SELECT event.*, seen.der, seen.intermediates
    FROM event LEFT JOIN certificate AS seen ON seen.id = event.certificate_id
    WHERE event.id = ? ORDER BY sequence LIMIT 1
  `);
  return {
    certificates: (sha256) => (sha256 === undefined ? all.all() : bySha256.all(sha256)).map(toCertificate),
    event(id) {
      const row = event.get(id);
      return row && toEvent(row);
    },
    close: () => database.close(),
  };
}

function toCertificate(row: Row): SeenCertificate {
  const { sender, subject, issuer, sha256, der } = row as Record<string, string>;
  return {
    sender: sender ?? "",
    subject: subject ?? "",
    issuer: issuer ?? "",
    sha256: sha256 ?? "",
    spkiSha256: String(row["spki_sha256"]),
    notAfter: Number(row["not_after"]),
    der: der ?? "",
    intermediates: parseText(row["intermediates"]) as string[],
    firstSeen: Number(row["first_seen"]),
    lastSeen: Number(row["last_seen"]),
  };
}

function toEvent(row: Row): StoredEvent {
  const text = (column: string) => String(row[column]);
  const facts = parseText(row["certificate"]) as StoredCertificate | null;
  const bytes = typeof row["der"] === "string" && {
    der: row["der"],
    intermediates: parseText(row["intermediates"]) as string[],
  };
  return {
    sequence: Number(row["sequence"]),
    id: text("id"),
    issuer: text("issuer"),
    jti: text("jti"),
    acceptedAt: Number(row["accepted_at"]),
    sender: text("sender"),
    request: { method: text("method"), target: text("target"), contentType: text("content_type") },
    headers: parseText(row["headers"]) as StoredEvent["headers"],
    body: row["body"] as Uint8Array,
    contentDigest: text("content_digest"),
    eventKey: row["event_key"] === null ? undefined : text("event_key"),
    certificate: facts === null ? undefined : { ...facts, ...bytes },
    factors: parseText(row["factors"]) as StoredEvent["factors"],
    reliedOnEdge: parseText(row["relied_on_edge"]) as StoredEvent["reliedOnEdge"],
    policyDigest: text("policy_digest"),
  };
}

function parseText(json: SQLOutputValue | undefined): unknown {
  return JSON.parse(String(json));
}
