// Makes deliveries without requests, for tests of the inbox alone.

import { hash } from "node:crypto";
import type { Identity } from "../../cli/dev/authority.ts";
import type { CertificateFacts, Delivery } from "../../core/delivery/delivery.ts";
import { parseCertificate } from "../../core/x509/certificate.ts";

export interface DeliveryParts {
  readonly id: string;
  readonly sender: string;
  readonly identity?: Pick<Identity, "base64"> | undefined;
  readonly intermediates?: readonly Pick<Identity, "base64">[];
  /** The event key. Default: a key that no other event has. */
  readonly eventKey?: string | undefined;
  readonly orderKey?: string;
  readonly body?: string;
  readonly method?: string;
  readonly target?: string;
}

/** Makes a delivery in the form that bindDelivery() returns, without any check. */
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
