// Telemetry receives the counts, durations and expiries that a process reports. This file has the telemetry of a process that
// serves its own metrics.

import { ConfigurationError } from "../../core/configuration-error.ts";
import type { LogLine } from "../../core/log-line.ts";
import { type Expiry, warnOfExpiries } from "../../core/policy/expiry.ts";
import type { Backlog } from "../inbox/inbox.ts";
import type { RefusalStock } from "../inbox/refusals/refusals.ts";
import type { Address } from "../node/listening.ts";
import { problemsOf } from "../problems.ts";
import type { Health, ProcessState } from "./health.ts";
import type { Count, Duration } from "./metrics/labels.ts";
import { Metrics } from "./metrics/metrics.ts";
import { serveMetrics } from "./metrics/server.ts";

/**
 * The current numbers of events and refusals in the inbox. Also the time at which each sender was last accepted with a certificate,
 * and the time at which the revocation list of each source expires.
 */
export interface Stock {
  readonly backlog: Backlog;
  readonly refusals: RefusalStock;
  /** The time at which each sender was last accepted with a certificate, in Unix seconds. */
  readonly presented: readonly (readonly [sender: string, seconds: number])[];
  /** For each source, the latest `nextUpdate` of its revocation lists, in Unix seconds. It is 0 for a source without a list. */
  readonly listEnds: readonly (readonly [source: string, seconds: number])[];
}

export interface Telemetry {
  /** The URL of the metrics. Undefined if this process does not serve them. */
  readonly url: string | undefined;
  count(count: Count, times?: number): void;
  observe(duration: Duration): void;
  /** Counts refusals that were not kept. */
  countDropped(refusals: number): void;
  setStock(stock: Stock): void;
  report(state: ProcessState): void;
  /**
   * Receives all expiries, as they are at the time `now`. The metrics show all of them. The log has only expiries for which a
   * warning is due.
   */
  tell(expiries: readonly Expiry[], now: number): void;
  /** Must be called after the ready line is printed. Expiries are not logged before this call. */
  start(): void;
  close(): void;
}

export interface TelemetryOptions {
  /** The address of the metrics. Undefined if no metrics are served. */
  readonly address: Address | undefined;
  readonly version: string;
  readonly health: Health;
  readonly log: (line: LogLine) => void;
}

/** @throws ConfigurationError if the metrics cannot listen at the address */
export async function openTelemetry({ address, version, health, log }: TelemetryOptions): Promise<Telemetry> {
  const metrics = address && (await Metrics.load(version));
  const server = metrics && (await serveMetrics({ metrics, health }, address, log).catch(refuseAddress));
  const warned = new Set<string>();
  let isStarted = false;
  let last: readonly [expiries: readonly Expiry[], now: number] = [[], 0];
  const warn = () => {
    for (const line of isStarted ? warnOfExpiries(...last, warned) : []) log(line);
  };
  return {
    url: server?.url,
    count: (count, times) => metrics?.count(count, times),
    observe: (duration) => metrics?.observe(duration),
    countDropped: (refusals) => metrics?.countDropped(refusals),
    setStock({ backlog, presented, refusals, listEnds }) {
      metrics?.setBacklog(backlog);
      metrics?.setRefusals(refusals);
      metrics?.setPresented(presented);
      metrics?.setListEnds(listEnds);
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

function refuseAddress(error: unknown): never {
  throw new ConfigurationError("--metrics", [problemsOf(error).join("; ")]);
}
