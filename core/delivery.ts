// Delivery: one event of one admitted sender, bound to its bytes. What handlers get, and what the assertion signs.

import { hash } from "node:crypto";
import { describeCertificate } from "./admit.ts";
import type { AdmittedSender, Certified, Factor } from "./candidate.ts";
import type { PlatformVerdict } from "./presented-certificate.ts";
import { Refusal } from "./refusal.ts";

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
  /**
   * In base64 DER: the certificate, and its intermediates from there upwards. At an origin they are those that an anchor of the sender
   * vouches for; at an edge, or where the platform alone is asked, all that were presented, in the sender's order.
   */
  readonly der: string;
  readonly intermediates: readonly string[];
}

/** The request as the sender sent it; behind the edge, as the edge signed it. */
export interface RequestFacts {
  readonly method: string;
  /** Path and query as the sender sent them. */
  readonly target: string;
  /** Empty when the sender named none. */
  readonly contentType: string;
}

declare const bound: unique symbol;

/** An event whose sender is admitted and whose bytes are digested. Only bindDelivery makes one; restoreDelivery repeats it. */
export interface Delivery {
  readonly [bound]: true;
  /** The event's id: the same on every attempt to deliver it, and the decision id in every log. */
  readonly id: string;
  /** The sender's name in the policy. */
  readonly sender: string;
  /** Undefined for a sender whose policy requires no certificate. */
  readonly certificate: CertificateFacts | undefined;
  readonly request: RequestFacts;
  /** The forwarded headers, lower-case names; behind the edge, those that it signed. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array<ArrayBuffer>;
  /** RFC 9530 Content-Digest of the body: `sha-256=:…:`. */
  readonly contentDigest: string;
  /** What the policy's `eventKey` reads: the same on the sender's own retries. Undefined where there is none. */
  readonly eventKey: string | undefined;
  /** What the policy's `orderKey` reads: the sender's events with the same one are handled in order, one at a time. */
  readonly orderKey: string | undefined;
  /** The factors that the sender's policy requires; all of them passed. */
  readonly factors: readonly Factor[];
  /** Of the factors, those that the edge checked and this program did not: without their secrets it takes the edge's word. */
  readonly reliedOnEdge: readonly Factor[];
  /** Digest of the policy that admitted the sender. */
  readonly policyDigest: string;
}

/** Read from headers and body, and kept beside the record by who needs them: an edge does not. */
export type EventKeys = Pick<Delivery, "eventKey" | "orderKey">;

const NO_KEYS: EventKeys = { eventKey: undefined, orderKey: undefined };

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

export type ReceivedEvent = Pick<Delivery, "id" | "request" | "headers" | "policyDigest"> & {
  readonly body: DigestedBody;
};

/** Binds an admitted sender to the request and the bytes it sent. `keys`: of who keeps events by them; the edge does not. */
export function bindDelivery(admitted: AdmittedSender, event: ReceivedEvent, keys: EventKeys = NO_KEYS): Delivery {
  const { sender, certified, factors, reliedOnEdge } = admitted;
  const { id, request, headers, body, policyDigest } = event;
  return {
    id,
    sender: sender.name,
    certificate: certified && factsOf(certified),
    request,
    headers,
    body: body.bytes,
    contentDigest: body.contentDigest,
    eventKey: keys.eventKey,
    orderKey: keys.orderKey,
    factors,
    reliedOnEdge,
    policyDigest,
  } as unknown as Delivery;
}

/** What a program keeps of a delivery beside its bytes: plain values, the same after JSON. */
export type DeliveryRecord = Omit<Delivery, typeof bound | "body" | keyof EventKeys>;

export function recordDelivery(delivery: Delivery): DeliveryRecord {
  const { id, sender, certificate, request, headers, contentDigest, factors, reliedOnEdge, policyDigest } = delivery;
  return { id, sender, certificate, request, headers, contentDigest, factors, reliedOnEdge, policyDigest };
}

/**
 * The delivery that this program recorded, with its bytes again. Takes the record's word for who sent it: only for what the
 * program wrote itself and nobody else can write.
 * @throws Refusal `body_mismatch` for other bytes
 */
export function restoreDelivery(record: DeliveryRecord, body: DigestedBody, keys: EventKeys = NO_KEYS): Delivery {
  if (body.contentDigest !== record.contentDigest) {
    throw new Refusal("body_mismatch", { recorded: record.contentDigest, stored: body.contentDigest });
  }
  return { ...record, eventKey: keys.eventKey, orderKey: keys.orderKey, body: body.bytes } as unknown as Delivery;
}

function factsOf({ certificate, proof }: Certified): CertificateFacts {
  const { leaf, intermediates, platform } = certificate;
  return {
    ...describeCertificate(certificate),
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
    anchor: proof.anchor,
    platform,
    der: leaf.base64,
    intermediates: intermediates.map(({ base64 }) => base64),
  };
}

/** The RFC 9530 field value over exactly these bytes, or those of a text in UTF-8. */
export function formatContentDigest(content: Uint8Array | string): string {
  return `sha-256=:${hash("sha256", content, "base64")}:`;
}
