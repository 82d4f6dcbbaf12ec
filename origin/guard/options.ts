// The options of `countersign()` and `createVerifier()`, as the user passes them.

import type { ReadSecret } from "../../core/admission/secrets.ts";
import type { FindVerificationKey } from "../../core/assertion/keys.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { RevocationLists } from "../../core/revocation/revocation.ts";
import type { AcceptDelivery } from "../accept.ts";
import type { CertificateOptions } from "../options.ts";

/** Options of every guard, behind the edge or without it. */
export interface GuardOptions {
  /** This origin's own copy of the policy: the content of policy.json, or the result of `compilePolicy`. */
  readonly policy: Policy | object;
  /**
   * The replay check. There is no default, because a default could keep the ids only in memory. It would forget them when the
   * process ends, and then accept a replay.
   */
  readonly accept: AcceptDelivery;
  /**
   * The secrets that the policy names: `process.env`, the bindings of a Worker, or a function that finds a secret by its name.
   * Without the edge, all of them are needed. Behind the edge, only the secrets of signatures are used, and they are optional. If a
   * sender's secrets are present, the origin verifies the sender's signature again. If they are missing, the origin relies on the
   * edge for this signature. For Basic credentials and tokens, the origin always relies on the edge. `delivery.reliedOnEdge` names
   * the factors that only the edge checked.
   */
  readonly secrets?: ReadSecret | object;
  /**
   * Receives one line for each request. By default, `console.log` prints the line as JSON, bounded and escaped, with `at` and
   * `level`.
   */
  readonly onDecision?: (line: LogLine) => void;
  /** The currently loaded revocation lists (`openCrlStore`), for a policy that names sources of revocation lists. */
  readonly lists?: () => RevocationLists;
  /** Unix seconds. */
  readonly clock?: () => number;
}

/**
 * The public keys of an edge: its JWKS URL, a JWK Set (RFC 7517), or a function that finds the key of a `kid`. The URL must use
 * HTTPS, or HTTP to this machine.
 */
export type KeySource = string | URL | { readonly keys: readonly object[] } | FindVerificationKey;

/** Options of a guard behind the edge. Each request carries the edge's assertion. */
export interface BehindEdge {
  readonly keys: KeySource;
  /** The `ISSUER` and `AUDIENCE` of the edge's configuration. */
  readonly issuer: string;
  readonly audience: string;
}

/** Options of a guard without an edge: `throughTls`, or the result of `throughProxy`, both from `countersign/node`. */
export type WithoutEdge = Pick<CertificateOptions, "readCertificate" | "crossCheck">;

/**
 * Options of `createVerifier`. `route` is the route that your code behind the verifier serves, written as in the policy. A request
 * for another route is refused. For a handler of all events, pass `servesEveryRoute: true` instead.
 */
export type VerifierOptions = GuardOptions &
  (BehindEdge | WithoutEdge) &
  ({ readonly route: string } | { readonly servesEveryRoute: true });
