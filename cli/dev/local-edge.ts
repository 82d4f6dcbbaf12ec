// Runs the edge worker in workerd on this machine, for `countersign dev` and the tests. The code is that of the deployed worker.
// Only the policy, the origin and the keys differ.

import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestHarness, type TestHarness, type Unstable_RawConfig } from "wrangler";
import type { LogLine } from "../../core/log-line.ts";
import { installPlatformFetch } from "../cloudflare/fetch.ts";
import { complain } from "../output.ts";

// Turns off the download of a sample `cf` object and the usage report, so that a local run sends nothing to anybody.
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";
process.env["WRANGLER_SEND_METRICS"] = "false";
// Turns off wrangler's lines about every batch of a queue, because standard output may be JSON.
process.env["WRANGLER_LOG"] ??= "error";

/**
 * The settings of the worker that are the same in wrangler.toml and in every project. The harness builds the worker from this
 * package.
 */
export const WORKER = {
  name: "countersign",
  main: fileURLToPath(new URL(`../../worker/index${extname(import.meta.filename)}`, import.meta.url)),
  compatibility_date: "2026-10-01",
  compatibility_flags: ["global_fetch_strictly_public"],
};

export interface LocalEdgeOptions {
  /** Absolute path of the policy file that is built into the worker. */
  readonly policyFile: string;
  /** Variables of wrangler.toml to override. */
  readonly vars: Readonly<Record<string, string | string[] | number[]>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** The protocol of incoming requests. Default: HTTPS. */
  readonly protocol?: "https" | "http";
  /** Receives the reason if a request of the worker gets no response. */
  readonly report?: (text: string) => void;
  /** Members of wrangler.toml to override. */
  readonly config?: Pick<Unstable_RawConfig, "main" | "queues" | "analytics_engine_datasets">;
  /** Further workers in the same harness. They share the simulated queues and stores of the harness. */
  readonly beside?: readonly Unstable_RawConfig[];
}

/** The queue configuration that wrangler.toml contains as comments. */
export const QUEUE_CONFIG = {
  queues: {
    producers: [{ binding: "EVENTS", queue: "countersign-events" }],
    consumers: [
      {
        queue: "countersign-events",
        max_batch_size: 10,
        max_batch_timeout: 1,
        max_concurrency: 10,
        max_retries: 72,
        retry_delay: 60,
        dead_letter_queue: "countersign-dead-letters",
      },
      {
        queue: "countersign-dead-letters",
        max_batch_size: 10,
        max_batch_timeout: 5,
        max_concurrency: 1,
        max_retries: 100,
        retry_delay: 600,
      },
    ],
  },
  r2_buckets: [{ binding: "BODIES", bucket_name: "countersign-bodies" }],
} satisfies Unstable_RawConfig;

/** Starts the worker. The result has `fetch(url, { cf })`, which sends a request to it, and `close()`. */
export async function startLocalEdge({
  policyFile,
  vars,
  secrets,
  protocol = "https",
  config = {},
  beside = [],
  report = () => undefined,
}: LocalEdgeOptions): Promise<TestHarness> {
  const harness = createTestHarness({
    workers: [
      {
        config: {
          ...WORKER,
          alias: { "countersign:policy": policyFile },
          vars: { ...vars, ...secrets },
          kv_namespaces: [{ binding: "CRLS", id: "crls" }],
          ...QUEUE_CONFIG,
          ...config,
          dev: { local_protocol: protocol, upstream_protocol: protocol },
        },
      },
      ...beside.map((worker) => ({ config: worker })),
    ],
  });
  const uninstall = installPlatformFetch(report);
  const closeHarness = harness.close.bind(harness);
  harness.close = () => closeHarness().finally(uninstall);
  try {
    await harness.listen();
  } catch (error) {
    await harness.close();
    throw error;
  }
  return harness;
}

const LOG_POLL_MILLISECONDS = 50;

/**
 * Passes on each log line of the worker soon after it is written. Lines that are not decisions go to stderr. The returned function
 * stops this.
 */
export function forwardEdgeLog(edge: TestHarness, onDecision: (line: LogLine) => void): () => void {
  const drain = () => {
    const entries = edge.getLogs();
    if (entries.length > 0) edge.clearLogs();
    for (const { message } of entries) {
      const line = parseLogLine(message);
      if (line === undefined) complain(message);
      else onDecision(line);
    }
  };
  const timer = setInterval(drain, LOG_POLL_MILLISECONDS);
  return () => {
    clearInterval(timer);
    drain();
  };
}

function parseLogLine(message: string): LogLine | undefined {
  try {
    const line = JSON.parse(message) as LogLine;
    return typeof line.decision === "string" ? line : undefined;
  } catch {
    return undefined;
  }
}
