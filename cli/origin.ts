// countersign origin: the stand-alone origin behind the edge.

import { ConfigurationError } from "../core/configuration-error.ts";
import { formatLogLine } from "../core/decision.ts";
import type { FindVerificationKey } from "../core/keys.ts";
import { compilePolicy, type Policy } from "../core/policy.ts";
import { createOriginApp } from "../origin/app.ts";
import { openSqliteInbox } from "../origin/inbox/sqlite.ts";
import { serve } from "../origin/node/server.ts";
import { fetchedKeys, pinnedKeys } from "../origin/verification-keys.ts";
import { type Command, parseOptions, parsePort, requireOption, untilSignal } from "./command.ts";
import { readJson } from "./files.ts";

export const command: Command = {
  summary: "run the origin: verify what the edge forwards, store it, answer 202",
  help: `
countersign origin --issuer URL --audience TEXT --jwks FILE|URL [options]

  --issuer URL      the edge's ISSUER
  --audience TEXT   the edge's AUDIENCE
  --jwks FILE|URL   the edge's public keys: pinned in a file (keys jwks), or ISSUER/.well-known/jwks.json
  --policy FILE     this origin's copy of the policy (default policy.json)
  --inbox FILE      the SQLite file that keeps every accepted event (default inbox.sqlite)
  --host ADDRESS    default 127.0.0.1
  --port PORT       default 8080; 0 takes a free one
  --json            print the ready line as JSON

Prints one JSON line per decision. SIGINT or SIGTERM answers what is in flight and ends.
`,
  async run(args) {
    const { values } = parseOptions(args, {
      issuer: { type: "string" },
      audience: { type: "string" },
      jwks: { type: "string" },
      policy: { type: "string", default: "policy.json" },
      inbox: { type: "string", default: "inbox.sqlite" },
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "8080" },
      json: { type: "boolean", default: false },
    });
    const { policy, findKey, issuer, audience } = await loadAll(values);
    const inbox = openSqliteInbox(values.inbox);
    const log = (line: Parameters<typeof formatLogLine>[0]) => console.log(formatLogLine(line));
    const app = createOriginApp({ policy, findKey, issuer, audience, accept: inbox.accept, log });
    const server = await serve(app.fetch, { hostname: values.host, port: parsePort(values.port), log });
    console.log(
      values.json ? JSON.stringify({ origin: server.url }) : `origin ready at ${server.url}, events in ${values.inbox}`,
    );
    await untilSignal();
    await server.close();
    inbox.close();
    return 0;
  },
};

type Settings = Readonly<Record<"policy", string> & Partial<Record<"issuer" | "audience" | "jwks", string>>>;

/** Reads everything that can be wrong before the first port opens, and reports all of it together. */
async function loadAll(settings: Settings) {
  const problems: string[] = [];
  const attempt = async <T>(load: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await load();
    } catch (error) {
      problems.push(
        ...(error instanceof ConfigurationError
          ? error.message.split("\n")
          : [error instanceof Error ? error.message : String(error)]),
      );
      return undefined;
    }
  };
  const issuer = await attempt(() => requireOption(settings.issuer, "issuer", "the edge's ISSUER"));
  const audience = await attempt(() => requireOption(settings.audience, "audience", "the edge's AUDIENCE"));
  const policy = await attempt((): Policy => compilePolicy(readJson(settings.policy)));
  const findKey = await attempt(() =>
    loadKeys(requireOption(settings.jwks, "jwks", "a file with the edge's public keys, or its JWKS URL")),
  );
  if (issuer === undefined || audience === undefined || policy === undefined || findKey === undefined) {
    throw new ConfigurationError("origin", problems);
  }
  return { issuer, audience, policy, findKey };
}

function loadKeys(jwks: string): FindVerificationKey | Promise<FindVerificationKey> {
  if (!/^https?:\/\//.test(jwks)) return pinnedKeys(readJson(jwks));
  const { protocol, hostname } = new URL(jwks);
  if (protocol === "http:" && !["127.0.0.1", "localhost", "[::1]"].includes(hostname)) {
    throw new ConfigurationError("jwks", ["keys that come over plain HTTP prove nothing: use https"]);
  }
  return fetchedKeys(jwks, {
    onError: (reason) => console.error(formatLogLine({ decision: "failed", code: "keys_unavailable", reason })),
  });
}
