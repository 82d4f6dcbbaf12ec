// Refused requests, kept for the operator: apart from the events, and bounded. They hold no body, no header and no query.

import type { LogLine } from "../../../core/log-line.ts";
import type { ClientCertificate } from "../../../core/x509/client-certificate.ts";

/** What is known of a refused request beside its log line. */
export interface RefusedFacts {
  /** Undefined if the line alone says where the request went. */
  readonly url: string | undefined;
  readonly likelySender: string | undefined;
  readonly certificate: ClientCertificate | undefined;
}

/** A certificate that a refused request presented. Nothing of it is proven. */
export interface RefusedCertificate {
  /** Of the leaf, in hex. */
  readonly sha256: string;
  /** Base64 DER, as presented. */
  readonly der: string;
  readonly intermediates: readonly string[];
}

/** One refused request or connection. */
export interface RefusedRequest {
  /** Unix milliseconds. */
  readonly at: number;
  /** The decision id, as in the log line and in the answer. Empty for a connection that brought no request. */
  readonly id: string;
  /** The code of the log line. `handshake` for a TLS handshake that failed. */
  readonly code: string;
  /** The route of the policy. Empty if none is known. */
  readonly route: string;
  /**
   * The sender for which a factor has passed, that the edge's assertion names, or to whose entries a proven certificate came
   * nearest. Empty if none is known.
   */
  readonly sender: string;
  readonly peer: string | undefined;
  readonly method: string | undefined;
  /** Without its query. */
  readonly target: string | undefined;
  /** The log line, bounded, with `at` and `level`. */
  readonly line: LogLine;
  readonly certificate: RefusedCertificate | undefined;
}

/** How many requests were refused with a code in an hour. */
export interface HourlyRefusals {
  /** The beginning of the hour, in Unix seconds. */
  readonly hour: number;
  readonly code: string;
  readonly refusals: number;
}

/** A stored refusal, as a list shows it. */
export interface KeptRefusal extends Omit<RefusedRequest, "certificate"> {
  readonly sequence: number;
  /** Of the leaf. Undefined if no certificate was presented, or none that can be read. */
  readonly certificateSha256: string | undefined;
}

export interface RefusalFilter {
  readonly code?: string | undefined;
  readonly sender?: string | undefined;
  /** As in the policy. */
  readonly route?: string | undefined;
  /** The decision id. */
  readonly id?: string | undefined;
  /** Unix seconds: `since` inclusive, `until` exclusive. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly limit: number;
}

/** Where to continue: after the refusal with this time and number. */
export interface RefusalCursor {
  readonly at: number;
  readonly sequence: number;
}

export interface RefusalPage {
  /** The newest first. */
  readonly refusals: readonly KeptRefusal[];
  /** Undefined if there are no more. */
  readonly next: RefusalCursor | undefined;
}

export interface RefusalReader {
  page(filter: RefusalFilter, cursor?: RefusalCursor): Promise<RefusalPage>;
  /** One refusal with the certificate that it presented, if that is still kept. */
  find(sequence: number): Promise<(KeptRefusal & Pick<RefusedRequest, "certificate">) | undefined>;
  /** Every refusal of these hours, also those that are not kept. Unix seconds: `since` inclusive, `until` exclusive. */
  perHour(since: number, until: number): Promise<HourlyRefusals[]>;
}

/** Limits of what is kept. */
export interface RefusalLimits {
  readonly refusals: number;
  /** Of their lines. */
  readonly bytes: number;
  /** Of the certificates. */
  readonly certificateBytes: number;
}

/** How much is kept. */
export interface RefusalStock {
  readonly refusals: number;
  /** Lines and certificates. */
  readonly bytes: number;
}

/** What is written together. */
export interface RefusalBatch {
  readonly refused: readonly RefusedRequest[];
  readonly counts: readonly HourlyRefusals[];
}

export interface RefusalStore extends RefusalReader {
  /**
   * Writes a batch, then deletes the oldest refusals of the largest shares until the limits hold, but only a number of them at a
   * time. Returns how many were deleted.
   */
  add(batch: RefusalBatch, limits: RefusalLimits): Promise<number>;
  stock(): Promise<RefusalStock>;
}
