// Finds out which modes can start with a policy, and what each mode needs in addition to the policy. Runs the checks that the
// modes run at their start.

import { secretNames } from "../../core/admission/secrets.ts";
import { ConfigurationError } from "../../core/configuration-error.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { anchorsInUse, requireCertificates } from "../../origin/node/tls/policy.ts";
import { problemsOf } from "../../origin/problems.ts";
import { requireEdgePolicy } from "../../worker/configuration.ts";

/** The names of the modes. Each mode has a list of the problems that prevent its start. */
export type Ways = Readonly<Record<string, readonly string[]>>;

type Check = (policy: Policy) => unknown;

const CHECKS: Readonly<Record<string, readonly Check[]>> = {
  edge: [requireEdgePolicy],
  origin: [],
  "origin --tls --client-certificates request": [anchorsInUse],
  "origin --tls --client-certificates require": [anchorsInUse, requireCertificates],
  "origin --behind-proxy": [],
  dev: [requireEdgePolicy],
};

/** Returns for each mode the problems that prevent its start. */
export function askWays(policy: Policy): Ways {
  return Object.fromEntries(
    Object.entries(CHECKS).map(([way, checks]) => [way, checks.flatMap((check) => faultsOf(() => check(policy)))]),
  );
}

function faultsOf(check: () => unknown): readonly string[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return problemsOf(error);
    throw error;
  }
}

/** Returns what a policy needs from its environment. The policy file alone cannot show whether the environment has it. */
export function needsOf(policy: Policy): string[] {
  const { routes, senders, crlSources } = policy;
  const secrets = secretNames(policy);
  const answered = routes.filter(({ isAnsweredByHandler }) => isAnsweredByHandler).map(({ path }) => path);
  const judged = senders.filter(({ certificate }) => certificate?.trust.platform === true).map(({ name }) => name);
  return [
    ...(secrets.length > 0
      ? [
          `secrets ${secrets.join(", ")}: on the edge by npx wrangler secret put; of dev, origin --tls and origin --behind-proxy as variables, or as files that NAME_FILE names`,
        ]
      : []),
    ...(crlSources.length > 0 ? ["the binding CRLS on the edge, for revocation lists"] : []),
    ...(routes.some(({ isQueued }) => isQueued) ? ["the bindings EVENTS and BODIES on the edge, for the queue"] : []),
    ...(answered.length > 0
      ? [`--handler or --upstream at an origin, --handler in dev: the handler answers at ${answered.join(", ")}`]
      : []),
    ...(judged.length > 0
      ? [`the edge in front: nobody is admitted as ${judged.join(", ")} without Cloudflare's verdict (platform: true)`]
      : []),
  ];
}
