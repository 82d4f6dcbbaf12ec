// The options of a console: the inbox, the policy, and who may use the console.

import type { Secrets } from "../../core/admission/candidate.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { RevocationLists } from "../../core/revocation/revocation.ts";
import type { Inbox } from "../inbox/inbox.ts";

/**
 * The role of a visitor. A `reader` sees everything and changes nothing. An `operator` may also retry, drop and run events again.
 */
export type ConsoleRole = "operator" | "reader";

/** The person or program that sends a request to the console. */
export interface ConsoleVisitor {
  readonly role: ConsoleRole;
  /** The name that the log line of an action contains. */
  readonly name?: string | undefined;
}

/** Options of `createConsole`. */
export interface ConsoleOptions {
  readonly inbox: Inbox;
  /** The policy, or a function that returns the current policy. */
  readonly policy: Policy | (() => Policy);
  /**
   * Returns the current secrets of the policy, from `loadSecrets` or `loadHeldSecrets`. With the secrets, the page of an event
   * verifies the event's signature again. No secret is ever shown.
   */
  readonly secrets?: () => Secrets;
  /**
   * Returns the currently loaded revocation lists (`openCrlStore`). Without this option, the page of an event checks no revocation.
   */
  readonly lists?: () => RevocationLists;
  /**
   * Returns who sent this request. If this function returns undefined, the request is refused. This function is called only for
   * requests whose Host is one of the `hosts`. It is not called for a request from a page of a different web origin.
   */
  readonly visitor: (request: Request) => ConsoleVisitor | undefined | Promise<ConsoleVisitor | undefined>;
  /**
   * The names under which browsers reach the console, without a port. A request with another Host is refused. Otherwise a stranger
   * could make his own name resolve to the console (DNS rebinding), and his page could read everything.
   */
  readonly hosts: readonly string[] | ((host: string) => boolean);
  /** The path at which the console is mounted, as in `app.route("/console", createConsole(…))`. The default is the root. */
  readonly path?: string;
  /** The live updates end when this signal is aborted. Without the signal, live updates keep a server from closing. */
  readonly signal?: AbortSignal;
  /**
   * Receives a line for each action and each refused visitor. A visitor who sends neither credentials nor a cookie is refused
   * without a line. By default, the line is printed as JSON.
   */
  readonly log?: (line: LogLine) => void;
  /**
   * The inbox and the policy file, as an operator writes them on a command line. The console shows commands that contain them. By
   * default, they are `inbox.sqlite` and `policy.json`, which the commands use if no option names others.
   */
  readonly places?: { readonly inbox: string; readonly policy: string };
}

/** The senders in whose name a person can send a test event from the console. */
export interface TestSenders {
  readonly senders: readonly { readonly name: string; readonly about: string }[];
  send(name: string, body: string): Promise<{ readonly status: number; readonly body: string }>;
}

/** Options that only our own programs set. */
export interface ConsoleParts {
  /** The WWW-Authenticate field of the response to an unknown visitor. Without this field, the response is 403. */
  readonly challenge?: string;
  readonly tests?: TestSenders | undefined;
}
