// What every way of running `countersign origin` shares: an inbox, revocation lists, one log, an end in good order, and
// files that are loaded before the start and again when they change. They are replaced as a whole, or not at all.

import cluster from "node:cluster";
import type { Secrets } from "../../core/admission/candidate.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { showUrl } from "../../core/url.ts";
import { createOriginApp } from "../../origin/app.ts";
import type { CrlStore } from "../../origin/crls/store.ts";
import type { Retention } from "../../origin/inbox/inbox.ts";
import type { RefusalLimits } from "../../origin/inbox/refusals/refusals.ts";
import type { Address } from "../../origin/node/listening.ts";
import type { RunningServer } from "../../origin/node/server.ts";
import type { ProofOptions } from "../../origin/options.ts";
import { problemsOf } from "../../origin/problems.ts";
import { openCrls } from "../../origin/service/crls.ts";
import { notifyReady, notifyStopping, watchdogMilliseconds } from "../../origin/service/manager.ts";
import { untilSignal } from "../../origin/service/signals.ts";
import { watchFiles } from "../../origin/service/watch-files.ts";
import { announceReady } from "../../origin/service/workers.ts";
import { openLog } from "../log/observations.ts";
import { complainLogLine, printText } from "../output.ts";
import { openConsole, placesOf, type RunningConsole } from "./console.ts";
import type { ConsoleSettings } from "./console-options.ts";
import { openWatch } from "./expiry-watch.ts";
import { keepRefusals } from "./kept-refusals.ts";
import { secretFilesOf, warnOfReadableSecrets, warnOfShownPassword } from "./secret-notices.ts";
import { openSharedConsole } from "./shared-console.ts";
import {
  type Dispatch,
  type DispatchSettings,
  type DispatchTarget,
  loadTarget,
  openDispatch,
  requireTarget,
} from "./target.ts";
import { openWorkerOutlet, runWatchedWorkers, type WatchOutlet } from "./telemetry.ts";

const END_MILLISECONDS = 1_000;

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
  readonly metrics: Address | undefined;
  readonly console: ConsoleSettings | undefined;
  readonly dispatch: DispatchSettings;
  readonly json: boolean;
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

/** One way into the origin. */
export interface OriginMode<T extends Loaded> {
  readonly settings: OriginSettings;
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
  /** The ready line for people. */
  readonly greet: (url: string) => string;
}

/**
 * Runs until a signal, in so many processes, beginning with what has been loaded: a fault in it has stopped the start
 * before.
 */
export async function serveOrigin<T extends Loaded>(way: OriginMode<T>, first: T, workers = 1): Promise<number> {
  const { settings } = way;
  if (workers === 1) return await serveHere(way, first);
  const serve = () => serveHere(way, first, openWorkerOutlet());
  return await runWatchedWorkers(workers, settings.metrics, serve, {
    onReady: (url, metrics, shown) => printReady(way, url, metrics, shown),
    openConsole: (log) => openSharedConsole(settings, first.policy, log),
    onStop: () => notifyStopping(complainLogLine),
    mask: cluster.isPrimary ? await way.prepareToShare?.() : undefined,
    silentMilliseconds: watchdogMilliseconds(),
  });
}

async function serveHere<T extends Loaded>(given: OriginMode<T>, first: T, outlet?: WatchOutlet): Promise<number> {
  // From now on: whoever reads the ready line may send a signal at once, and one that comes before it must not be lost.
  const stopped = untilSignal();
  const { settings } = given;
  const target = await loadTarget(settings.dispatch);
  requireTarget(first.policy, target);
  warnOfReadableSecrets(first.policy);
  warnOfShownPassword(settings.inbox);
  const way = withTarget(given, target);
  let inForce = () => first;
  const watched = () => ({ policy: inForce().policy, certificates: way.certificates?.(inForce()) ?? [] });
  const watch = await openWatch(settings, watched, stopped, outlet);
  if (watch === undefined) return 0;
  const kept = keepRefusals(settings.refusals, watch, () => inForce().policy);
  const log = kept.logging(openLog(settings.inbox, watch.log));
  const files = await CurrentFiles.open(way, first, log);
  let shown: RunningConsole | undefined;
  try {
    const { loaded, lists } = files;
    inForce = loaded;
    const dispatch = openDispatch(target, { inbox: watch.inbox, policy: () => loaded().policy, log });
    const createApp: Runtime<T>["createApp"] = (proof) => {
      const options = {
        get policy() {
          return loaded().policy;
        },
        get secrets() {
          return loaded().secrets;
        },
        lists,
        accept: watch.timed(dispatch.accept),
        log,
        ...proof,
      };
      return createOriginApp(options, { answers: dispatch.answers, keys: target?.keys });
    };
    // Of several processes the primary has it.
    if (settings.console !== undefined && outlet === undefined)
      shown = await openConsole(settings.console, {
        ...placesOf(settings),
        inbox: watch.inbox,
        policy: () => loaded().policy,
        secrets: () => loaded().secrets,
        lists,
        log,
      });
    const server = await way.listen({ createApp, loaded, log });
    files.watch(server.apply);
    announceReady(server.url, (url) => printReady(way, url, watch.url, shown?.url));
    watch.start();
    dispatch.start();
    const stopReports = watch.watchHealth(() => [
      ...lackingLists(loaded().policy, files.lacking()),
      ...faultOf(dispatch),
    ]);
    await stopped;
    stopReports();
    if (outlet === undefined) notifyStopping(complainLogLine);
    // Together: answers that are owed may wait for handlers.
    await Promise.all([server.close(), dispatch.stop()]);
  } finally {
    await shown?.close();
    // Last: without it a SIGHUP during the stop would end the process before its answers.
    await files.close();
    await kept.close();
    await watch.close();
  }
  if (target !== undefined) endSoon();
  return 0;
}

function faultOf(dispatch: Dispatch): string[] {
  const fault = dispatch.fault();
  return fault === undefined ? [] : [`events are not handed on: ${fault}`];
}

/** Lists without which events are refused. */
function lackingLists({ anchors }: Policy, lacking: readonly string[]): string[] {
  const required = new Set(
    anchors.flatMap(({ revocation }) => (revocation?.freshness === "require" ? revocation.sources : [])),
  );
  return lacking.filter((source) => required.has(source)).map((source) => `no current list of ${showUrl(source)}`);
}

/** What the user's module left open must not hold a process that has nothing more to do. */
function endSoon(): void {
  setTimeout(() => process.exit(), END_MILLISECONDS).unref();
}

/** A reload also takes new keys for the upstream, and refuses a policy that needs a handler where there is none. */
function withTarget<T extends Loaded>(way: OriginMode<T>, target: DispatchTarget | undefined): OriginMode<T> {
  return {
    ...way,
    files: [...way.files, ...(target?.files ?? [])],
    async load() {
      const loaded = await way.load();
      requireTarget(loaded.policy, target);
      warnOfReadableSecrets(loaded.policy);
      await target?.reload();
      return loaded;
    },
  };
}

/** Prints the line that tells that, and where, it listens. */
function printReady<T extends Loaded>(
  { settings, greet }: OriginMode<T>,
  url: string,
  metrics?: string,
  shown?: string,
): void {
  const text = shown === undefined ? greet(url) : `${greet(url)}, console at ${shown}`;
  printText(settings.json ? JSON.stringify({ origin: url, metrics, console: shown }) : text);
  notifyReady(url, complainLogLine);
}

/** What requests are judged by, replaced as a whole. */
class CurrentFiles<T extends Loaded> {
  readonly #way: OriginMode<T>;
  readonly #log: (line: LogLine) => void;
  #loaded: T;
  #crls: CrlStore;
  #stopWatching = () => {};
  /** One reload at a time: each closes the lists of the one before. */
  #reloads = Promise.resolve();

  private constructor(way: OriginMode<T>, loaded: T, crls: CrlStore, log: (line: LogLine) => void) {
    this.#way = way;
    this.#loaded = loaded;
    this.#crls = crls;
    this.#log = log;
  }

  static async open<T extends Loaded>(
    way: OriginMode<T>,
    first: T,
    log: (line: LogLine) => void,
  ): Promise<CurrentFiles<T>> {
    return new CurrentFiles(way, first, await openCrls(first.policy, way.settings, complainLogLine), log);
  }

  readonly loaded = (): T => this.#loaded;
  readonly lists = () => this.#crls.lists();
  readonly lacking = () => this.#crls.lacking();

  watch(apply: Listening<T>["apply"]): void {
    this.#stopWatching = watchFiles(
      () => [...this.#way.files, ...secretFilesOf(this.#loaded.policy)],
      () => {
        this.#reloads = this.#reloads.then(() => this.#reload(apply));
      },
    );
  }

  async close(): Promise<void> {
    this.#stopWatching();
    await this.#reloads;
    this.#crls.close();
  }

  /** A broken new file keeps the old state and says so. */
  async #reload(apply: Listening<T>["apply"]): Promise<void> {
    const { load, settings, describe } = this.#way;
    try {
      const loaded = await load();
      const crls = await openCrls(loaded.policy, settings, complainLogLine);
      try {
        apply?.(loaded);
      } catch (error) {
        crls.close();
        throw error;
      }
      this.#crls.close();
      [this.#loaded, this.#crls] = [loaded, crls];
      this.#log({ decision: "reloaded", policy: loaded.policy.digest, ...describe?.(loaded) });
    } catch (error) {
      this.#log({
        decision: "failed",
        code: "reload_refused",
        why: "the files in force stay in force",
        policy: this.#loaded.policy.digest,
        problems: problemsOf(error),
      });
    }
  }
}
