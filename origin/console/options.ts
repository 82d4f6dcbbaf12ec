// What a console is made from: the inbox, the policy, and who may see it.

import type { Secrets } from "../../core/admission/candidate.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { RevocationLists } from "../../core/revocation/revocation.ts";
import type { Inbox } from "../inbox/inbox.ts";

/** `reader` sees everything and changes nothing. `operator` may also retry, drop and run events again. */
export type ConsoleRole = "operator" | "reader";

/** Who sends a request to the console. */
export interface ConsoleVisitor {
  readonly role: ConsoleRole;
  /** Named in the log line of an action. */
  readonly name?: string | undefined;
}

/** Options of `createConsole`. */
export interface ConsoleOptions {
  readonly inbox: Inbox;
  /** The policy, or a function that returns the current one. */
  readonly policy: Policy | (() => Policy);
  /**
   * The current secrets of the policy, of `loadSecrets` or `loadHeldSecrets`. With them the page of an event verifies its signature
   * again; none is ever shown.
   */
  readonly secrets?: () => Secrets;
  /** The currently loaded revocation lists (`openCrlStore`). Without them the page of an event asks none. */
  readonly lists?: () => RevocationLists;
  /**
   * Who sent this request. Undefined refuses it. Requests that reach this function have one of the `hosts`, and do not come from
   * pages of another origin.
   */
  readonly visitor: (request: Request) => ConsoleVisitor | undefined | Promise<ConsoleVisitor | undefined>;
  /**
   * The names under which browsers reach the console, without a port. A request with another Host is refused: a page of a
   * stranger whose name was made to lead here could read everything.
   */
  readonly hosts: readonly string[] | ((host: string) => boolean);
  /** Where the console is mounted, as in `app.route("/console", createConsole(…))`. Default: at the root. */
  readonly path?: string;
  /** Ends the live updates when it is aborted. They would keep a server from closing. */
  readonly signal?: AbortSignal;
  /** Receives a line for each action and each refused visitor. Default: prints it as JSON. */
  readonly log?: (line: LogLine) => void;
  /** The inbox and the policy file as a command names them, for commands to paste. Default: the names that commands assume. */
  readonly places?: { readonly inbox: string; readonly policy: string };
}

/** An event that a person sends from the console, to see what becomes of it. */
export interface TestSenders {
  readonly senders: readonly { readonly name: string; readonly about: string }[];
  send(name: string, body: string): Promise<{ readonly status: number; readonly body: string }>;
}

/** What only a console of our own programs has. */
export interface ConsoleParts {
  /** WWW-Authenticate for a visitor that is not known. Without it the answer is 403. */
  readonly challenge?: string;
  readonly tests?: TestSenders | undefined;
}
