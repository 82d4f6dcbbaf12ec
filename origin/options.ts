// The options of a guard after they are checked: policy, secrets, where events go, and how the certificate reaches this origin.

import type { Secrets } from "../core/admission/candidate.ts";
import { secretNames } from "../core/admission/secrets.ts";
import type { FindVerificationKey } from "../core/assertion/keys.ts";
import { ConfigurationError } from "../core/configuration-error.ts";
import type { LogLine } from "../core/log-line.ts";
import type { Policy } from "../core/policy/policy.ts";
import { Refusal, toRefusal } from "../core/refusal.ts";
import type { RevocationLists } from "../core/revocation/revocation.ts";
import type { ClientCertificate } from "../core/x509/client-certificate.ts";
import type { AcceptDelivery } from "./accept.ts";
import type { RefusedFacts } from "./inbox/refusals/refusals.ts";

/** Options of every origin, behind the edge or without it. */
export interface OriginOptions {
  /** This origin's own copy of the policy. */
  readonly policy: Policy;
  /**
   * The secrets of the policy, from `loadSecrets`. Behind the edge, the secrets of signatures are optional (`loadHeldSecrets`):
   * an origin that holds them verifies signatures itself. An origin without them relies on the edge, and `delivery.reliedOnEdge`
   * says so.
   */
  readonly secrets?: Secrets;
  /**
   * Set this if one guard on `*` protects the handler of all events. By default, a guard refuses a request whose route in the
   * policy is not the path of this guard. Without this check, a sender that may call only the prefix `/hooks/*` could run the
   * handler of a path below this prefix, for example `/hooks/acme`.
   */
  readonly servesEveryRoute?: boolean;
  /**
   * The replay check. There is no default, because a default could keep the ids only in memory. It would forget them when the
   * process ends, and then accept a replay.
   */
  readonly accept: AcceptDelivery;
  /** Receives one line for each request. `refused` has the facts of a refused request that are not in the line. */
  readonly log: (line: LogLine, refused?: RefusedFacts) => void;
  /** Unix seconds. */
  readonly clock?: () => number;
  /** The currently loaded revocation lists (`openCrlStore`), for a policy that names sources of revocation lists. */
  readonly lists?: () => RevocationLists;
}

/** Options of an origin behind the edge. Each request carries the edge's assertion. */
export interface AssertionOptions extends OriginOptions {
  /** The verification keys of the edge: `pinnedKeys` or `fetchedKeys`. */
  readonly findKey: FindVerificationKey;
  /** The `ISSUER` and `AUDIENCE` of the edge's configuration. */
  readonly issuer: string;
  readonly audience: string;
}

/** Options of an origin without an edge. The origin's own listener, or a proxy that the origin trusts, did the TLS handshake. */
export interface CertificateOptions extends OriginOptions {
  /** Reads the certificate of the connection. `environment` comes from the runtime. On Node, it holds the socket. */
  readonly readCertificate: (request: Request, environment: unknown) => ClientCertificate;
  /**
   * Throws a Refusal if a certificate that was admitted must be refused after all. It cannot admit a certificate that was refused.
   */
  readonly crossCheck?: (environment: unknown) => void;
}

/**
 * The options that say how an origin learns who the sender is. They differ between an origin behind the edge and an origin without
 * an edge.
 */
export type ProofOptions =
  | Pick<AssertionOptions, "findKey" | "issuer" | "audience">
  | Pick<CertificateOptions, "readCertificate" | "crossCheck">;

/** The options of a guard, behind the edge or without it. */
export type AuthenticateOptions = AssertionOptions | CertificateOptions;

export const NO_SECRETS: Secrets = new Map();

/** @throws ConfigurationError that lists what the policy needs and the options lack */
export function requireOptions(options: AuthenticateOptions): void {
  const problems = findMissing(options.policy, options, "findKey" in options);
  if (problems.length > 0) throw new ConfigurationError("origin", problems);
}

/** Lists what the policy needs and the options lack. */
export function findMissing(
  policy: Policy,
  { lists, secrets }: { readonly lists?: unknown; readonly secrets?: unknown },
  isBehindEdge: boolean,
): string[] {
  const problems: string[] = [];
  if (policy.crlSources.length > 0 && lists === undefined)
    problems.push("/lists: is missing: the policy names sources of revocation lists, see openCrlStore");
  if (!isBehindEdge && secretNames(policy).length > 0 && secrets === undefined)
    problems.push("/secrets: is missing: the policy names secrets");
  return problems;
}

/** Returns the Refusal that every request gets as long as the configuration is faulty. */
export function misconfigured(error: unknown): Refusal {
  return error instanceof ConfigurationError
    ? new Refusal("misconfigured", { problems: error.problems })
    : toRefusal(error);
}
