// Metrics of `countersign origin` in the text format of Prometheus, on a port of their own. Label values come from the policy,
// from our own tables, and from admitted certificates. They never come from the request of a stranger, who could make up any number of
// values.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Counter, Gauge, Histogram, Registry } from "@prometheus-io/client";
import type { LogLine } from "../../core/log-line.ts";
import type { Expiry } from "../../core/policy/expiry.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { escapeControls } from "../../core/shown-text.ts";
import type { Backlog } from "../../origin/inbox/inbox.ts";
import type { RefusalStock } from "../../origin/inbox/refusals/refusals.ts";
import { type Address, listen } from "../../origin/node/listening.ts";
import { logFaults } from "../../origin/node/request-faults.ts";
import { passClear, urlOf } from "../../origin/node/server.ts";
import { loadOptional } from "../../origin/optional-package.ts";
import type { Health } from "../../origin/service/health.ts";
import { parseAddress } from "../arguments/values.ts";
import { UsageError } from "../command.ts";
import { readVersion } from "../files/package-folder.ts";

/** The labels under which a line of the log is counted. */
export type Count = Readonly<Record<(typeof LABELS)[number], string>>;

const LABELS = ["decision", "code", "route", "sender"] as const;
const EXPIRY_LABELS = ["kind", "name", "pointer", "sha256", "refuses"] as const;
/** The most expiries that are shown, the soonest first: each series costs the Prometheus server memory for hours. */
const MAX_EXPIRIES = 1_000;

/** PORT or HOST:PORT. The default host is the loopback, so that metrics are public only if the user says so. @throws UsageError */
export function parseMetricsAddress(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new UsageError(`--metrics ${text} is not HOST:PORT or PORT`);
  return address;
}

const namesByPolicy = new WeakMap<Policy, ReadonlySet<unknown>>();

/** The labels of a line. The label of a route or sender that the policy does not name is empty. */
export function toCount({ decision, code, route, sender, what }: LogLine, policy: Policy): Count {
  return {
    decision,
    code: String(decision === "noticed" ? what : (code ?? "")),
    route: nameOf(route, policy),
    sender: nameOf(sender, policy),
  };
}

/** The text, if it is the name of a sender or the path of a route. Otherwise empty: a stranger may have written it. */
export function nameOf(text: unknown, policy: Policy): string {
  const names =
    namesByPolicy.get(policy) ??
    new Set([...policy.routes.map(({ path }) => path), ...policy.senders.map(({ name }) => name)]);
  namesByPolicy.set(policy, names);
  return names.has(text) ? String(text) : "";
}

/** How long something took. The label is the decision on a request, or the outcome of an attempt. */
export interface Duration {
  readonly of: "request" | "accept" | "attempt";
  readonly label: string;
  readonly seconds: number;
}

const REQUEST_DECISIONS: ReadonlySet<string> = new Set(["accepted", "refused", "failed"]);
const ATTEMPT_DECISIONS: ReadonlySet<string> = new Set(["dispatched", "retrying", "dead"]);

/** The duration in a line of the log. Undefined if the line has none. */
export function toDuration({ decision, milliseconds }: LogLine): Duration | undefined {
  const of = REQUEST_DECISIONS.has(decision) ? "request" : ATTEMPT_DECISIONS.has(decision) ? "attempt" : undefined;
  if (of === undefined || typeof milliseconds !== "number") return undefined;
  return { of, label: decision, seconds: milliseconds / 1000 };
}

/** From 0.5 ms, about the time of a request, to 10 s, after which senders give up. */
const REQUEST_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** The upper end is higher here, because a handler may take as long as the deadline of an attempt. */
const ATTEMPT_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300];

type Client = typeof import("@prometheus-io/client");

export class Metrics {
  readonly #registry: Registry;
  readonly #decisions: Counter<(typeof LABELS)[number]>;
  readonly #firstSights: Counter<"sender" | "what">;
  readonly #deaths: Counter;
  readonly #expiries: Gauge<(typeof EXPIRY_LABELS)[number]>;
  readonly #requests: Histogram<"decision">;
  readonly #accepts: Histogram;
  readonly #attempts: Histogram<"outcome">;
  readonly #events: Gauge<"state">;
  readonly #oldest: Gauge;
  readonly #presented: Gauge<"sender">;
  readonly #refusals: Gauge;
  readonly #refusalBytes: Gauge;
  readonly #dropped: Counter;

  /** @throws ConfigurationError if the package @prometheus-io/client is not installed */
  static async load(): Promise<Metrics> {
    return new Metrics(
      await loadOptional("--metrics", ["@prometheus-io/client"], () => import("@prometheus-io/client")),
    );
  }

  private constructor({ Counter, Gauge, Histogram, Registry, collectDefaultMetrics }: Client) {
    const registry = new Registry();
    const registers = [registry];
    this.#registry = registry;
    this.#decisions = new Counter({
      name: "countersign_decisions_total",
      help: "Lines of the log, by their decision, the code of a refusal, and the route and sender of the policy.",
      labelNames: LABELS,
      registers,
    });
    this.#firstSights = new Counter({
      name: "countersign_first_sights_total",
      help: "Keys, issuers and intermediates that a known sender presented for the first time.",
      labelNames: ["sender", "what"],
      registers,
    });
    // Without labels, it exists from 0 on. Prometheus sees no increase in a series that begins with 1.
    this.#deaths = new Counter({
      name: "countersign_worker_deaths_total",
      help: "Processes of --workers that ended by themselves, were killed or hung, and were replaced.",
      registers,
    });
    this.#expiries = new Gauge({
      name: "countersign_end_timestamp_seconds",
      help: "Unix time at which a certificate or a window of the policy ends; refuses tells whether events will be refused.",
      labelNames: EXPIRY_LABELS,
      registers,
    });
    this.#requests = new Histogram({
      name: "countersign_request_duration_seconds",
      help: "From the head of a request to the verdict on it, the store included.",
      labelNames: ["decision"],
      buckets: REQUEST_BUCKETS,
      registers,
    });
    this.#accepts = new Histogram({
      name: "countersign_accept_duration_seconds",
      help: "How long the inbox took to commit an event, also where it failed.",
      buckets: REQUEST_BUCKETS,
      registers,
    });
    this.#attempts = new Histogram({
      name: "countersign_attempt_duration_seconds",
      help: "How long the handler or the upstream took for one attempt, by its outcome.",
      labelNames: ["outcome"],
      buckets: ATTEMPT_BUCKETS,
      registers,
    });
    this.#events = new Gauge({
      name: "countersign_inbox_events",
      help: "Events of the inbox that are not done, by their state; counted up to 100000 each.",
      labelNames: ["state"],
      registers,
    });
    this.#oldest = new Gauge({
      name: "countersign_inbox_oldest_timestamp_seconds",
      help: "When the oldest event that is neither done nor dead was accepted; 0 where there is none.",
      registers,
    });
    this.#presented = new Gauge({
      name: "countersign_sender_presented_timestamp_seconds",
      help: "When a sender was last accepted with a certificate; at most an hour before the latest time.",
      labelNames: ["sender"],
      registers,
    });
    this.#refusals = new Gauge({
      name: "countersign_refusals_kept",
      help: "Refused requests that are kept beside the events: at most as many as --refusals says.",
      registers,
    });
    this.#refusalBytes = new Gauge({
      name: "countersign_refusals_kept_bytes",
      help: "Bytes of the refused requests that are kept, with their certificates.",
      registers,
    });
    // From 0 on, as above.
    this.#dropped = new Counter({
      name: "countersign_refusals_dropped_total",
      help: "Refused requests that were not kept, because too many came at once or the store failed. The log has them.",
      registers,
    });
    new Gauge({
      name: "countersign_build_info",
      help: "1, with the version of Countersign and of Node.",
      labelNames: ["version", "node"],
      registers,
    }).set({ version: readVersion(), node: process.version }, 1);
    collectDefaultMetrics({ register: registry });
  }

  observe({ of, label, seconds }: Duration): void {
    if (of === "request") this.#requests.observe({ decision: label }, seconds);
    else if (of === "attempt") this.#attempts.observe({ outcome: label }, seconds);
    else this.#accepts.observe(seconds);
  }

  setBacklog({ waiting, leased, dead, oldestAcceptedAt }: Backlog): void {
    for (const [state, events] of Object.entries({ waiting, leased, dead })) this.#events.set({ state }, events);
    this.#oldest.set(oldestAcceptedAt ?? 0);
  }

  setRefusals({ refusals, bytes }: RefusalStock): void {
    this.#refusals.set(refusals);
    this.#refusalBytes.set(bytes);
  }

  countDropped(refusals: number): void {
    this.#dropped.inc(refusals);
  }

  /** Sets when each sender last presented a certificate, in Unix seconds. */
  setPresented(senders: readonly (readonly [sender: string, seconds: number])[]): void {
    this.#presented.reset();
    for (const [sender, seconds] of senders) this.#presented.set({ sender }, seconds);
  }

  count({ decision, code, route, sender }: Count, times = 1): void {
    if (decision === "noticed") this.#firstSights.inc({ sender, what: code }, times);
    else this.#decisions.inc({ decision, code, route, sender }, times);
    if (code === "worker_died") this.#deaths.inc(times);
  }

  /** Replaces the expiries that were set before. */
  setExpiries(expiries: readonly Expiry[]): void {
    this.#expiries.reset();
    for (const { kind, name, pointer = "", sha256 = "", refuses, notAfter } of expiries.slice(0, MAX_EXPIRIES)) {
      this.#expiries.set({ kind, name, pointer, sha256, refuses: String(refuses) }, notAfter);
    }
  }

  /**
   * Serves GET /metrics, /livez and /readyz. Requests are not logged. `log` gets a line for bytes that are no HTTP request.
   * @throws ConfigurationError if it cannot listen at the address
   */
  async serve(
    { hostname, port }: Address,
    log: (line: LogLine) => void,
    health: Health,
  ): Promise<{ readonly url: string; close(): void }> {
    const tell = (line: LogLine) => log({ ...line, listener: "metrics" });
    const answer = async ({ method, url }: IncomingMessage, response: ServerResponse) => {
      const isRead = method === "GET" || method === "HEAD";
      const { status, type, text } = (isRead && (await this.#page(url, health))) || NOT_FOUND;
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
      response.end(method === "HEAD" ? undefined : text);
    };
    const server = createServer({ requireHostHeader: false }, passClear(answer, tell));
    logFaults(server, tell);
    await listen(server, { hostname, port });
    // The metrics alone must not keep the process alive.
    server.unref();
    return {
      url: `${urlOf("http", hostname, server)}/metrics`,
      close() {
        server.close();
        server.closeAllConnections();
      },
    };
  }

  async #page(url: string | undefined, health: Health): Promise<Page | undefined> {
    if (url === "/metrics")
      return { status: 200, type: this.#registry.contentType, text: await this.#registry.metrics() };
    if (url === "/livez") return pageOf(health.faults());
    return url === "/readyz" ? pageOf(health.problems()) : undefined;
  }
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const TEXT = "text/plain; charset=utf-8";
const NOT_FOUND: Page = { status: 404, type: TEXT, text: "GET /metrics, /livez or /readyz\n" };

function pageOf(problems: readonly string[]): Page {
  if (problems.length === 0) return { status: 200, type: TEXT, text: "ok\n" };
  return { status: 503, type: TEXT, text: problems.map((problem) => `${escapeControls(problem)}\n`).join("") };
}
