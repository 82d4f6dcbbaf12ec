// Deliveries without requests, for tests of the inbox alone, and the schema of its first version.

import { hash } from "node:crypto";
import type { Identity } from "../../cli/authority.ts";
import { parseCertificate } from "../../core/certificate.ts";
import type { CertificateFacts, Delivery } from "../../core/delivery.ts";

export interface DeliveryParts {
  readonly id: string;
  readonly sender: string;
  readonly identity?: Pick<Identity, "base64"> | undefined;
  readonly intermediates?: readonly Pick<Identity, "base64">[];
}

/** A delivery as bindDelivery makes it, without the checks before. */
export function deliveryOf({ id, sender, identity, intermediates = [] }: DeliveryParts): Delivery {
  const body = Uint8Array.from(Buffer.from(`{"event":${JSON.stringify(id)}}`));
  return {
    id,
    sender,
    certificate: identity && certificateOf(identity.base64, intermediates),
    request: { method: "POST", target: "/hooks/acme", contentType: "application/json" },
    headers: [["content-type", "application/json"]],
    body,
    contentDigest: `sha-256=:${hash("sha256", body, "base64")}:`,
    eventKey: JSON.stringify([id]),
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
    // Without `platform`: JSON has no member without a value.
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
