// countersign origin behind the edge: verifies what the edge forwards.

import { ConfigurationError } from "../core/configuration-error.ts";
import type { FindVerificationKey } from "../core/keys.ts";
import { loadHeldSecrets } from "../core/secrets.ts";
import { isHttpsOrLoopback } from "../core/secure-url.ts";
import { describeInbox } from "../origin/inbox/location.ts";
import { serve } from "../origin/node/server.ts";
import { fetchedKeys, pinnedKeys } from "../origin/verification-keys.ts";
import { requireOption } from "./command.ts";
import { readEnvironment } from "./files.ts";
import { readPublicKeySet } from "./key-sets.ts";
import { type OriginSettings, serveOrigin } from "./origin-service.ts";
import { complainLogLine } from "./output.ts";
import { loadPolicy } from "./policy-file.ts";
import { Problems } from "./problems.ts";

export interface EdgeOriginSettings extends OriginSettings {
  readonly host: string;
  readonly port: number;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly jwks: string | undefined;
}

/** Runs until a signal. A change of the policy, or of the file of the edge's keys, reloads both. */
export async function runEdgeOrigin(settings: EdgeOriginSettings): Promise<number> {
  const { host: hostname, port, inbox, policy, jwks = "" } = settings;
  const first = await load(settings);
  const { issuer, audience } = first;
  // Keys that are fetched are kept: the last good set must outlive a reload while the edge cannot be reached.
  const fetched = isUrl(jwks) ? first.findKey : undefined;
  return await serveOrigin(
    {
      settings,
      files: fetched === undefined ? [policy, jwks] : [policy],
      load: () => load(settings, fetched),
      listen({ createApp, loaded, log }) {
        const app = createApp({ issuer, audience, findKey: (kid) => loaded().findKey(kid) });
        return serve(app.fetch, { hostname, port, log });
      },
      greet: (url) => `origin ready at ${url}, events in ${describeInbox(inbox)}`,
    },
    first,
  );
}

/** Reads everything that can be wrong. @throws ConfigurationError that lists every problem */
async function load(settings: EdgeOriginSettings, fetched?: FindVerificationKey) {
  const problems = new Problems();
  const issuer = await problems.attempt(() => requireOption(settings.issuer, "issuer", "the edge's ISSUER"));
  const audience = await problems.attempt(() => requireOption(settings.audience, "audience", "the edge's AUDIENCE"));
  const policy = await problems.attempt(() => loadPolicy(settings.policy));
  const findKey = await problems.attempt(
    () =>
      fetched ?? loadKeys(requireOption(settings.jwks, "jwks", "a file with the edge's public keys, or its JWKS URL")),
  );
  const secrets = policy && (await problems.attempt(() => loadHeldSecrets(policy, readEnvironment)));
  const isIdentified = issuer !== undefined && audience !== undefined && findKey !== undefined;
  if (!isIdentified || policy === undefined || secrets === undefined) throw problems.toError("origin");
  return { issuer, audience, policy, secrets, findKey };
}

function loadKeys(jwks: string): FindVerificationKey | Promise<FindVerificationKey> {
  if (!isUrl(jwks)) return pinnedKeys(readPublicKeySet(jwks));
  if (!isHttpsOrLoopback(new URL(jwks))) {
    throw new ConfigurationError("jwks", ["--jwks: keys that come over plain HTTP prove nothing, use https"]);
  }
  return fetchedKeys(jwks, {
    onError: (reason) => complainLogLine({ decision: "failed", code: "keys_unavailable", reason }),
  });
}

function isUrl(jwks: string): boolean {
  return /^https?:\/\//.test(jwks);
}
