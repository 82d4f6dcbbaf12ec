// What a guard works with, ready for use: policy, secrets, where events go, and how the certificate comes to this origin.

import type { Secrets } from "../core/candidate.ts";
import { ConfigurationError } from "../core/configuration-error.ts";
import type { LogLine } from "../core/decision.ts";
import type { FindVerificationKey } from "../core/keys.ts";
import type { Policy } from "../core/policy.ts";
import type { ClientCertificate } from "../core/presented-certificate.ts";
import { Refusal, toRefusal } from "../core/refusal.ts";
import type { RevocationLists } from "../core/revocation.ts";
import { secretNames } from "../core/secrets.ts";
import type { AcceptDelivery } from "./acceptance.ts";

/** What both ways of running an origin need. */
export interface OriginOptions {
  /** This origin's own copy of the policy. */
  readonly policy: Policy;
  /**
   * The secrets of the policy: `loadSecrets`. Behind the edge those of signatures are optional (`loadHeldSecrets`): an origin
   * that holds them verifies signatures again by itself, another takes the edge's word and says so in `delivery.reliedOnEdge`.
   */
  readonly secrets?: Secrets;
  /**
   * For one guard on `*` in front of a handler of all events. By default a guard refuses what is on another route of the policy than
   * the path on which it stands: else whoever may call a prefix would run the handler of a path below it.
   */
  readonly servesEveryRoute?: boolean;
  /** The replay check. There is none by default, because one that forgets would be none. */
  readonly accept: AcceptDelivery;
  /** Receives one line per request. */
  readonly log: (line: LogLine) => void;
  /** Unix seconds. */
  readonly clock?: () => number;
  /** The revocation lists as they are loaded now, for a policy that names sources of them: `openCrlStore`. */
  readonly lists?: () => RevocationLists;
}

/** Behind the edge: the request carries its assertion. */
export interface AssertionOptions extends OriginOptions {
  /** Verification keys of the edge: `pinnedKeys` or `fetchedKeys`. */
  readonly findKey: FindVerificationKey;
  /** The `ISSUER` and `AUDIENCE` of the edge's configuration. */
  readonly issuer: string;
  readonly audience: string;
}

/** Without the edge: this origin's listener, or a proxy that it trusts, saw the handshake. */
export interface CertificateOptions extends OriginOptions {
  /** Reads the certificate of the connection; `environment` is the runtime's, on Node it holds the socket. */
  readonly readCertificate: (request: Request, environment: unknown) => ClientCertificate;
  /** Objects, by a Refusal, to a certificate that was admitted. It can turn a yes into a no, never a no into a yes. */
  readonly crossCheck?: (environment: unknown) => void;
}

/** How an origin learns who the sender is: the part of its options that depends on where it stands. */
export type ProofOptions =
  | Pick<AssertionOptions, "findKey" | "issuer" | "audience">
  | Pick<CertificateOptions, "readCertificate" | "crossCheck">;

/** What a guard works with: behind the edge, or without it. */
export type AuthenticateOptions = AssertionOptions | CertificateOptions;

export const NO_SECRETS: Secrets = new Map();

/** @throws ConfigurationError that lists what the policy needs and is not there */
export function requireOptions(options: AuthenticateOptions): void {
  const problems = findMissing(options.policy, options, "findKey" in options);
  if (problems.length > 0) throw new ConfigurationError("origin", problems);
}

/** What the policy needs, and the options do not hold. */
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

/** What a request is refused with where the configuration is of no use. */
export function misconfigured(error: unknown): Refusal {
  return error instanceof ConfigurationError
    ? new Refusal("misconfigured", { problems: error.problems })
    : toRefusal(error);
}
