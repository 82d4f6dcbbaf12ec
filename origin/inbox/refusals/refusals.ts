// The types for refused requests that are kept for the operator. Refused requests are stored apart from the events, and their
// number is limited. A stored refusal holds no body, no header and no query.

import type { LogLine } from "../../../core/log-line.ts";
import type { ClientCertificate } from "../../../core/x509/client-certificate.ts";

/** The facts about a refused request that are not in its log line. */
export interface RefusedFacts {
  /** The URL of the request. If it is undefined, the target is taken from the log line. */
  readonly url: string | undefined;
  readonly likelySender: string | undefined;
  readonly certificate: ClientCertificate | undefined;
}

/** A certificate that a refused request presented. Nothing about it is proven. */
export interface RefusedCertificate {
  /** The SHA-256 digest of the leaf, in hex. */
  readonly sha256: string;
  /** The leaf in base64 DER, as presented. */
  readonly der: string;
  readonly intermediates: readonly string[];
}

/** One refused request or connection. */
export interface RefusedRequest {
  /** The time of the refusal in Unix milliseconds. */
  readonly at: number;
  /** The decision id, as in the log line and in the response. Empty for a connection that sent no request. */
  readonly id: string;
  /** The code of the log line, or `handshake` for a TLS handshake that failed. */
  readonly code: string;
  /** The route of the policy. Empty if none is known. */
  readonly route: string;
  /**
   * The likely sender: a factor passed for this sender, or the edge's assertion names it, or a policy entry of this sender comes
   * nearest to the proven certificate. Empty if no sender is known.
   */
  readonly sender: string;
  readonly peer: string | undefined;
  readonly method: string | undefined;
  /** The target without its query. */
  readonly target: string | undefined;
  /** The log line, of limited size, with `at` and `level`. */
  readonly line: LogLine;
  readonly certificate: RefusedCertificate | undefined;
}

/** The number of requests that were refused with a code in one hour. */
export interface HourlyRefusals {
  /** The beginning of the hour, in Unix seconds. */
  readonly hour: number;
  readonly code: string;
  readonly refusals: number;
}

/** A stored refusal, as a `RefusalPage` contains it. */
export interface KeptRefusal extends Omit<RefusedRequest, "certificate"> {
  readonly sequence: number;
  /** The digest of the leaf. Undefined if no certificate was presented, or if it cannot be read. */
  readonly certificateSha256: string | undefined;
}

export interface RefusalFilter {
  readonly code?: string | undefined;
  readonly sender?: string | undefined;
  /** The route as in the policy. */
  readonly route?: string | undefined;
  /** The decision id. */
  readonly id?: string | undefined;
  /** The times in Unix seconds: `since` inclusive, `until` exclusive. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly limit: number;
}

/** The place at which to continue: after the refusal with this time and this sequence. */
export interface RefusalCursor {
  readonly at: number;
  readonly sequence: number;
}

export interface RefusalPage {
  /** The refusals, the newest first. */
  readonly refusals: readonly KeptRefusal[];
  /** Undefined if there are no more refusals. */
  readonly next: RefusalCursor | undefined;
}

export interface RefusalReader {
  page(filter: RefusalFilter, cursor?: RefusalCursor): Promise<RefusalPage>;
  /** Returns one refusal, with the certificate of the refused request if this certificate is still kept. */
  find(sequence: number): Promise<(KeptRefusal & Pick<RefusedRequest, "certificate">) | undefined>;
  /**
   * Returns the numbers of all refusals by hour and code, including refusals that are not kept. Times are in Unix seconds: `since`
   * inclusive, `until` exclusive.
   */
  perHour(since: number, until: number): Promise<HourlyRefusals[]>;
}

/** The limits of the stored refusals. */
export interface RefusalLimits {
  readonly refusals: number;
  /** The limit for the bytes of the log lines. */
  readonly bytes: number;
  /** The limit for the bytes of the certificates. */
  readonly certificateBytes: number;
}

/** The amounts of stored refusals. */
export interface RefusalStock {
  readonly refusals: number;
  /** The bytes of log lines and certificates together. */
  readonly bytes: number;
}

/** Refusals and counts that are written together. */
export interface RefusalBatch {
  readonly refused: readonly RefusedRequest[];
  readonly counts: readonly HourlyRefusals[];
}

export interface RefusalStore extends RefusalReader {
  /**
   * Writes a batch. Then deletes refusals until the limits hold, but only a limited number in one call. shares.ts decides which
   * refusals are deleted. Returns how many were deleted.
   */
  add(batch: RefusalBatch, limits: RefusalLimits): Promise<number>;
  stock(): Promise<RefusalStock>;
}
