// Delivery: one event of one admitted sender, bound to its bytes. What handlers get, and what the assertion signs.

import { hash } from "node:crypto";
import { type AdmittedSender, describeCertificate } from "./admit.ts";
import type { PlatformVerdict } from "./presented-certificate.ts";

/** The sender's certificate as it was proven. Names in canonical RFC 4514; digests and serial in hex; times in Unix seconds. */
export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly sha256: string;
  readonly spkiSha256: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** The anchor of the policy that proved it; undefined when the platform alone was asked. */
  readonly anchor: string | undefined;
  readonly platform: PlatformVerdict | undefined;
}

export interface RequestFacts {
  readonly method: string;
  /** Path and query as the sender sent them. */
  readonly target: string;
  /** Empty when the sender named none. */
  readonly contentType: string;
}

declare const bound: unique symbol;

/** An event whose sender is admitted and whose bytes are digested. Only bindDelivery makes one. */
export interface Delivery {
  readonly [bound]: true;
  /** The event's id: the same on every attempt to deliver it, and the decision id in every log. */
  readonly id: string;
  /** The sender's name in the policy. */
  readonly sender: string;
  readonly certificate: CertificateFacts;
  readonly request: RequestFacts;
  /** The forwarded headers, lower-case names. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array<ArrayBuffer>;
  /** RFC 9530 Content-Digest of the body: `sha-256=:…:`. */
  readonly contentDigest: string;
  /** Factors that passed (RFC 8176 style): `mtls`. */
  readonly factors: readonly string[];
  /** Digest of the policy that admitted the sender. */
  readonly policyDigest: string;
}

declare const digested: unique symbol;

/** Bytes and their digest: hashed once, however often they are compared. Only digestBody makes one. */
export interface DigestedBody {
  readonly [digested]: true;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** RFC 9530 Content-Digest. */
  readonly contentDigest: string;
}

export function digestBody(bytes: Uint8Array<ArrayBuffer>): DigestedBody {
  return { bytes, contentDigest: formatContentDigest(bytes) } as unknown as DigestedBody;
}

/** Binds an admitted sender to the request and the bytes it sent. */
export function bindDelivery(
  admitted: AdmittedSender,
  event: Pick<Delivery, "id" | "request" | "headers" | "policyDigest"> & { readonly body: DigestedBody },
): Delivery {
  const { sender, certificate, proof } = admitted;
  const { id, request, headers, body, policyDigest } = event;
  const delivery = {
    id,
    sender: sender.name,
    certificate: {
      ...describeCertificate(certificate),
      notBefore: certificate.leaf.notBefore,
      notAfter: certificate.leaf.notAfter,
      anchor: proof.anchor,
      platform: certificate.platform,
    },
    request,
    headers,
    body: body.bytes,
    contentDigest: body.contentDigest,
    factors: ["mtls"],
    policyDigest,
  };
  return delivery as unknown as Delivery;
}

/** The RFC 9530 field value over exactly these bytes. */
export function formatContentDigest(body: Uint8Array): string {
  return `sha-256=:${hash("sha256", body, "base64")}:`;
}
