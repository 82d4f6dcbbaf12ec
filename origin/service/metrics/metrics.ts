// Metrics of a running origin in the text format of Prometheus.

import type { Expiry } from "../../../core/policy/expiry.ts";
import type { Backlog } from "../../inbox/inbox.ts";
import type { RefusalStock } from "../../inbox/refusals/refusals.ts";
import { loadOptional } from "../../optional-package.ts";
import type { Count, Duration } from "./labels.ts";
import { defineSeries, type Series } from "./series.ts";

/**
 * The maximum number of expiries that are shown, the soonest first. More are not shown, because each expiry is a series that uses
 * memory of the Prometheus server for hours.
 */
const MAX_EXPIRIES = 1_000;

export class Metrics {
  readonly #series: Series;

  /**
   * Makes the metrics. `version` is the version of the program.
   * @throws ConfigurationError if the package @prometheus-io/client is not installed
   */
  static async load(version: string): Promise<Metrics> {
    const client = await loadOptional("--metrics", ["@prometheus-io/client"], () => import("@prometheus-io/client"));
    return new Metrics(defineSeries(client, version));
  }

  private constructor(series: Series) {
    this.#series = series;
  }

  observe({ of, label, seconds }: Duration): void {
    if (of === "request") this.#series.requests.observe({ decision: label }, seconds);
    else if (of === "attempt") this.#series.attempts.observe({ outcome: label }, seconds);
    else this.#series.accepts.observe(seconds);
  }

  setBacklog({ waiting, leased, dead, oldestAcceptedAt }: Backlog): void {
    for (const [state, events] of Object.entries({ waiting, leased, dead })) this.#series.events.set({ state }, events);
    this.#series.oldest.set(oldestAcceptedAt ?? 0);
  }

  setRefusals({ refusals, bytes }: RefusalStock): void {
    this.#series.refusals.set(refusals);
    this.#series.refusalBytes.set(bytes);
  }

  countDropped(refusals: number): void {
    this.#series.dropped.inc(refusals);
  }

  /** Sets the time at which each sender was last accepted with a certificate, in Unix seconds. */
  setPresented(senders: readonly (readonly [sender: string, seconds: number])[]): void {
    this.#series.presented.reset();
    for (const [sender, seconds] of senders) this.#series.presented.set({ sender }, seconds);
  }

  /**
   * For each source, sets the latest `nextUpdate` of its revocation lists, in Unix seconds. The value is 0 for a source without a
   * list.
   */
  setListEnds(ends: readonly (readonly [source: string, seconds: number])[]): void {
    this.#series.listEnds.reset();
    for (const [source, seconds] of ends) this.#series.listEnds.set({ source }, seconds);
  }

  count({ decision, code, route, sender }: Count, times = 1): void {
    if (decision === "noticed") this.#series.firstSights.inc({ sender, what: code }, times);
    else this.#series.decisions.inc({ decision, code, route, sender }, times);
    if (code === "worker_died") this.#series.deaths.inc(times);
  }

  /** Replaces the expiries that were set before. */
  setExpiries(expiries: readonly Expiry[]): void {
    this.#series.expiries.reset();
    for (const { kind, name, pointer = "", sha256 = "", refuses, notAfter } of expiries.slice(0, MAX_EXPIRIES)) {
      this.#series.expiries.set({ kind, name, pointer, sha256, refuses: String(refuses) }, notAfter);
    }
  }

  /** Returns all metrics in the format that Prometheus reads. */
  async format(): Promise<{ readonly type: string; readonly text: string }> {
    const { registry } = this.#series;
    return { type: registry.contentType, text: await registry.metrics() };
  }
}
