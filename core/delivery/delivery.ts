// A delivery is one event of one admitted sender, bound to the bytes of the body. Handlers receive the delivery, and the assertion
// signs it.

import type { AdmittedSender, Certified, Factor } from "../admission/candidate.ts";
import { sha256 } from "../crypto.ts";
import { Refusal } from "../refusal.ts";
import type { PlatformVerdict } from "../x509/client-certificate.ts";
import { describeCertificate } from "../x509/client-certificate.ts";

/** The facts of a proven certificate. Names are in canonical RFC 4514, digests and serial in hex, times in Unix seconds. */
export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly sha256: string;
  readonly spkiSha256: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** The name of the anchor that proved the certificate. Undefined if only the verdict of the platform (Cloudflare) was used. */
  readonly anchor: string | undefined;
  readonly platform: PlatformVerdict | undefined;
  /** Base64 DER of the certificate. */
  readonly der: string;
  /**
   * Base64 DER of presented intermediates. An origin keeps only the intermediates that an anchor of the sender certified, from the
   * leaf's issuer upwards. An edge keeps all intermediates, in the sender's order. If only the platform's verdict is used, an
   * origin keeps all of them too.
   */
  readonly intermediates: readonly string[];
}

/** The request as the sender sent it. Behind the edge, it is the request that the edge signed. */
export interface RequestFacts {
  readonly method: string;
  /** Path and query as the sender sent them. If the route of the policy names a host, `//host` comes first. */
  readonly target: string;
  /** Empty if the request had no Content-Type. */
  readonly contentType: string;
}

declare const bound: unique symbol;

/**
 * An event whose sender is admitted and whose body is digested. Only `bindDelivery` makes a delivery from a request.
 * `restoreDelivery` makes the same delivery again from the store.
 */
export interface Delivery {
  readonly [bound]: true;
  /**
   * The event's id. It is the same on every delivery attempt. It is the id of the decision that accepted the event: at the edge, or
   * at an origin without an edge.
   */
  readonly id: string;
  /** The sender's name in the policy. */
  readonly sender: string;
  /** Undefined if the sender's policy requires no certificate. */
  readonly certificate: CertificateFacts | undefined;
  readonly request: RequestFacts;
  /** The forwarded headers, with lower-case names. Behind the edge, they are only the headers that the edge signed. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array<ArrayBuffer>;
  /** RFC 9530 Content-Digest of the body: `sha-256=:…:`. */
  readonly contentDigest: string;
  /** The value that the policy's `eventKey` reads. It is the same when the sender retries. Undefined if the event has none. */
  readonly eventKey: string | undefined;
  /**
   * The value that the policy's `orderKey` reads. If events have the same sender and the same value, they are handled in order, one
   * at a time.
   */
  readonly orderKey: string | undefined;
  /** The factors that the sender's policy requires. All of them passed. */
  readonly factors: readonly Factor[];
  /** The factors that only the edge checked. This program did not check them, because it does not hold their secrets. */
  readonly reliedOnEdge: readonly Factor[];
  /** Digest of the policy that admitted the sender. */
  readonly policyDigest: string;
}

/**
 * The event key and the order key, which are read from headers and body. A DeliveryRecord does not hold them, because an edge does
 * not need them.
 */
export type EventKeys = Pick<Delivery, "eventKey" | "orderKey">;

const NO_KEYS: EventKeys = { eventKey: undefined, orderKey: undefined };

declare const digested: unique symbol;

/** Bytes with their digest, which is computed only once. Only `digestBody` makes such an object. */
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

/**
 * Binds an admitted sender to the request and the bytes that it sent. Only an origin passes `keys`, because an edge does not read
 * the keys of an event.
 */
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

/** The parts of a delivery that a program stores besides the body. They are plain values that JSON does not change. */
export type DeliveryRecord = Omit<Delivery, typeof bound | "body" | keyof EventKeys>;

export function recordDelivery(delivery: Delivery): DeliveryRecord {
  const { id, sender, certificate, request, headers, contentDigest, factors, reliedOnEdge, policyDigest } = delivery;
  return { id, sender, certificate, request, headers, contentDigest, factors, reliedOnEdge, policyDigest };
}

/**
 * Makes the delivery again from its record and its body. Does not check who sent it, so the record must be one that this program
 * wrote and nobody else can write.
 * @throws Refusal `body_mismatch` if the record has the digest of a different body
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

/** Returns the RFC 9530 field value for exactly these bytes. A text is encoded in UTF-8. */
export function formatContentDigest(content: Uint8Array | string): string {
  return `sha-256=:${sha256(content, "base64")}:`;
}
