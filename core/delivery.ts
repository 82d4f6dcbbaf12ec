// Delivery: one event of one admitted sender, bound to its bytes. What handlers get, and what the assertion signs.

import { hash } from "node:crypto";
import { describeCertificate } from "./admit.ts";
import type { AdmittedSender, Certified, Factor } from "./candidate.ts";
import { type EventKeyReading, readEventKey } from "./event-key.ts";
import type { EventKeyRule } from "./policy.ts";
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
  /** As presented, in base64 DER: the certificate, and the intermediates in the sender's order. */
  readonly der: string;
  readonly intermediates: readonly string[];
}

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
  /** The forwarded headers, lower-case names. */
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
  const { sender, certified, factors, reliedOnEdge } = admitted;
  const { id, request, headers, body, policyDigest } = event;
  const readKey = (rule: EventKeyRule | undefined) => rule && readEventKey(rule, headers, body.bytes);
  let eventKey: { readonly is: EventKeyReading | undefined } | undefined;
  let orderKey: { readonly is: EventKeyReading | undefined } | undefined;
  const delivery = {
    id,
    sender: sender.name,
    certificate: certified && factsOf(certified),
    request,
    headers,
    body: body.bytes,
    contentDigest: body.contentDigest,
    factors,
    reliedOnEdge,
    policyDigest,
    // Read when asked for: the edge never does.
    get eventKey() {
      eventKey ??= { is: readKey(sender.eventKey) };
      return eventKey.is?.key;
    },
    get orderKey() {
      orderKey ??= { is: readKey(sender.orderKey) };
      return orderKey.is?.key;
    },
  };
  unread.set(delivery, () => ({
    ...(eventKey?.is?.problem !== undefined && { eventKey: eventKey.is.problem }),
    ...(orderKey?.is?.problem !== undefined && { orderKey: orderKey.is.problem }),
  }));
  return delivery as unknown as Delivery;
}

/** By delivery: it is told in a log, and no handler asks for it. */
const unread = new WeakMap<object, () => UnreadKeys>();

/** Why the event has no such key, though the sender's policy names one. */
export type UnreadKeys = { readonly [key in keyof EventKeys]?: string };

/** Of the keys that were asked for so far. */
export function unreadKeysOf(delivery: Delivery): UnreadKeys {
  return unread.get(delivery)?.() ?? {};
}

/** What a program keeps of a delivery beside its bytes: plain values, the same after JSON. */
export type DeliveryRecord = Omit<Delivery, typeof bound | "body" | keyof EventKeys>;

/** Read from headers and body, and kept beside the record by who needs them: an edge does not. */
export type EventKeys = Pick<Delivery, "eventKey" | "orderKey">;

const NO_KEYS: EventKeys = { eventKey: undefined, orderKey: undefined };

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

/** The RFC 9530 field value over exactly these bytes. */
export function formatContentDigest(body: Uint8Array): string {
  return `sha-256=:${hash("sha256", body, "base64")}:`;
}
