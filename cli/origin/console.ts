// The console of `countersign origin` and `countersign dev`: it listens, tells who comes, and says what it shows.

import { verifyBasic } from "../../core/admission/basic.ts";
import type { Secrets } from "../../core/admission/candidate.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { refusalOf } from "../../core/refusal.ts";
import type { RevocationLists } from "../../core/revocation/revocation.ts";
import type { ConsoleOptions, ConsoleVisitor, TestSenders } from "../../origin/console/options.ts";
import type { Inbox } from "../../origin/inbox/inbox.ts";
import { describeInbox } from "../../origin/inbox/location.ts";
import type { ConsoleServer } from "../../origin/node/console-server.ts";
import { problemsOf } from "../../origin/problems.ts";
import { watchFiles } from "../../origin/service/watch-files.ts";
import { UsageError } from "../command.ts";
import { readServerPair } from "../files/server-pair.ts";
import { CONSOLE_ROLES, type ConsoleSettings, onlyPem, readCredential } from "./console-options.ts";

/** What a console shows. */
export interface Shown {
  readonly inbox: Inbox;
  readonly policy: () => Policy;
  /** Of the same moment as the policy. */
  readonly secrets: () => Secrets;
  /** Undefined where none are kept. */
  readonly lists: (() => RevocationLists) | undefined;
  readonly log: (line: LogLine) => void;
  /** As they stand on the command line. */
  readonly location: string;
  readonly policyFile: string;
  readonly tests?: TestSenders;
}

export interface RunningConsole {
  readonly url: string;
  close(): Promise<void>;
}

/** The places of an origin, for the commands that its console shows. */
export function placesOf({ inbox, policy }: { readonly inbox: string; readonly policy: string }) {
  return { location: inbox, policyFile: policy };
}

/** @throws UsageError if it cannot listen there */
export async function openConsole(settings: ConsoleSettings, shown: Shown): Promise<RunningConsole> {
  // Loaded when it is needed: most starts have no console.
  const { createConsoleOf } = await import("../../origin/console/console.ts");
  const { hostsOf, serveConsole } = await import("../../origin/node/console-server.ts");
  const { listener, files, isClosed } = settings;
  const end = new AbortController();
  const options: ConsoleOptions = {
    inbox: shown.inbox,
    policy: shown.policy,
    secrets: shown.secrets,
    ...(shown.lists !== undefined && { lists: shown.lists }),
    log: (line) => shown.log({ ...line, listener: "console" }),
    hosts: (host) => hostsOf(server?.listener() ?? listener, settings.hosts)(host),
    visitor: isClosed ? findVisitor : () => ({ role: "operator", name: "local" }),
    signal: end.signal,
    places: { inbox: describeInbox(shown.location), policy: shown.policyFile },
  };
  const challenge = isClosed ? { challenge: 'Basic realm="Countersign console", charset="UTF-8"' } : {};
  const app = createConsoleOf(options, { ...challenge, tests: shown.tests });
  let server: ConsoleServer | undefined;
  server = await serveConsole(app.fetch, { listener, log: shown.log }).catch(refuseAddress);
  const stopWatching = files === undefined ? () => {} : watchPair(files, server, shown.log);
  return {
    url: server.url,
    async close() {
      stopWatching();
      end.abort();
      await server?.close();
    },
  };
}

function refuseAddress(error: unknown): never {
  throw new UsageError(`--console: ${problemsOf(error).join("; ")}`);
}

/** The passwords are read for each request, so that a file may be replaced. If one cannot be used, the other user still enters. */
function findVisitor(request: Request): ConsoleVisitor | undefined {
  const authorization = request.headers.get("authorization");
  const faults: unknown[] = [];
  for (const role of CONSOLE_ROLES) {
    try {
      const credential = readCredential(role);
      if (credential === undefined) continue;
      const refusal = refusalOf(() => verifyBasic([credential], authorization));
      if (refusal === undefined) return { role, name: role };
    } catch (error) {
      faults.push(error);
    }
  }
  if (faults.length > 0) throw faults[0];
  return undefined;
}

function watchPair(files: readonly [string, string], server: ConsoleServer, log: (line: LogLine) => void): () => void {
  return watchFiles(
    () => files,
    () => {
      try {
        server.replace(onlyPem(readServerPair(...files)));
      } catch (error) {
        const why = "the console's certificate in force stays in force";
        log({ decision: "failed", code: "reload_refused", why, problems: problemsOf(error) });
      }
    },
  );
}
