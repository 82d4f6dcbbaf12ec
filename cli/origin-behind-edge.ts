// countersign origin behind the edge: verifies what the edge forwards.

import { ConfigurationError } from "../core/configuration-error.ts";
import { formatLogLine, type LogLine } from "../core/decision.ts";
import type { FindVerificationKey } from "../core/keys.ts";
import { loadHeldSecrets } from "../core/secrets.ts";
import { createOriginApp } from "../origin/app.ts";
import { openSqliteInbox } from "../origin/inbox/sqlite.ts";
import { serve } from "../origin/node/server.ts";
import { fetchedKeys, pinnedKeys } from "../origin/verification-keys.ts";
import { requireOption, untilSignal } from "./command.ts";
import { readEnvironment, readJson } from "./files.ts";
import { openCrls } from "./origin-crls.ts";
import { loadPolicy } from "./policy-file.ts";
import { Problems } from "./problems.ts";

export interface EdgeOriginSettings {
  readonly policy: string;
  readonly inbox: string;
  readonly crls: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly jwks: string | undefined;
  readonly json: boolean;
}

export async function runEdgeOrigin(settings: EdgeOriginSettings): Promise<number> {
  // Before the ready line: whoever reads it may send a signal at once.
  const stopped = untilSignal();
  const loaded = await load(settings);
  const inbox = openSqliteInbox(settings.inbox);
  const log = (line: LogLine) => console.log(formatLogLine(line));
  const crls = await openCrls(loaded.policy, settings);
  const app = createOriginApp({ ...loaded, accept: inbox.accept, lists: crls.lists, log });
  const server = await serve(app.fetch, { hostname: settings.host, port: settings.port, log });
  console.log(
    settings.json
      ? JSON.stringify({ origin: server.url })
      : `origin ready at ${server.url}, events in ${settings.inbox}`,
  );
  await stopped;
  await server.close();
  crls.close();
  inbox.close();
  return 0;
}

/** Reads everything that can be wrong before the first port opens. */
async function load(settings: EdgeOriginSettings) {
  const problems = new Problems();
  const issuer = await problems.attempt(() => requireOption(settings.issuer, "issuer", "the edge's ISSUER"));
  const audience = await problems.attempt(() => requireOption(settings.audience, "audience", "the edge's AUDIENCE"));
  const policy = await problems.attempt(() => loadPolicy(settings.policy));
  const findKey = await problems.attempt(() =>
    loadKeys(requireOption(settings.jwks, "jwks", "a file with the edge's public keys, or its JWKS URL")),
  );
  const secrets = policy && (await problems.attempt(() => loadHeldSecrets(policy, readEnvironment)));
  if (
    issuer === undefined ||
    audience === undefined ||
    policy === undefined ||
    findKey === undefined ||
    secrets === undefined
  ) {
    throw problems.toError("origin");
  }
  return { issuer, audience, policy, findKey, secrets };
}

function loadKeys(jwks: string): FindVerificationKey | Promise<FindVerificationKey> {
  if (!/^https?:\/\//.test(jwks)) return pinnedKeys(readJson(jwks));
  const { protocol, hostname } = new URL(jwks);
  if (protocol === "http:" && !["127.0.0.1", "localhost", "[::1]"].includes(hostname)) {
    throw new ConfigurationError("jwks", ["--jwks: keys that come over plain HTTP prove nothing, use https"]);
  }
  return fetchedKeys(jwks, {
    onError: (reason) => console.error(formatLogLine({ decision: "failed", code: "keys_unavailable", reason })),
  });
}
