// Makes deliveries without requests, for tests of the inbox alone. Also the schemas of its first two versions.

import { hash } from "node:crypto";
import type { Identity } from "../../cli/dev/authority.ts";
import type { CertificateFacts, Delivery } from "../../core/delivery/delivery.ts";
import { parseCertificate } from "../../core/x509/certificate.ts";

export interface DeliveryParts {
  readonly id: string;
  readonly sender: string;
  readonly identity?: Pick<Identity, "base64"> | undefined;
  readonly intermediates?: readonly Pick<Identity, "base64">[];
  /** Default: a key that no other event has. */
  readonly eventKey?: string | undefined;
  readonly orderKey?: string;
  readonly body?: string;
  readonly method?: string;
  readonly target?: string;
}

/** A delivery in the form that bindDelivery returns. No check is made. */
export function deliveryOf(parts: DeliveryParts): Delivery {
  const { id, sender, identity, intermediates = [], orderKey, method = "POST", target = "/hooks/acme" } = parts;
  const body = Uint8Array.from(Buffer.from(parts.body ?? `{"event":${JSON.stringify(id)}}`));
  return {
    id,
    sender,
    certificate: identity && certificateOf(identity.base64, intermediates),
    request: { method, target, contentType: "application/json" },
    headers: [["content-type", "application/json"]],
    body,
    contentDigest: `sha-256=:${hash("sha256", body, "base64")}:`,
    eventKey: "eventKey" in parts ? parts.eventKey : JSON.stringify([id]),
    orderKey,
    factors: identity === undefined ? ["hmac"] : ["mtls", "basic"],
    reliedOnEdge: identity === undefined ? [] : ["basic"],
    policyDigest: "0".repeat(64),
  } as unknown as Delivery;
}

function certificateOf(base64: string, intermediates: readonly Pick<Identity, "base64">[]): CertificateFacts {
  const { subjectText, issuerText, serial, sha256, spkiSha256, notBefore, notAfter } = parseCertificate(base64);
  return {
    ...{ subject: subjectText, issuer: issuerText, serial, sha256, spkiSha256, notBefore, notAfter },
    anchor: "root",
    der: base64,
    intermediates: intermediates.map((intermediate) => intermediate.base64),
    // `platform` is left out, not undefined, because JSON drops undefined members.
  } as unknown as CertificateFacts;
}

export const VERSION_1 = {
  schema: `
  CREATE TABLE event (
    sequence       INTEGER PRIMARY KEY,
    id             TEXT NOT NULL,
    issuer         TEXT NOT NULL,
    jti            TEXT NOT NULL,
    accepted_at    INTEGER NOT NULL,
    sender         TEXT NOT NULL,
    method         TEXT NOT NULL,
    target         TEXT NOT NULL,
    content_type   TEXT NOT NULL,
    headers        TEXT NOT NULL,
    body           BLOB NOT NULL,
    content_digest TEXT NOT NULL,
    certificate    TEXT NOT NULL,
    factors        TEXT NOT NULL,
    policy_digest  TEXT NOT NULL,
    UNIQUE (issuer, jti)
  ) STRICT;
  PRAGMA user_version = 1;
`,
  insert: `
  INSERT INTO event (id, issuer, jti, accepted_at, sender, method, target, content_type, headers, body,
                     content_digest, certificate, factors, policy_digest)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (issuer, jti) DO NOTHING
`,
};

/** Version 2: its changes to the schema of version 1, and its insert. */
export const VERSION_2 = {
  schema: `
  ALTER TABLE event ADD COLUMN event_key TEXT;
  ALTER TABLE event ADD COLUMN relied_on_edge TEXT NOT NULL DEFAULT '[]';
  ALTER TABLE event ADD COLUMN certificate_id INTEGER;
  CREATE TABLE certificate (
    id            INTEGER PRIMARY KEY,
    sender        TEXT NOT NULL,
    sha256        TEXT NOT NULL,
    spki_sha256   TEXT NOT NULL,
    issuer        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    not_after     INTEGER NOT NULL,
    der           TEXT NOT NULL,
    intermediates TEXT NOT NULL,
    first_seen    INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL,
    UNIQUE (sender, sha256, intermediates)
  ) STRICT;
  PRAGMA user_version = 2;
`,
  insert: `
  INSERT INTO event (id, issuer, jti, accepted_at, sender, method, target, content_type, headers, body, content_digest,
                     event_key, certificate, certificate_id, factors, relied_on_edge, policy_digest)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (issuer, jti) DO NOTHING
`,
};
