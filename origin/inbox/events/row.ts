// Converts rows of an inbox to values. SQLite and PostgreSQL use the same column names. In both, lists and objects are stored as
// JSON texts.

import { MAX_WATCHED_CERTIFICATES } from "../../../core/wire.ts";
import type { EventState, EventWork, ListedEvent, SeenCertificate, StoredCertificate, StoredEvent } from "../inbox.ts";

export type Row = Readonly<Record<string, unknown>>;

/** The columns of an event with the bytes of its certificate and with its work, but without the body. */
export const EVENT_COLUMNS = `
  event.sequence, event.id, event.issuer, event.jti, event.accepted_at, event.sender, event.method, event.target,
  event.content_type, event.headers, event.content_digest, event.event_key, event.order_key, event.certificate, event.factors,
  event.relied_on_edge, event.policy_digest, seen.der, seen.intermediates,
  work.state, work.attempts, work.due_at, work.changed_at, work.reason, work.has_conflict, work.duplicates, work.reruns`;
/**
 * The columns for `toShownEvent`, including `body_bytes`. Columns that may be large are left out, so that a list does not read
 * them.
 */
export const SHOWN_COLUMNS = `
  event.sequence, event.id, event.accepted_at, event.sender, event.method, event.target, event.content_type, event.event_key,
  event.order_key, coalesce(length(event.body), 0) AS body_bytes,
  work.state, work.attempts, work.due_at, work.changed_at, work.reason, work.has_conflict, work.duplicates, work.reruns`;
export const EVENT_TABLES = `
  event JOIN work ON work.sequence = event.sequence LEFT JOIN certificate AS seen ON seen.id = event.certificate_id`;

/** The columns that `toCertificate` needs. */
export const CERTIFICATE_COLUMNS =
  "sender, subject, issuer, sha256, spki_sha256, not_after, der, intermediates, first_seen, last_seen";

/** The order and the limit for the certificates of one sender: the certificates that were seen last come first. */
export const LATEST_FIRST = `ORDER BY last_seen DESC, id DESC LIMIT ${MAX_WATCHED_CERTIFICATES}`;

/** Converts a row of `EVENT_COLUMNS` with `body_bytes`. */
export function toListedEvent(row: Row): Omit<StoredEvent, "body"> & EventWork & { readonly bodyBytes: number } {
  return { ...toReadableFacts(row), ...toWork(row), bodyBytes: Number(row["body_bytes"]) };
}

/** Converts a row of `SHOWN_COLUMNS`. */
export function toShownEvent(row: Row): ListedEvent {
  const { sequence, id, acceptedAt, sender, request, eventKey, orderKey } = toKnownFacts(row);
  return {
    ...{ sequence, id, acceptedAt, sender, request, eventKey, orderKey },
    ...toWork(row),
    bodyBytes: Number(row["body_bytes"]),
  };
}

/**
 * Returns the facts of an event. If its row is damaged, all facts that are stored as JSON are left empty. So a list can still show
 * this event and all other events.
 */
function toReadableFacts(row: Row): Omit<StoredEvent, "body"> {
  try {
    return toFacts(row);
  } catch {
    return toFacts({
      ...row,
      ...{ headers: "[]", certificate: "null", der: null, factors: "[]", relied_on_edge: "[]" },
    });
  }
}

export function toCertificate(row: Row): SeenCertificate {
  const text = (column: string) => String(row[column]);
  return {
    sender: text("sender"),
    subject: text("subject"),
    issuer: text("issuer"),
    sha256: text("sha256"),
    spkiSha256: text("spki_sha256"),
    notAfter: Number(row["not_after"]),
    der: text("der"),
    intermediates: parseText(row["intermediates"]) as string[],
    firstSeen: Number(row["first_seen"]),
    lastSeen: Number(row["last_seen"]),
  };
}

/** Returns the facts that are not stored as JSON. They can be read even if the row is damaged. */
function toKnownFacts(row: Row) {
  const text = (column: string) => String(row[column]);
  return {
    sequence: Number(row["sequence"]),
    id: text("id"),
    acceptedAt: Number(row["accepted_at"]),
    sender: text("sender"),
    request: { method: text("method"), target: text("target"), contentType: text("content_type") },
    eventKey: row["event_key"] === null ? undefined : text("event_key"),
    orderKey: row["order_key"] === null ? undefined : text("order_key"),
  };
}

/** Returns the event without its body. */
function toFacts(row: Row): Omit<StoredEvent, "body"> {
  const text = (column: string) => String(row[column]);
  const facts = parseText(row["certificate"]) as StoredCertificate | null;
  const bytes = typeof row["der"] === "string" && {
    der: row["der"],
    intermediates: parseText(row["intermediates"]) as string[],
  };
  return {
    ...toKnownFacts(row),
    issuer: text("issuer"),
    jti: text("jti"),
    headers: parseText(row["headers"]) as StoredEvent["headers"],
    contentDigest: text("content_digest"),
    certificate: facts === null ? undefined : { ...facts, ...bytes },
    factors: parseText(row["factors"]) as StoredEvent["factors"],
    reliedOnEdge: parseText(row["relied_on_edge"]) as StoredEvent["reliedOnEdge"],
    policyDigest: text("policy_digest"),
  };
}

export function toEvent(row: Row): StoredEvent {
  return { ...toFacts(row), body: (row["body"] ?? undefined) as StoredEvent["body"] };
}

export function toWork(row: Row): EventWork {
  const changedAt = Number(row["changed_at"]);
  const isFinished = row["due_at"] === null;
  return {
    state: row["state"] as EventState,
    attempts: Number(row["attempts"]),
    dueAt: isFinished ? changedAt : Number(row["due_at"]),
    reason: row["reason"] === null ? undefined : String(row["reason"]),
    finishedAt: isFinished ? Math.floor(changedAt / 1000) : undefined,
    hasConflict: Boolean(row["has_conflict"]),
    duplicates: Number(row["duplicates"]),
    reruns: Number(row["reruns"]),
  };
}

function parseText(json: unknown): unknown {
  return JSON.parse(String(json));
}
