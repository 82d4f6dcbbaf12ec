// Runs `countersign origin` behind the edge. This origin verifies the requests that the edge forwards.

import { loadHeldSecrets } from "../../core/admission/secrets.ts";
import type { FindVerificationKey } from "../../core/assertion/keys.ts";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { showUrl } from "../../core/url.ts";
import { problemOfKeysUrl } from "../../origin/guard/key-source.ts";
import { describeInbox } from "../../origin/inbox/location.ts";
import { readSecret } from "../../origin/node/secret-files.ts";
import { serve } from "../../origin/node/server.ts";
import { inFile, Problems } from "../../origin/problems.ts";
import { fetchedKeys, pinnedKeys } from "../../origin/verification-keys.ts";
import { requireOption, UsageError } from "../command.ts";
import { readPublicKeySet } from "../files/key-sets.ts";
import { complainLogLine } from "../output.ts";
import { loadPolicy } from "../policy/load.ts";
import { type ServeSettings, serveWay } from "./serve.ts";

export interface EdgeOriginSettings extends ServeSettings {
  readonly host: string;
  readonly port: number;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly jwks: string | undefined;
}

/** Runs until a signal arrives. If the policy file or the file of the edge's keys changes, both files are loaded again. */
export async function runEdgeOrigin(settings: EdgeOriginSettings): Promise<number> {
  const { host: hostname, port, inbox, policy, jwks = "" } = settings;
  const first = await load(settings);
  const { issuer, audience } = first;
  // A reload keeps the keys that were fetched from a URL. So the last good set stays in use if the edge cannot be reached.
  const fetched = isUrl(jwks) ? first.findKey : undefined;
  return await serveWay(
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

/** Loads the whole configuration. @throws ConfigurationError that lists every problem */
async function load(settings: EdgeOriginSettings, fetched?: FindVerificationKey) {
  const problems = new Problems();
  const issuer = await problems.attempt(() => parseIssuer(settings.issuer));
  const audience = await problems.attempt(() => requireOption(settings.audience, "audience", "the edge's AUDIENCE"));
  const policy = await problems.attempt(() => loadPolicy(settings.policy));
  const findKey = await problems.attempt(
    () =>
      fetched ?? loadKeys(requireOption(settings.jwks, "jwks", "a file with the edge's public keys, or its JWKS URL")),
  );
  const secrets = policy && (await problems.attempt(() => loadHeldSecrets(policy, readSecret)));
  const isIdentified = issuer !== undefined && audience !== undefined && findKey !== undefined;
  if (!isIdentified || policy === undefined || secrets === undefined) throw problems.toError("origin");
  return { issuer, audience, policy, secrets, findKey };
}

/**
 * Parses the issuer, which must be `https://HOST` without a path. An edge starts only if its ISSUER has this form. If the origin
 * accepted a different form, no assertion would have this issuer, and every event would be refused.
 */
function parseIssuer(text: string | undefined): string {
  const issuer = requireOption(text, "issuer", "the edge's ISSUER");
  if (issuer.startsWith("https://") && URL.parse(issuer)?.origin === issuer) return issuer;
  throw new UsageError(
    `--issuer ${showUrl(issuer)}: https://HOST without a path and without a slash at its end, as the edge's ISSUER is`,
  );
}

function loadKeys(jwks: string): FindVerificationKey | Promise<FindVerificationKey> {
  if (!isUrl(jwks)) return inFile(jwks, () => pinnedKeys(readPublicKeySet(jwks)));
  const problem = problemOfKeysUrl(URL.parse(jwks), "is neither a file nor an https URL");
  if (problem !== undefined) throw new ConfigurationError("jwks", [`--jwks ${showUrl(jwks)}: ${problem}`]);
  return fetchedKeys(jwks, {
    onError: (reason) => complainLogLine({ decision: "failed", code: "keys_unavailable", reason }),
  });
}

/** Returns true for a URL. Its scheme must have more than one letter, because one letter and a colon is a drive of Windows. */
function isUrl(jwks: string): boolean {
  return /^[a-z][a-z0-9+.-]+:/i.test(jwks);
}
