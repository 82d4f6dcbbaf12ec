// The evidence of a request, and the senders that the request may come from. This file contains only types.

import type { Sender } from "../policy/policy.ts";
import type { Refusal } from "../refusal.ts";
import type { SignatureKey, SignatureKeys } from "../signature/verify.ts";
import type { Proof, TrustContext } from "../trust/verify.ts";
import type { ClientCertificate } from "../x509/client-certificate.ts";
import type { Credential } from "./credential.ts";

/**
 * A factor that passed (names in the style of RFC 8176): certificate, HMAC or Ed25519 signature of the body, Basic credentials, a
 * token in a header or in the body.
 */
export type Factor = "mtls" | "hmac" | "ed25519" | "basic" | "token";

/**
 * The parsed secrets of one sender. `signature`, `basic` and `token` are undefined if the sender's policy does not require the
 * factor, or if the edge checks the factor for this origin.
 */
export interface SenderSecrets {
  readonly signature: SignatureKeys | undefined;
  readonly basic: readonly Credential[] | undefined;
  readonly token: readonly Credential[] | undefined;
  /** The token or key of the sender's handshake. */
  readonly handshake: SignatureKey | undefined;
}

/** The secrets of each sender. A sender that is not in the map has no secrets. */
export type Secrets = ReadonlyMap<Sender, SenderSecrets>;

/** Everything that decides who sent a request, except the body. */
export interface Evidence {
  /** The certificate, or the Refusal that says why there is none. Undefined if no sender of the route needs one. */
  readonly certificate: ClientCertificate | Refusal | undefined;
  readonly headers: Headers;
  readonly facts: TrustContext;
  readonly secrets: Secrets;
  /**
   * The time in Unix seconds at which the request reached the first Countersign program: the edge or, without an edge, the origin.
   * The timestamps of signatures are compared with this time.
   */
  readonly receivedAt: number;
}

export interface Certified {
  readonly certificate: ClientCertificate;
  readonly proof: Proof;
}

/** A sender that may have sent the request, according to the checks so far. */
export interface Candidate {
  readonly sender: Sender;
  /** Undefined for a sender that needs no certificate. */
  readonly certified: Certified | undefined;
  readonly factors: readonly Factor[];
  /** The factors that the edge checked and this program did not. */
  readonly reliedOnEdge: readonly Factor[];
}

declare const admitted: unique symbol;

/**
 * A sender that may call the route, because every factor that its policy names has passed. Only admitBySignature, the last step,
 * makes such an object.
 */
export interface AdmittedSender extends Candidate {
  readonly [admitted]: true;
}
