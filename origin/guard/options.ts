// The options of countersign() and createVerifier(), as the user passes them.

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
  /** The replay check. There is no default, because a check that forgets ids would be none. */
  readonly accept: AcceptDelivery;
  /**
   * The secrets that the policy names: `process.env`, the bindings of a Worker, or a function that finds one by its name. Without
   * the edge, all of them are needed. Behind it, the secrets of signatures are optional: a sender's signature is verified again
   * if its secrets are present. Otherwise, and always for Basic credentials, the origin relies on the edge, and
   * `delivery.reliedOnEdge` says so.
   */
  readonly secrets?: ReadSecret | object;
  /** Receives one line per request. Default: `console.log` with one line of JSON, bounded and escaped, with `at` and `level`. */
  readonly onDecision?: (line: LogLine) => void;
  /** The currently loaded revocation lists (`openCrlStore`), for a policy that names sources of them. */
  readonly lists?: () => RevocationLists;
  /** Unix seconds. */
  readonly clock?: () => number;
}

/**
 * The public keys of an edge: its JWKS URL (https, or http to this machine), a JWK Set (RFC 7517), or a function that finds the
 * key of a kid.
 */
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
 * Options of `createVerifier`. `route` is the policy's route, written as in the policy, that your code behind the verifier
 * serves. A request for another route is refused. For a handler of all events, pass `servesEveryRoute: true` instead.
 */
export type VerifierOptions = GuardOptions &
  (BehindEdge | WithoutEdge) &
  ({ readonly route: string } | { readonly servesEveryRoute: true });
