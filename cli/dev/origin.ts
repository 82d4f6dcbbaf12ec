// Starts the origin of `countersign dev`, with its inbox, dispatch and console.

import { join } from "node:path";
import type { Secrets } from "../../core/admission/candidate.ts";
import { parsePrivateKeySet, publicJwk } from "../../core/assertion/keys.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { createOriginApp } from "../../origin/app.ts";
import { openInbox } from "../../origin/inbox/open.ts";
import { serve } from "../../origin/node/server.ts";
import type { ConsoleSettings } from "../../origin/service/console.ts";
import { openCrls } from "../../origin/service/crls.ts";
import { type DispatchTarget, openDispatch } from "../../origin/service/target.ts";
import { pinnedKeys } from "../../origin/verification-keys.ts";
import { complainLogLine } from "../output.ts";
import { developmentSenders, openDevelopmentConsole } from "./console.ts";
import type { DevelopmentRefusals } from "./refusals.ts";
import { DEVELOPMENT_ROUTE, type DevelopmentState } from "./state.ts";

/** Stops a part of the development origin, for example the server. */
export type Stop = () => void | Promise<void>;

export const AUDIENCE = "https://origin.localhost";

interface Parts {
  readonly console?: ConsoleSettings | undefined;
  readonly onDecision: (source: "origin", line: LogLine) => void;
  readonly onOriginRequest?: ((request: Request) => void) | undefined;
  readonly state: DevelopmentState;
  readonly policy: Policy;
  readonly policyFile: string;
  readonly secrets: Secrets;
  readonly target: DispatchTarget | undefined;
  readonly refusals: DevelopmentRefusals;
  /** The issuer of the edge's assertions. */
  readonly issuer: string;
  /** The private JWK Set of the edge. */
  readonly keySet: unknown;
  /** Receives a function for each part of the origin that is started here, for example the server. The function stops the part. */
  readonly started: Stop[];
}

interface DevelopmentOrigin {
  readonly url: string;
  readonly console: string;
  handOut(): void;
}

export async function startDevelopmentOrigin(parts: Parts): Promise<DevelopmentOrigin> {
  const { state, policy, policyFile, secrets, target, refusals, issuer, started } = parts;
  const location = join(state.directory, "inbox.sqlite");
  const inbox = await openInbox(location);
  const print = (line: LogLine) => parts.onDecision("origin", line);
  const log = refusals.logging(print);
  const crls = await openCrls(policy, { policy: policyFile, inbox: location }, complainLogLine);
  started.push(
    () => crls.close(),
    () => inbox.close(),
    refusals.keepIn(inbox, policy, print),
  );
  const findKey = await pinnedKeys({ keys: parsePrivateKeySet(parts.keySet).map(publicJwk) });
  const { accept, answers, ...dispatch } = openDispatch(target, { inbox, log });
  const app = createOriginApp(
    { policy, secrets, findKey, issuer, audience: AUDIENCE, accept, lists: crls.lists, log },
    { answers },
  );
  const fetch = (request: Request) => {
    parts.onOriginRequest?.(request);
    return app.fetch(request);
  };
  const server = await serve(fetch, { hostname: "127.0.0.1", port: 0, log });
  started.push(async () => void (await Promise.all([server.close(), dispatch.stop()])));
  const shown = await openDevelopmentConsole(parts.console, {
    ...{ inbox, policy: () => policy, secrets: () => secrets, lists: crls.lists, log, location, policyFile },
    tests: developmentSenders(state, `${issuer}${DEVELOPMENT_ROUTE}`),
  });
  started.push(() => shown.close());
  return { url: server.url, console: shown.url, handOut: () => dispatch.start() };
}
