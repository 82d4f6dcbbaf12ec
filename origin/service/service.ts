// Runs an origin in any mode, with an inbox, revocation lists, one log, handlers, metrics and a console. Stops all of these in the
// right order.

import cluster from "node:cluster";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { showUrl } from "../../core/url.ts";
import { createOriginApp } from "../app.ts";
import type { ProofOptions } from "../options.ts";
import { openConsole, placesOf, type RunningConsole } from "./console.ts";
import { CurrentFiles } from "./current-files.ts";
import { keepRefusals } from "./kept-refusals.ts";
import { notifyReady, notifyStopping, watchdogMilliseconds } from "./manager.ts";
import type { Loaded, OriginMode, Ready } from "./mode.ts";
import { openLog } from "./observations.ts";
import { warnOfReadableSecrets, warnOfShownPassword } from "./secret-notices.ts";
import { untilSignal } from "./signals.ts";
import { type Dispatch, type DispatchTarget, openDispatch, requireTarget } from "./target.ts";
import type { Telemetry } from "./telemetry.ts";
import { openWatch, type Watch } from "./watch.ts";
import { runWorkers } from "./workers/run.ts";
import { openWorkerTelemetry } from "./workers/telemetry.ts";
import { announceReady, runWorker } from "./workers/worker.ts";

const END_MILLISECONDS = 1_000;

/**
 * Runs until a signal arrives, in `workers` processes. `first` is the configuration. The caller has loaded it before, because a
 * fault in the configuration must prevent the start. Resolves to the exit code.
 */
export async function serveOrigin<T extends Loaded>(mode: OriginMode<T>, first: T, workers = 1): Promise<number> {
  if (workers === 1) return await serveHere(mode, first);
  if (cluster.isPrimary) return await runWorkers(workers, mode, first, (ready) => tellReady(mode, ready));
  return await runWorker(() => serveHere(mode, first, openWorkerTelemetry()), watchdogMilliseconds());
}

/** Serves in this process. `telemetry` is set only if this process is a worker. */
async function serveHere<T extends Loaded>(given: OriginMode<T>, first: T, telemetry?: Telemetry): Promise<number> {
  // From here on, signals are caught. Whoever reads the ready line may send a signal at once, and an earlier signal must not be
  // lost either.
  const stopped = untilSignal();
  const { settings, version, output } = given;
  const target = await given.loadTarget();
  requireTarget(first.policy, target);
  warnOfReadableSecrets(first.policy, output.warn);
  warnOfShownPassword(settings.inbox, output.warn);
  const mode = withTarget(given, target);
  let inForce = () => first;
  let listEnds = (): ReadonlyMap<string, number> => new Map();
  const watched = () => ({
    policy: inForce().policy,
    certificates: mode.certificates?.(inForce()) ?? [],
    listEnds: listEnds(),
  });
  const watch = await openWatch({ settings, version, output, watched, telemetry }, stopped);
  if (watch === undefined) return 0;
  const kept = keepRefusals(settings.refusals, watch, () => inForce().policy);
  const log = kept.logging(openLog(settings.inbox, watch.log, mode.readLog));
  const files = await CurrentFiles.open(mode, first, log);
  ({ loaded: inForce, listEnds } = files);
  try {
    await serveUntil(stopped, { mode, target, watch, files, log, isWorker: telemetry !== undefined });
  } finally {
    // `files` handles SIGHUP until it is closed. So it is closed after the responses are sent. Otherwise a SIGHUP during the stop
    // would end the process too early.
    await files.close();
    await kept.close();
    await watch.close();
  }
  if (target !== undefined) endSoon();
  return 0;
}

/** The parts that a process has opened before it begins to listen. */
interface Parts<T extends Loaded> {
  readonly mode: OriginMode<T>;
  readonly target: DispatchTarget | undefined;
  readonly watch: Watch;
  readonly files: CurrentFiles<T>;
  readonly log: (line: LogLine) => void;
  readonly isWorker: boolean;
}

async function serveUntil<T extends Loaded>(stopped: Promise<unknown>, parts: Parts<T>): Promise<void> {
  const { mode, target, watch, files, log, isWorker } = parts;
  const dispatch = openDispatch(target, { inbox: watch.inbox, log });
  const shown = await openOwnConsole(parts);
  try {
    const server = await mode.listen({
      createApp: (proof: ProofOptions) => createAppOf(parts, dispatch, proof),
      loaded: files.loaded,
      log,
    });
    files.watch(server.apply);
    announceReady(server.url, (url) => tellReady(mode, { url, metrics: watch.url, console: shown?.url }));
    watch.start();
    dispatch.start();
    const stopReports = watch.watchHealth(() => [
      ...lackingLists(files.loaded().policy, files.lacking()),
      ...faultOf(dispatch),
    ]);
    await stopped;
    stopReports();
    if (!isWorker) notifyStopping(mode.output.warn);
    // The server and dispatch stop together, because responses that are not yet sent may wait for handlers.
    await Promise.all([server.close(), dispatch.stop()]);
  } finally {
    await shown?.close();
  }
}

/** Creates an app that judges each request by the policy, secrets and lists that are in force when the request arrives. */
function createAppOf<T extends Loaded>(
  { target, watch, files, log }: Parts<T>,
  dispatch: Dispatch,
  proof: ProofOptions,
): ReturnType<typeof createOriginApp> {
  const options = {
    get policy() {
      return files.loaded().policy;
    },
    get secrets() {
      return files.loaded().secrets;
    },
    lists: files.lists,
    accept: watch.timed(dispatch.accept),
    log,
    ...proof,
  };
  return createOriginApp(options, { answers: dispatch.answers, keys: target?.keys });
}

/** Opens the console of this process. If there are several processes, only the primary has a console. */
async function openOwnConsole<T extends Loaded>(parts: Parts<T>): Promise<RunningConsole | undefined> {
  const { mode, watch, files, log, isWorker } = parts;
  if (mode.settings.console === undefined || isWorker) return undefined;
  return await openConsole(mode.settings.console, {
    ...placesOf(mode.settings),
    inbox: watch.inbox,
    policy: () => files.loaded().policy,
    secrets: () => files.loaded().secrets,
    lists: files.lists,
    log,
  });
}

function faultOf(dispatch: Dispatch): string[] {
  const fault = dispatch.fault();
  return fault === undefined ? [] : [`events are not handed on: ${fault}`];
}

/** Returns a text for each required revocation list that is missing or not current. Without such a list, events are refused. */
function lackingLists({ anchors }: Policy, lacking: readonly string[]): string[] {
  const required = new Set(
    anchors.flatMap(({ revocation }) => (revocation?.freshness === "require" ? revocation.sources : [])),
  );
  return lacking.filter((source) => required.has(source)).map((source) => `no current list of ${showUrl(source)}`);
}

/** Ends a process that has nothing more to do, even if the user's module left something open. */
function endSoon(): void {
  setTimeout(() => process.exit(), END_MILLISECONDS).unref();
}

/**
 * Extends a mode, so that a reload also loads new keys for the upstream. If there is no handler, a reload refuses a policy that
 * needs a handler.
 */
function withTarget<T extends Loaded>(mode: OriginMode<T>, target: DispatchTarget | undefined): OriginMode<T> {
  return {
    ...mode,
    files: [...mode.files, ...(target?.files ?? [])],
    async load() {
      const loaded = await mode.load();
      requireTarget(loaded.policy, target);
      warnOfReadableSecrets(loaded.policy, mode.output.warn);
      await target?.reload();
      return loaded;
    },
  };
}

function tellReady<T extends Loaded>({ onReady, output }: OriginMode<T>, ready: Ready): void {
  onReady(ready);
  notifyReady(ready.url, output.warn);
}
