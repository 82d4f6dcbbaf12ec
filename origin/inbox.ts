// The durable inbox: where an event is before its sender is told that it arrived, and what its sender presented.

import type { Factor } from "../core/candidate.ts";
import type { CertificateFacts, RequestFacts } from "../core/delivery.ts";
import type { AcceptDelivery } from "./authenticate-options.ts";

/** A certificate that a sender was accepted with, and what came with it. Names as in CertificateFacts, times in Unix seconds. */
export interface SeenCertificate {
  readonly sender: string;
  readonly subject: string;
  readonly issuer: string;
  readonly sha256: string;
  readonly spkiSha256: string;
  readonly notAfter: number;
  /** Base64 DER, as presented. */
  readonly der: string;
  readonly intermediates: readonly string[];
  readonly firstSeen: number;
  /** At most an hour before the last event that came with it. */
  readonly lastSeen: number;
}

/** The bytes are missing only when somebody deleted them from the file. */
export type StoredCertificate = Omit<CertificateFacts, "der" | "intermediates"> &
  Partial<Pick<CertificateFacts, "der" | "intermediates">>;

/** An accepted event, as it was stored. */
export interface StoredEvent {
  readonly sequence: number;
  readonly id: string;
  readonly issuer: string;
  readonly jti: string;
  /** Unix seconds. */
  readonly acceptedAt: number;
  readonly sender: string;
  readonly request: RequestFacts;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  readonly contentDigest: string;
  readonly eventKey: string | undefined;
  /** Undefined for a sender whose policy required none. */
  readonly certificate: StoredCertificate | undefined;
  readonly factors: readonly Factor[];
  readonly reliedOnEdge: readonly Factor[];
  readonly policyDigest: string;
}

/** A sender that was known presented what it never presented before. It was accepted all the same. */
export interface FirstSight {
  readonly what: "new key" | "new issuer" | "new intermediate";
  readonly sender: string;
  /** The event that brought it. */
  readonly id: string;
  /** What the sender presented last, and since when, in Unix seconds. */
  readonly old: string;
  readonly since: number;
  readonly new: string;
}

export interface InboxReader {
  /** Everything that senders were accepted with, in the order in which it was first seen; of one fingerprint when it is given. */
  certificates(sha256?: string): SeenCertificate[];
  /** The event of this id; the first of them, if an edge was answered too late and delivered it again. */
  event(id: string): StoredEvent | undefined;
  close(): void;
}

export interface Inbox extends InboxReader {
  /** One transaction, committed to disk when it returns: acceptance and replay check at once. */
  readonly accept: AcceptDelivery;
  /** Events stored. */
  count(): number;
}
