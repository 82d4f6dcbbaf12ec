// What a request shows of its sender, and the senders that it may be from. Types alone: admit.ts makes the values.

import type { BasicCredential } from "./basic.ts";
import type { Sender } from "./policy.ts";
import type { ClientCertificate } from "./presented-certificate.ts";
import type { Refusal } from "./refusal.ts";
import type { SignatureKeys } from "./signature.ts";
import type { Proof, TrustFacts } from "./trust.ts";

/** A factor that passed (RFC 8176 style): client certificate, HMAC or Ed25519 signature of the body, Basic credentials. */
export type Factor = "mtls" | "hmac" | "ed25519" | "basic";

/** The secrets of one sender, read. Undefined is what its policy does not ask for, or what an origin leaves to its edge. */
export interface SenderSecrets {
  readonly signature: SignatureKeys | undefined;
  readonly basic: readonly BasicCredential[] | undefined;
}

/** Made by loadSecrets. A sender that is missing has no secrets. */
export type Secrets = ReadonlyMap<Sender, SenderSecrets>;

/** Everything that a verdict on the sender of one request is made of, but for the body. */
export interface Evidence {
  /** Or why there is none; undefined where no sender of the route needs one. */
  readonly certificate: ClientCertificate | Refusal | undefined;
  readonly headers: Headers;
  readonly facts: TrustFacts;
  readonly secrets: Secrets;
  /** Unix seconds: when the first of our programs had the request. Timestamps of signatures are compared with it. */
  readonly receivedAt: number;
}

/** A certificate, and what proved it. */
export interface Certified {
  readonly certificate: ClientCertificate;
  readonly proof: Proof;
}

/** A sender that the request may still be from. */
export interface Candidate {
  readonly sender: Sender;
  /** Undefined for a sender that needs no certificate. */
  readonly certified: Certified | undefined;
  readonly factors: readonly Factor[];
  /** Of the factors, those that the edge checked and this program did not. */
  readonly reliedOnEdge: readonly Factor[];
}

declare const admitted: unique symbol;

/** A sender that may call the route: every factor that its policy names has passed. Only admitBySignature, the last step, makes one. */
export interface AdmittedSender extends Candidate {
  readonly [admitted]: true;
}
