// Runs the console of `countersign origin` and `countersign dev`: opens the listener, identifies the users, and gives the console
// the data that it shows.

import { verifyBasic } from "../../core/admission/basic.ts";
import type { Secrets } from "../../core/admission/candidate.ts";
import type { Credential } from "../../core/admission/credential.ts";
import { ConfigurationError } from "../../core/configuration-error.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { refusalOf } from "../../core/refusal.ts";
import type { RevocationLists } from "../../core/revocation/revocation.ts";
import type { ConsoleOptions, ConsoleRole, ConsoleVisitor, TestSenders } from "../console/options.ts";
import type { Inbox } from "../inbox/inbox.ts";
import { describeInbox } from "../inbox/location.ts";
import type { ConsoleListener, ConsolePair, ConsoleServer } from "../node/console-server.ts";
import { problemsOf } from "../problems.ts";
import { watchFiles } from "./watch-files.ts";

/**
 * For each role, the name of the secret with the user's password. Each role has one user, whose name is the role. Passwords are
 * tried in this order.
 */
export const CONSOLE_PASSWORDS: Readonly<Record<ConsoleRole, string>> = {
  operator: "CONSOLE_OPERATOR_PASSWORD",
  reader: "CONSOLE_READER_PASSWORD",
};
export const CONSOLE_ROLES = Object.keys(CONSOLE_PASSWORDS) as readonly ConsoleRole[];
export const CONSOLE_SECRETS: readonly string[] = Object.values(CONSOLE_PASSWORDS);

export interface ConsoleSettings {
  readonly listener: ConsoleListener;
  /** The files of the TLS listener, and the function that reads these files when they change. */
  readonly pair: { readonly files: readonly string[]; readonly read: () => ConsolePair } | undefined;
  readonly hosts: readonly string[];
  /** Reads the current password of a role. Undefined if no visitor needs a password. */
  readonly readCredential: ((role: ConsoleRole) => Credential | undefined) | undefined;
}

/** The data that a console shows. */
export interface Shown {
  readonly inbox: Inbox;
  readonly policy: () => Policy;
  /** The secrets that were loaded together with the policy. */
  readonly secrets: () => Secrets;
  /** Undefined if this process has no revocation lists. */
  readonly lists: (() => RevocationLists) | undefined;
  readonly log: (line: LogLine) => void;
  /** The inbox and the policy file, as written on the command line. */
  readonly location: string;
  readonly policyFile: string;
  readonly tests?: TestSenders;
}

export interface RunningConsole {
  readonly url: string;
  close(): Promise<void>;
}

/** Returns the inbox and the policy file of an origin, for the commands that the console shows. */
export function placesOf({ inbox, policy }: { readonly inbox: string; readonly policy: string }) {
  return { location: inbox, policyFile: policy };
}

/** @throws ConfigurationError if the console cannot listen at its address */
export async function openConsole(settings: ConsoleSettings, shown: Shown): Promise<RunningConsole> {
  // The code of the console is loaded only when it is needed, because most starts have no console.
  const { createConsoleOf } = await import("../console/console.ts");
  const { hostsOf, serveConsole } = await import("../node/console-server.ts");
  const { listener, pair, readCredential } = settings;
  const end = new AbortController();
  const options: ConsoleOptions = {
    inbox: shown.inbox,
    policy: shown.policy,
    secrets: shown.secrets,
    ...(shown.lists !== undefined && { lists: shown.lists }),
    log: (line) => shown.log({ ...line, listener: "console" }),
    hosts: (host) => hostsOf(server?.listener() ?? listener, settings.hosts)(host),
    visitor:
      readCredential === undefined
        ? () => ({ role: "operator", name: "local" })
        : (request) => findVisitor(request, readCredential),
    signal: end.signal,
    places: { inbox: describeInbox(shown.location), policy: shown.policyFile },
  };
  const challenge = readCredential && { challenge: 'Basic realm="Countersign console", charset="UTF-8"' };
  const app = createConsoleOf(options, { ...challenge, tests: shown.tests });
  let server: ConsoleServer | undefined;
  server = await serveConsole(app.fetch, { listener, log: shown.log }).catch(refuseAddress);
  const stopWatching = pair === undefined ? () => {} : watchPair(pair, server, shown.log);
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
  throw new ConfigurationError("--console", [problemsOf(error).join("; ")]);
}

/**
 * Returns the user whose password is in the request. The passwords are read for each request, so that a password file may be
 * replaced. If one password cannot be used, the other user can still log in.
 */
function findVisitor(
  request: Request,
  readCredential: (role: ConsoleRole) => Credential | undefined,
): ConsoleVisitor | undefined {
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

function watchPair(
  { files, read }: NonNullable<ConsoleSettings["pair"]>,
  server: ConsoleServer,
  log: (line: LogLine) => void,
): () => void {
  return watchFiles(
    () => files,
    () => {
      try {
        server.replace(read());
      } catch (error) {
        const why = "the console's certificate in force stays in force";
        log({ decision: "failed", code: "reload_refused", why, problems: problemsOf(error) });
      }
    },
  );
}
