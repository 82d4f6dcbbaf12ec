// Opens the inbox of a running process, and has the only log function of the process. If the process serves metrics, this function
// counts each logged line. This file also logs what senders present for the first time.

import { messageOf } from "../../core/failure-chain.ts";
import type { LogLine } from "../../core/log-line.ts";
import { formatTime } from "../../core/x509/crl.ts";
import type { AcceptDelivery } from "../accept.ts";
import type { FirstSight, Inbox } from "../inbox/inbox.ts";
import { openInbox } from "../inbox/open.ts";
import { startRetention } from "../inbox/retention.ts";
import { ExpiryWatch, type Watched } from "./expiry-watch.ts";
import { Health, startReports } from "./health.ts";
import { toCount, toDuration } from "./metrics/labels.ts";
import type { OriginSettings, Output } from "./mode.ts";
import { openWhenThere } from "./store-waiting.ts";
import { openTelemetry, type Telemetry } from "./telemetry.ts";
import { isReporter } from "./workers/worker.ts";

interface WatchOptions {
  readonly settings: OriginSettings;
  readonly version: string;
  readonly output: Output;
  readonly watched: () => Watched;
  /** The telemetry of a worker. If undefined, the process serves its own metrics. */
  readonly telemetry: Telemetry | undefined;
}

/**
 * Opens the inbox and the telemetry. Returns undefined if the program is stopped before its database can be reached.
 * @throws ConfigurationError if the inbox cannot be opened, or if the metrics cannot listen at their address
 */
export async function openWatch(options: WatchOptions, stopped: Promise<unknown>): Promise<Watch | undefined> {
  const { settings, version, output } = options;
  const own = { address: settings.metrics, version, health: new Health(1), log: output.log };
  const telemetry = options.telemetry ?? (await openTelemetry(own));
  let watch: Watch | undefined;
  const open = () =>
    openInbox(settings.inbox, {
      allowNetworkFileSystem: settings.anyway,
      onNewCertificate: (sights) => watch?.logFirst(sights),
      onNotice: (text) => isReporter() && output.notice(text),
    });
  const inbox = await openWhenThere(open, settings.waitSeconds, stopped, output.warn);
  if (inbox === undefined) telemetry.close();
  else watch = new Watch(inbox, { ...options, telemetry });
  return watch;
}

export class Watch {
  readonly inbox: Inbox;
  /** The URL of the metrics. */
  readonly url: string | undefined;
  readonly #telemetry: Telemetry;
  readonly #watched: () => Watched;
  readonly #print: (line: LogLine) => void;
  readonly #isMeasured: boolean;
  readonly #expiries: ExpiryWatch;
  readonly #stopErasing: () => void;

  constructor(inbox: Inbox, options: WatchOptions & { readonly telemetry: Telemetry }) {
    const { settings, output, watched, telemetry } = options;
    this.inbox = inbox;
    this.url = telemetry.url;
    this.#telemetry = telemetry;
    this.#watched = watched;
    this.#print = output.log;
    this.#isMeasured = settings.metrics !== undefined;
    this.#expiries = new ExpiryWatch({ inbox, watched, telemetry, isMeasured: this.#isMeasured, log: this.log });
    this.#stopErasing = startRetention(inbox, settings.retention, (error) =>
      this.log({ decision: "failed", code: "retention_failed", cause: messageOf(error) }),
    );
  }

  /**
   * Prints a line, and counts it if there are metrics. This is an arrow function, because callers pass on `log` without its object.
   */
  readonly log = (line: LogLine): void => {
    this.#print(line);
    if (this.#isMeasured) {
      this.#telemetry.count(toCount(line, this.#watched().policy));
      const duration = toDuration(line);
      if (duration !== undefined) this.#telemetry.observe(duration);
    }
    if (line.decision === "reloaded") this.#expiries.lookSoon();
  };

  /** Logs keys, issuers and intermediates that a sender presented for the first time. */
  logFirst(sights: readonly FirstSight[]): void {
    for (const { since, ...sight } of sights) this.log({ decision: "noticed", ...sight, since: formatTime(since) });
    this.#expiries.lookSoon();
  }

  /** Counts refusals that were not kept. */
  countDropped(refusals: number): void {
    this.#telemetry.countDropped(refusals);
  }

  /** Returns a function that calls `accept` and reports to the metrics how long the call takes. */
  timed(accept: AcceptDelivery): AcceptDelivery {
    if (!this.#isMeasured) return accept;
    return async (...given) => {
      const start = performance.now();
      try {
        return await accept(...given);
      } finally {
        this.#telemetry.observe({ of: "accept", label: "", seconds: (performance.now() - start) / 1000 });
      }
    };
  }

  /**
   * Reports from now on whether this process can accept an event. `problems` returns the problems that only the caller knows.
   * Returns a function that reports that the process stops.
   */
  watchHealth(problems: () => readonly string[]): () => void {
    if (!this.#isMeasured) return () => {};
    return startReports({ inbox: this.inbox, problems, report: (state) => this.#telemetry.report(state) });
  }

  /** Starts to report what expires soon. Call it after the ready line is printed. */
  start(): void {
    this.#telemetry.start();
    this.#expiries.start();
  }

  /** Ends the checks and closes the inbox. */
  async close(): Promise<void> {
    this.#expiries.close();
    this.#stopErasing();
    this.#telemetry.close();
    await this.inbox.close();
  }
}
