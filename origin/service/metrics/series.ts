// The series of the metrics: their names, their descriptions and their labels.

import type { Registry } from "@prometheus-io/client";
import { LABELS } from "./labels.ts";

type Client = typeof import("@prometheus-io/client");

const EXPIRY_LABELS = ["kind", "name", "pointer", "sha256", "refuses"] as const;

/**
 * The buckets for requests, in seconds. The smallest is 0.5 ms, about the time of a request. The largest is 10 s, after which
 * senders stop waiting.
 */
const REQUEST_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** The buckets for attempts, in seconds. The largest is 300 s, because a handler may take as long as the deadline of an attempt. */
const ATTEMPT_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300];

export type Series = ReturnType<typeof defineSeries>;

/** Defines all series. `version` is the version of the program. */
export function defineSeries(client: Client, version: string) {
  const registry = new client.Registry();
  const registers = [registry];
  const own = {
    ...defineTraffic(client, registers),
    ...defineStock(client, registers),
    ...defineRefusals(client, registers),
  };
  new client.Gauge({
    name: "countersign_build_info",
    help: "1, with the version of Countersign and of Node.",
    labelNames: ["version", "node"],
    registers,
  }).set({ version, node: process.version }, 1);
  client.collectDefaultMetrics({ register: registry });
  return { registry, ...own };
}

/** Defines the counts and durations of requests and attempts. */
function defineTraffic({ Counter, Histogram }: Client, registers: Registry[]) {
  return {
    decisions: new Counter({
      name: "countersign_decisions_total",
      help: "Lines of the log, by their decision, the code of a refusal, and the route and sender of the policy.",
      labelNames: LABELS,
      registers,
    }),
    requests: new Histogram({
      name: "countersign_request_duration_seconds",
      help: "From the head of a request to the verdict on it, the store included.",
      labelNames: ["decision"],
      buckets: REQUEST_BUCKETS,
      registers,
    }),
    accepts: new Histogram({
      name: "countersign_accept_duration_seconds",
      help: "How long the inbox took to commit an event, also where it failed.",
      buckets: REQUEST_BUCKETS,
      registers,
    }),
    attempts: new Histogram({
      name: "countersign_attempt_duration_seconds",
      help: "How long the handler or the upstream took for one attempt, by its outcome.",
      labelNames: ["outcome"],
      buckets: ATTEMPT_BUCKETS,
      registers,
    }),
    // This counter has no labels, so that it is exported with 0 from the start. If its series began with 1, Prometheus would see no
    // increase.
    deaths: new Counter({
      name: "countersign_worker_deaths_total",
      help: "Processes of --workers that ended by themselves, were killed or hung, and were replaced.",
      registers,
    }),
  };
}

/** Defines the metrics of the inbox's contents, and of what expires. */
function defineStock({ Counter, Gauge }: Client, registers: Registry[]) {
  return {
    events: new Gauge({
      name: "countersign_inbox_events",
      help: "Events of the inbox that are not done, by their state; counted up to 100000 waiting and leased together, and 100000 dead.",
      labelNames: ["state"],
      registers,
    }),
    oldest: new Gauge({
      name: "countersign_inbox_oldest_timestamp_seconds",
      help: "When the oldest event that is neither done nor dead was accepted; 0 where there is none. Looks only at the counted events.",
      registers,
    }),
    presented: new Gauge({
      name: "countersign_sender_presented_timestamp_seconds",
      help: "When a sender was last accepted with a certificate; at most an hour before the latest time.",
      labelNames: ["sender"],
      registers,
    }),
    firstSights: new Counter({
      name: "countersign_first_sights_total",
      help: "Keys, issuers and intermediates that a known sender presented for the first time.",
      labelNames: ["sender", "what"],
      registers,
    }),
    listEnds: new Gauge({
      name: "countersign_crl_end_timestamp_seconds",
      help: "When the newest revocation list of a source ends (nextUpdate); 0 where there is no list.",
      labelNames: ["source"],
      registers,
    }),
    expiries: new Gauge({
      name: "countersign_end_timestamp_seconds",
      help: "Unix time at which a certificate or a window of the policy ends; refuses tells whether events will be refused.",
      labelNames: EXPIRY_LABELS,
      registers,
    }),
  };
}

function defineRefusals({ Counter, Gauge }: Client, registers: Registry[]) {
  return {
    refusals: new Gauge({
      name: "countersign_refusals_kept",
      help: "Refused requests that are kept beside the events: at most as many as --refusals says.",
      registers,
    }),
    refusalBytes: new Gauge({
      name: "countersign_refusals_kept_bytes",
      help: "Bytes of the refused requests that are kept, with their certificates.",
      registers,
    }),
    // This counter has no labels, so that it is exported with 0 from the start. If its series began with 1, Prometheus would see no
    // increase.
    dropped: new Counter({
      name: "countersign_refusals_dropped_total",
      help: "Refused requests that were not kept, because too many came at once or the store failed. The log has them.",
      registers,
    }),
  };
}
