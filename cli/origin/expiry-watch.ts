// What a running origin watches: the ends of certificates, anchors and windows, and what senders present for the first
// time. It opens the inbox, which knows both, and is the one log of the process.

import { messageOf } from "../../core/failure-chain.ts";
import type { LogLine } from "../../core/log-line.ts";
import { sendersInUse } from "../../core/policy/expiry.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { formatTime } from "../../core/x509/crl.ts";
import type { AcceptDelivery } from "../../origin/accept.ts";
import { systemClock } from "../../origin/clock.ts";
import { listExpiries } from "../../origin/expiry.ts";
import type { FirstSight, Inbox, Retention } from "../../origin/inbox/inbox.ts";
import { openInbox } from "../../origin/inbox/open.ts";
import { startRetention } from "../../origin/inbox/retention.ts";
import type { Address } from "../../origin/node/listening.ts";
import { startReports } from "../../origin/service/health.ts";
import { listenerExpiry } from "../../origin/service/listener-certificate.ts";
import { openWhenThere } from "../../origin/service/store-waiting.ts";
import { isReporter } from "../../origin/service/workers.ts";
import { complain, complainLogLine, printLogLine } from "../output.ts";
import { toCount, toDuration } from "./metrics.ts";
import { openOutlet, type Stock, type WatchOutlet } from "./telemetry.ts";

export interface WatchSettings {
  readonly inbox: string;
  /** Whether the inbox may be on a network file system. */
  readonly anyway: boolean;
  readonly retention: Retention;
  /** How long the start waits for a database. */
  readonly waitSeconds: number;
  /** Undefined where no metrics are asked for. */
  readonly metrics: Address | undefined;
}

/** What is in force now: a reload may replace it. */
export interface Watched {
  readonly policy: Policy;
  /** Of the listener, in PEM; empty where somebody else terminates TLS. */
  readonly certificates: readonly string[];
}

export interface Watch {
  readonly inbox: Inbox;
  /** Of the metrics. */
  readonly url: string | undefined;
  /** Prints a line, and counts it. */
  log(line: LogLine): void;
  /** Counts refusals that are not kept. */
  countDropped(refusals: number): void;
  /** The same `accept`, and the metrics tell how long it takes. */
  timed(accept: AcceptDelivery): AcceptDelivery;
  /**
   * Reports from now on whether this process could accept an event; `problems` are those that only the caller knows. Returns what
   * reports that the process stops.
   */
  watchHealth(problems: () => readonly string[]): () => void;
  /** After the ready line: tells what ends soon, now and from then on. */
  start(): void;
  /** The inbox with it. */
  close(): Promise<void>;
}

export const METRICS_HELP = `
  --metrics [HOST:]PORT  serve Prometheus metrics at /metrics, and the probes /livez and /readyz (off unless given; HOST is
                    127.0.0.1 unless given)`;

/** So that metrics and warnings follow the clock closely; each warning is given once. */
const LOOK_MILLISECONDS = 5 * 60_000;
/** What waits: as often as Prometheus usually asks. */
const STOCK_MILLISECONDS = 15_000;
/** How long after a reload or a new certificate it looks: what follows from it is in force then. */
const SOON_MILLISECONDS = 250;
/** The largest share of the time that looking may take, however many new certificates are presented. */
const MOST_TIME_LOOKING = 1 / 20;

/**
 * Undefined when the program is to end before its database is there.
 * @throws ConfigurationError when the inbox or the port of the metrics cannot be had
 */
export async function openWatch(
  settings: WatchSettings,
  watched: () => Watched,
  stopped: Promise<unknown>,
  given?: WatchOutlet,
): Promise<Watch | undefined> {
  const outlet = given ?? (await openOutlet(settings.metrics));
  const options = { onNewCertificate, onNotice, allowNetworkFileSystem: settings.anyway };
  const opened = await openWhenThere(
    () => openInbox(settings.inbox, options),
    settings.waitSeconds,
    stopped,
    complainLogLine,
  );
  if (opened === undefined) {
    outlet.close();
    return undefined;
  }
  const inbox = opened;
  const stopErasing = startRetention(inbox, settings.retention, (error) =>
    log({ decision: "failed", code: "retention_failed", cause: messageOf(error) }),
  );
  let interval: NodeJS.Timeout | undefined;
  let soon: NodeJS.Timeout | undefined;
  let isClosed = false;
  let lookMilliseconds = 0;
  let presented: Stock["presented"] = [];
  let stock: NodeJS.Timeout | undefined;

  function log(line: LogLine): void {
    printLogLine(line);
    if (settings.metrics !== undefined) {
      outlet.count(toCount(line, watched().policy));
      const duration = toDuration(line);
      if (duration !== undefined) outlet.observe(duration);
    }
    if (line.decision === "reloaded") lookSoon();
  }

  function onNewCertificate(firstSights: readonly FirstSight[]): void {
    for (const { since, ...sight } of firstSights) log({ decision: "noticed", ...sight, since: formatTime(since) });
    lookSoon();
  }

  function onNotice(text: string): void {
    if (isReporter()) complain(`countersign: ${text}`);
  }

  function timed(accept: AcceptDelivery): AcceptDelivery {
    if (settings.metrics === undefined) return accept;
    return async (...given) => {
      const start = performance.now();
      try {
        return await accept(...given);
      } finally {
        outlet.observe({ of: "accept", label: "", seconds: (performance.now() - start) / 1000 });
      }
    };
  }

  function watchHealth(problems: () => readonly string[]): () => void {
    return settings.metrics === undefined ? () => {} : startReports({ inbox, problems, report: outlet.report });
  }

  async function takeStock(): Promise<void> {
    if (settings.metrics === undefined || isClosed) return;
    try {
      const [backlog, refusals] = [await inbox.backlog(), await inbox.refusals.stock()];
      outlet.setStock({ backlog, presented, refusals });
    } catch (error) {
      log({ decision: "failed", code: "watch_failed", why: messageOf(error) });
    }
  }

  function lookSoon(): void {
    const wait = Math.max(SOON_MILLISECONDS, lookMilliseconds / MOST_TIME_LOOKING);
    soon ??= setTimeout(() => void look(), wait).unref();
  }

  async function look(): Promise<void> {
    soon = undefined;
    if (isClosed) return;
    const start = performance.now();
    try {
      const { policy, certificates } = watched();
      const now = systemClock();
      const listeners = certificates.map((pem) => listenerExpiry(pem));
      const seen = await inbox.latestCertificates(sendersInUse(policy).map(({ name }) => name));
      const latest = new Map<string, number>();
      for (const { sender, lastSeen } of seen) latest.set(sender, Math.max(lastSeen, latest.get(sender) ?? 0));
      presented = [...latest];
      outlet.tell(listExpiries(policy, now, seen, listeners), now);
    } catch (error) {
      log({ decision: "failed", code: "watch_failed", why: messageOf(error) });
    }
    lookMilliseconds = performance.now() - start;
  }

  return {
    inbox,
    url: outlet.url,
    log,
    countDropped: (refusals) => outlet.countDropped(refusals),
    timed,
    watchHealth,
    start() {
      outlet.start();
      void look().then(takeStock);
      stock = setInterval(takeStock, STOCK_MILLISECONDS).unref();
      interval = setInterval(look, LOOK_MILLISECONDS).unref();
    },
    async close() {
      isClosed = true;
      clearInterval(stock);
      clearInterval(interval);
      clearTimeout(soon);
      stopErasing();
      outlet.close();
      await inbox.close();
    },
  };
}
