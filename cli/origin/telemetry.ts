// Where a process reports its counts, durations and expiries. A single process has its own log and metrics. A worker sends them to
// the primary, which serves the metrics and logs each ending once.

import cluster from "node:cluster";
import type { LogLine } from "../../core/log-line.ts";
import { type Expiry, warnOfExpiries } from "../../core/policy/expiry.ts";
import type { Backlog } from "../../origin/inbox/inbox.ts";
import type { RefusalStock } from "../../origin/inbox/refusals/refusals.ts";
import type { Address } from "../../origin/node/listening.ts";
import { problemsOf } from "../../origin/problems.ts";
import { Health, type ProcessState } from "../../origin/service/health.ts";
import { type PrimaryOptions, runWorkers } from "../../origin/service/workers.ts";
import { UsageError } from "../command.ts";
import { printLogLine } from "../output.ts";
import type { RunningConsole } from "./console.ts";
import { type Count, type Duration, Metrics } from "./metrics.ts";

/** What waits in the inbox now, and when senders last presented certificates. */
export interface Stock {
  readonly backlog: Backlog;
  readonly refusals: RefusalStock;
  /** When each sender was last accepted with a certificate, in Unix seconds. */
  readonly presented: readonly (readonly [sender: string, seconds: number])[];
}

export interface WatchOutlet {
  /** The URL of the metrics. Undefined if this process does not serve them. */
  readonly url: string | undefined;
  count(count: Count, times?: number): void;
  observe(duration: Duration): void;
  /** Refusals that are not kept. */
  countDropped(refusals: number): void;
  setStock(stock: Stock): void;
  /** Reports the state of this process. */
  report(state: ProcessState): void;
  /** Takes all expiries as of `now`. The metrics show them. Those that are due are logged. */
  tell(expiries: readonly Expiry[], now: number): void;
  /** Called after the ready line is printed. Only then may expiries be logged. */
  start(): void;
  close(): void;
}

/** The outlet of a process without workers. @throws UsageError if the metrics cannot listen at the address */
export async function openOutlet(address: Address | undefined): Promise<WatchOutlet> {
  return await openOutletOf(address, new Health(1));
}

async function openOutletOf(address: Address | undefined, health: Health): Promise<WatchOutlet> {
  const metrics = address && (await Metrics.load());
  const server = address && (await metrics?.serve(address, printLogLine, health).catch(refuseAddress));
  const warned = new Set<string>();
  let isStarted = false;
  let last: readonly [expiries: readonly Expiry[], now: number] = [[], 0];
  const warn = () => {
    for (const line of isStarted ? warnOfExpiries(...last, warned) : []) printLogLine(line);
  };
  return {
    url: server?.url,
    count: (count, times) => metrics?.count(count, times),
    observe: (duration) => metrics?.observe(duration),
    countDropped: (refusals) => metrics?.countDropped(refusals),
    setStock({ backlog, presented, refusals }) {
      metrics?.setBacklog(backlog);
      metrics?.setRefusals(refusals);
      metrics?.setPresented(presented);
    },
    report: (state) => health.take(state),
    tell(expiries, now) {
      last = [expiries, now];
      metrics?.setExpiries(expiries);
      warn();
    },
    start() {
      isStarted = true;
      warn();
    },
    close: () => server?.close(),
  };
}

/** Counts are sent in batches: a message for each would cost more than the log line of the decision. */
const FLUSH_MILLISECONDS = 500;

function refuseAddress(error: unknown): never {
  throw new UsageError(`--metrics: ${problemsOf(error).join("; ")}`);
}

interface Report {
  readonly counts?: readonly (readonly [count: Count, times: number])[];
  readonly expiries?: readonly [expiries: readonly Expiry[], now: number];
  readonly durations?: readonly Duration[];
  readonly dropped?: number;
  readonly stock?: Stock;
  readonly state?: ProcessState;
}

/** The outlet of a worker. If the worker is killed, it loses the counts of the last half second. */
export function openWorkerOutlet(): WatchOutlet {
  const counts = new Map<string, { readonly count: Count; times: number }>();
  let durations: Duration[] = [];
  let dropped = 0;
  let timer: NodeJS.Timeout | undefined;
  const report = (watch: Report) => process.connected && process.send?.({ watch });
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (counts.size > 0) report({ counts: Array.from(counts.values(), ({ count, times }) => [count, times]) });
    counts.clear();
    if (durations.length > 0) report({ durations });
    durations = [];
    if (dropped > 0) report({ dropped });
    dropped = 0;
  };
  return {
    url: undefined,
    count(count, times = 1) {
      const key = Object.values(count).join("\n");
      const counted = counts.get(key);
      if (counted === undefined) counts.set(key, { count, times });
      else counted.times += times;
      timer ??= setTimeout(flush, FLUSH_MILLISECONDS);
    },
    observe(duration) {
      durations.push(duration);
      timer ??= setTimeout(flush, FLUSH_MILLISECONDS);
    },
    countDropped(refusals) {
      dropped += refusals;
      timer ??= setTimeout(flush, FLUSH_MILLISECONDS);
    },
    setStock: (stock) => void report({ stock }),
    report: (state) => void report({ state }),
    tell: (...expiries) => void report({ expiries }),
    start() {},
    close: flush,
  };
}

/** As `runWorkers`. The primary collects the reports of all workers. */
export async function runWatchedWorkers(
  count: number,
  address: Address | undefined,
  serve: () => Promise<number>,
  options: Pick<PrimaryOptions, "onStop" | "mask" | "silentMilliseconds"> & {
    readonly onReady: (url: string, metrics: string | undefined, console: string | undefined) => void;
    /** Called in the primary, before the workers start. */
    readonly openConsole: (log: (line: LogLine) => void) => Promise<RunningConsole | undefined>;
  },
): Promise<number> {
  // Workers run the same command line, but only the primary opens the port of the metrics.
  const health = new Health(count);
  const outlet = cluster.isPrimary ? await openOutletOf(address, health) : openWorkerOutlet();
  const log = (line: LogLine) => {
    printLogLine(line);
    outlet.count({ decision: line.decision, code: String(line["code"] ?? ""), route: "", sender: "" });
  };
  const shown = cluster.isPrimary ? await openOrClose(() => options.openConsole(log), outlet) : undefined;
  const onReady = (url: string) => {
    options.onReady(url, outlet.url, shown?.url);
    outlet.start();
  };
  const onDeath = (line: LogLine) => {
    log(line);
    health.forget(Number(line["pid"]));
  };
  const onMessage = ({ watch }: { readonly watch?: Report }) => {
    for (const counted of watch?.counts ?? []) outlet.count(...counted);
    for (const duration of watch?.durations ?? []) outlet.observe(duration);
    if (watch?.dropped !== undefined) outlet.countDropped(watch.dropped);
    if (watch?.stock !== undefined) outlet.setStock(watch.stock);
    if (watch?.state !== undefined) outlet.report(watch.state);
    if (watch?.expiries !== undefined) outlet.tell(...watch.expiries);
  };
  try {
    return await runWorkers(count, serve, { ...options, onReady, onMessage, onDeath });
  } finally {
    await shown?.close();
    outlet.close();
  }
}

async function openOrClose<T>(open: () => Promise<T>, outlet: WatchOutlet): Promise<T> {
  try {
    return await open();
  } catch (error) {
    outlet.close();
    throw error;
  }
}
