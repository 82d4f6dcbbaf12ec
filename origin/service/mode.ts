// What the program of an origin is given: its settings, one way in, and what its command reads and prints.

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
  /** Whether the inbox may be on a network file system. */
  readonly anyway: boolean;
  readonly retention: Retention;
  /** Undefined if no refused requests are kept. */
  readonly refusals: RefusalLimits | undefined;
  /** How long the start waits for a database. */
  readonly waitSeconds: number;
  readonly crls?: string | undefined;
  /** Undefined if no metrics are served. */
  readonly metrics: Address | undefined;
  readonly console: ConsoleSettings | undefined;
}

/** What the files hold. */
export interface Loaded {
  readonly policy: Policy;
  /** Those that the policy names. */
  readonly secrets: Secrets;
}

/** What a way in makes its server from. */
export interface Runtime<T extends Loaded> {
  /** The origin's app: it judges each request by the policy and the lists of now. */
  readonly createApp: (proof: ProofOptions) => ReturnType<typeof createOriginApp>;
  /** What the files held when they were last loaded without a fault: to be asked for anew, not kept. */
  readonly loaded: () => T;
  readonly log: (line: LogLine) => void;
}

export interface Listening<T extends Loaded> extends RunningServer {
  /** Takes from a reload what the server does not ask for by itself. A fault refuses the reload. */
  readonly apply?: (loaded: T) => void;
}

/** Where the program's lines go. */
export interface Output {
  /** A line of the log. */
  readonly log: (line: LogLine) => void;
  /** A line beside the log: it tells of no request. */
  readonly warn: (line: LogLine) => void;
  /** A text for people. */
  readonly notice: (text: string) => void;
}

/** Where the program can be reached. */
export interface Ready {
  readonly url: string;
  readonly metrics: string | undefined;
  readonly console: string | undefined;
}

/** One way into the origin. */
export interface WayIn<T extends Loaded> {
  /** The files whose change reloads, beside those of secrets; the policy's is among them. */
  readonly files: readonly string[];
  /** Reads them. @throws ConfigurationError that lists every problem */
  readonly load: () => Promise<T>;
  readonly listen: (runtime: Runtime<T>) => Promise<Listening<T>>;
  /** Before several processes listen in the one place: returns the file mode mask with which they run, where this one has to have another. */
  readonly prepareToShare?: () => Promise<number | undefined>;
  /** Facts of the line that tells of a reload. */
  readonly describe?: (loaded: T) => Readonly<Record<string, unknown>>;
  /** The certificates of its listener, in PEM, whose end is watched. */
  readonly certificates?: (loaded: T) => readonly string[];
}

/** A way in, and what the command that runs it reads and prints. */
export interface OriginMode<T extends Loaded> extends WayIn<T> {
  readonly settings: OriginSettings;
  /** Of the program, for the metrics. */
  readonly version: string;
  readonly output: Output;
  /** Undefined if events are only stored. Called in each process that serves. @throws ConfigurationError */
  readonly loadTarget: () => Promise<DispatchTarget | undefined>;
  /** The policy file as it is now, without notices. @throws ConfigurationError */
  readonly readPolicy: () => Policy;
  /** The lines of a log that was written before. @throws Error if the file is no log */
  readonly readLog: (file: string) => readonly LogLine[];
  /** Called once, when it can be reached: in the primary, of several processes. */
  readonly onReady: (ready: Ready) => void;
}
