// The telemetry of a worker. The worker sends reports to the primary. The primary counts for all workers, serves the metrics, and
// logs each expiry once.

import type { Expiry } from "../../../core/policy/expiry.ts";
import type { ProcessState } from "../health.ts";
import type { Count, Duration } from "../metrics/labels.ts";
import type { Stock, Telemetry } from "../telemetry.ts";

/** Counts are sent in batches, because a message for each count would cost more than the log line of the decision. */
const FLUSH_MILLISECONDS = 500;

/** The content of a message to the primary, except the ready message and the signs of life. */
export interface Report {
  readonly counts?: readonly (readonly [count: Count, times: number])[];
  readonly expiries?: readonly [expiries: readonly Expiry[], now: number];
  readonly durations?: readonly Duration[];
  readonly dropped?: number;
  readonly stock?: Stock;
  readonly state?: ProcessState;
}

/** Opens the telemetry of a worker. If the worker is killed, the counts of the last half second are lost. */
export function openWorkerTelemetry(): Telemetry {
  const batch = new Batch();
  return {
    url: undefined,
    count: (count, times) => batch.count(count, times),
    observe: (duration) => batch.observe(duration),
    countDropped: (refusals) => batch.countDropped(refusals),
    setStock: (stock) => send({ stock }),
    report: (state) => send({ state }),
    tell: (...expiries) => send({ expiries }),
    start() {},
    close: () => batch.flush(),
  };
}

/** Passes the report of a worker on to the telemetry of the primary. */
export function takeReport(report: Report, telemetry: Telemetry): void {
  for (const counted of report.counts ?? []) telemetry.count(...counted);
  for (const duration of report.durations ?? []) telemetry.observe(duration);
  if (report.dropped !== undefined) telemetry.countDropped(report.dropped);
  if (report.stock !== undefined) telemetry.setStock(report.stock);
  if (report.state !== undefined) telemetry.report(report.state);
  if (report.expiries !== undefined) telemetry.tell(...report.expiries);
}

function send(watch: Report): void {
  if (process.connected) process.send?.({ watch });
}

/** Collects the values that are sent in one message. */
class Batch {
  readonly #counts = new Map<string, { readonly count: Count; times: number }>();
  #durations: Duration[] = [];
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  count(count: Count, times = 1): void {
    const key = Object.values(count).join("\n");
    const counted = this.#counts.get(key);
    if (counted === undefined) this.#counts.set(key, { count, times });
    else counted.times += times;
    this.#flushSoon();
  }

  observe(duration: Duration): void {
    this.#durations.push(duration);
    this.#flushSoon();
  }

  countDropped(refusals: number): void {
    this.#dropped += refusals;
    this.#flushSoon();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#counts.size > 0)
      send({ counts: Array.from(this.#counts.values(), ({ count, times }) => [count, times]) });
    this.#counts.clear();
    if (this.#durations.length > 0) send({ durations: this.#durations });
    this.#durations = [];
    if (this.#dropped > 0) send({ dropped: this.#dropped });
    this.#dropped = 0;
  }

  #flushSoon(): void {
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MILLISECONDS);
  }
}
