// What countersign() and createVerifier() are given.

import type { LogLine } from "../core/decision.ts";
import type { FindVerificationKey } from "../core/keys.ts";
import type { Policy } from "../core/policy.ts";
import type { RevocationLists } from "../core/revocation.ts";
import type { ReadSecret } from "../core/secrets.ts";
import type { AcceptDelivery } from "./acceptance.ts";
import type { CertificateOptions } from "./authenticate-options.ts";

/** What every guard needs, wherever it stands. */
export interface GuardOptions {
  /** This origin's own copy of the policy: the content of policy.json, or what `compilePolicy` made of it. */
  readonly policy: Policy | object;
  /** The replay check. There is none by default, because one that forgets would be none. */
  readonly accept: AcceptDelivery;
  /**
   * The secrets that the policy names: `process.env`, the bindings of a Worker, or a function that finds one by its name. Without the
   * edge all of them are needed. Behind it those of signatures are read where they are there, and verified again; of a sender without
   * them, and of Basic credentials, the edge's word is taken, as `delivery.reliedOnEdge` says.
   */
  readonly secrets?: ReadSecret | object;
  /** Receives one line per request. By default it is printed as one line of JSON, bounded and escaped, by `console.log`. */
  readonly onDecision?: (line: LogLine) => void;
  /** The revocation lists as they are loaded now, for a policy that names sources of them: `openCrlStore`. */
  readonly lists?: () => RevocationLists;
  /** Unix seconds. */
  readonly clock?: () => number;
}

/** The public keys of an edge: its JWKS URL (https, or http to this machine), a JWK Set (RFC 7517), or what finds the key of a kid. */
export type KeySource = string | URL | { readonly keys: readonly object[] } | FindVerificationKey;

/** Behind the edge: the request carries its assertion. */
export interface BehindEdge {
  readonly keys: KeySource;
  /** The `ISSUER` and `AUDIENCE` of the edge's configuration. */
  readonly issuer: string;
  readonly audience: string;
}

/** Without the edge: `throughTls` or `throughProxy` of `countersign/node`. */
export type WithoutEdge = Pick<CertificateOptions, "readCertificate" | "crossCheck">;

/**
 * Options of `createVerifier`. `route` is the route of the policy, written as there, that the code behind the verifier serves: who may
 * call another one is refused. A verifier in front of a handler of all events says `servesEveryRoute: true` instead.
 */
export type VerifierOptions = GuardOptions &
  (BehindEdge | WithoutEdge) &
  ({ readonly route: string } | { readonly servesEveryRoute: true });
