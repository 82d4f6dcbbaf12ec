// What an origin needs to run: its settings, the mode in which it runs, and the functions with which the command reads and prints.

import type { Secrets } from "../../core/admission/candidate.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { createOriginApp } from "../app.ts";
import type { Retention } from "../inbox/inbox.ts";
import type { RefusalLimits } from "../inbox/refusals/refusals.ts";
import type { Address } from "../node/listening.ts";
import type { RunningServer } from "../node/server.ts";
import type { ProofOptions } from "../options.ts";
import type { ConsoleSettings } from "./console.ts";
import type { DispatchTarget } from "./target.ts";

export interface OriginSettings {
  /** The policy file. */
  readonly policy: string;
  readonly inbox: string;
  /** True if the inbox may be on a network file system. */
  readonly anyway: boolean;
  readonly retention: Retention;
  /** Undefined if no refused requests are kept. */
  readonly refusals: RefusalLimits | undefined;
  /** The number of seconds for which the start waits until a database can be reached. */
  readonly waitSeconds: number;
  readonly crls?: string | undefined;
  /** Undefined if no metrics are served. */
  readonly metrics: Address | undefined;
  readonly console: ConsoleSettings | undefined;
}

/** The contents of the files that a mode reads. */
export interface Loaded {
  readonly policy: Policy;
  /** The secrets that the policy names. */
  readonly secrets: Secrets;
}

/** The parts from which a mode makes its server. */
export interface Runtime<T extends Loaded> {
  /** Creates the origin's app. The app judges each request by the current policy and revocation lists. */
  readonly createApp: (proof: ProofOptions) => ReturnType<typeof createOriginApp>;
  /**
   * Returns the contents of the files, as the last successful load read them. Call this function each time instead of keeping the
   * result, because a reload replaces the contents.
   */
  readonly loaded: () => T;
  readonly log: (line: LogLine) => void;
}

export interface Listening<T extends Loaded> extends RunningServer {
  /**
   * Receives the contents of a reload, for a server that does not read them from `Runtime.loaded`. If this function throws, the
   * reload is refused.
   */
  readonly apply?: (loaded: T) => void;
}

/** The functions that receive the program's lines. */
export interface Output {
  /** Writes a line of the log. */
  readonly log: (line: LogLine) => void;
  /** Receives a line that is not part of the log, for example a warning about a file of a secret or about a revocation list. */
  readonly warn: (line: LogLine) => void;
  /** Receives a text for people. */
  readonly notice: (text: string) => void;
}

/** The addresses at which the program can be reached. */
export interface Ready {
  readonly url: string;
  readonly metrics: string | undefined;
  readonly console: string | undefined;
}

/** One mode of the origin. */
export interface Mode<T extends Loaded> {
  /** The files whose change causes a reload, the policy file included. The files of secrets are watched in addition. */
  readonly files: readonly string[];
  /** Reads the files. @throws ConfigurationError that lists every problem */
  readonly load: () => Promise<T>;
  readonly listen: (runtime: Runtime<T>) => Promise<Listening<T>>;
  /**
   * Prepares the address at which several processes listen, for example the path of a socket. Returns the umask with which the
   * processes must run, or undefined if the umask stays the same.
   */
  readonly prepareToShare?: () => Promise<number | undefined>;
  /** Returns facts for the log line of a reload. */
  readonly describe?: (loaded: T) => Readonly<Record<string, unknown>>;
  /** Returns the certificates of the listener, in PEM. Their expiry is watched. */
  readonly certificates?: (loaded: T) => readonly string[];
}

/** A mode, and the functions with which its command reads and prints. */
export interface OriginMode<T extends Loaded> extends Mode<T> {
  readonly settings: OriginSettings;
  /** The version of the program, for the metrics. */
  readonly version: string;
  readonly output: Output;
  /**
   * Loads the target to which events are delivered. Returns undefined if events are only stored. Called in each process that
   * serves. @throws ConfigurationError
   */
  readonly loadTarget: () => Promise<DispatchTarget | undefined>;
  /** Reads the current policy file without printing its warnings. @throws ConfigurationError */
  readonly readPolicy: () => Policy;
  /** Reads the lines of a log file that an earlier run wrote. @throws Error if the file is no log */
  readonly readLog: (file: string) => readonly LogLine[];
  /** Called once, when the program can be reached. With several processes, it is called in the primary. */
  readonly onReady: (ready: Ready) => void;
}
