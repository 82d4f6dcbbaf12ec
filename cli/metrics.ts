// Metrics of `countersign origin` in Prometheus' text format, on a port of their own. Label values come from the policy,
// from our own tables and from certificates that were admitted: never from a stranger's request.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Counter, Gauge, Registry } from "@prometheus-io/client";
import type { LogLine } from "../core/decision.ts";
import type { Ending } from "../core/expiry.ts";
import type { Policy } from "../core/policy.ts";
import { listen } from "../origin/node/listening.ts";
import { tellFaults } from "../origin/node/request-faults.ts";
import { passClear, urlOf } from "../origin/node/server.ts";
import { loadOptional } from "../origin/optional-package.ts";
import { UsageError } from "./command.ts";

export interface MetricsAddress {
  readonly hostname: string;
  readonly port: number;
}

/** One line of the log as it is counted. */
export type Count = Readonly<Record<(typeof LABELS)[number], string>>;

const LABELS = ["decision", "code", "route", "sender"] as const;
const ENDING_LABELS = ["kind", "name", "pointer", "sha256", "refuses"] as const;
/** A series costs its server memory for hours: the soonest of more endings than anybody can attend to. */
const MAX_ENDINGS = 1_000;

/** Port, or host and port; a host that is not loopback must be written out. @throws UsageError */
export function parseMetricsAddress(text: string): MetricsAddress {
  const [, bracketed, plain, port = ""] = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535) throw new UsageError(`--metrics ${text} is not HOST:PORT or PORT`);
  return { hostname: bracketed ?? plain ?? "127.0.0.1", port: Number(port) };
}

const namesByPolicy = new WeakMap<Policy, ReadonlySet<unknown>>();

/** How a line is counted. A route or sender that the policy does not name is left empty. */
export function toCount({ decision, code, route, sender, what }: LogLine, policy: Policy): Count {
  const names =
    namesByPolicy.get(policy) ??
    new Set([...policy.routes.map(({ path }) => path), ...policy.senders.map(({ name }) => name)]);
  namesByPolicy.set(policy, names);
  return {
    decision,
    code: String(decision === "noticed" ? what : (code ?? "")),
    route: names.has(route) ? String(route) : "",
    sender: names.has(sender) ? String(sender) : "",
  };
}

type Client = typeof import("@prometheus-io/client");

export class Metrics {
  readonly #registry: Registry;
  readonly #decisions: Counter<(typeof LABELS)[number]>;
  readonly #firstSights: Counter<"sender" | "what">;
  readonly #deaths: Counter;
  readonly #endings: Gauge<(typeof ENDING_LABELS)[number]>;

  /** @throws ConfigurationError when the client is not installed */
  static async load(): Promise<Metrics> {
    return new Metrics(
      await loadOptional("--metrics", ["@prometheus-io/client"], () => import("@prometheus-io/client")),
    );
  }

  private constructor({ Counter, Gauge, Registry }: Client) {
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
    // From 0 on: of a series that begins with 1 Prometheus sees no increase.
    this.#deaths = new Counter({
      name: "countersign_worker_deaths_total",
      help: "Processes of --workers that ended by themselves, were killed or hung, and were replaced.",
      registers,
    });
    this.#endings = new Gauge({
      name: "countersign_end_timestamp_seconds",
      help: "Unix time at which a certificate or a window of the policy ends; refuses tells whether events will be refused.",
      labelNames: ENDING_LABELS,
      registers,
    });
  }

  count({ decision, code, route, sender }: Count, times = 1): void {
    if (decision === "noticed") this.#firstSights.inc({ sender, what: code }, times);
    else this.#decisions.inc({ decision, code, route, sender }, times);
    if (code === "worker_died") this.#deaths.inc(times);
  }

  /** Takes the place of what was set before. */
  setEndings(endings: readonly Ending[]): void {
    this.#endings.reset();
    for (const { kind, name, pointer = "", sha256 = "", refuses, notAfter } of endings.slice(0, MAX_ENDINGS)) {
      this.#endings.set({ kind, name, pointer, sha256, refuses: String(refuses) }, notAfter);
    }
  }

  /** Serves GET /metrics; `log` gets a line for what is no request. @throws ConfigurationError when the port cannot be had */
  async serve(
    { hostname, port }: MetricsAddress,
    log: (line: LogLine) => void,
  ): Promise<{ readonly url: string; close(): void }> {
    const tell = (line: LogLine) => log({ ...line, listener: "metrics" });
    const answer = async ({ method, url }: IncomingMessage, response: ServerResponse) => {
      const isAsked = url === "/metrics" && (method === "GET" || method === "HEAD");
      const text = isAsked ? await this.#registry.metrics() : "GET /metrics\n";
      response.writeHead(isAsked ? 200 : 404, {
        "content-type": isAsked ? this.#registry.contentType : "text/plain; charset=utf-8",
      });
      response.end(method === "HEAD" ? undefined : text);
    };
    const server = createServer({ requireHostHeader: false }, passClear(answer, tell));
    tellFaults(server, tell);
    await listen(server, { hostname, port });
    // Not what keeps the process running.
    server.unref();
    return {
      url: `${urlOf("http", hostname, server)}/metrics`,
      close() {
        server.close();
        server.closeAllConnections();
      },
    };
  }
}
