// Runs the edge worker in workerd on this machine, with another policy, origin and keys.
// For `countersign dev` and the tests. The worker is the one that deploys: only its configuration differs.

import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestHarness, type TestHarness, type Unstable_RawConfig } from "wrangler";
import type { LogLine } from "../core/decision.ts";
import { complain } from "./output.ts";
import { installPlatformFetch } from "./platform-fetch.ts";

// No look-up of a sample `cf` object and no usage report: a local run talks to nobody.
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";
process.env["WRANGLER_SEND_METRICS"] = "false";
// Nor lines of wrangler's about every batch of a queue, on a standard output that may be JSON.
process.env["WRANGLER_LOG"] ??= "error";

/** The worker of wrangler.toml, and of every project: built where this file is. */
export const WORKER = {
  name: "countersign",
  main: fileURLToPath(new URL(`../worker/index${extname(import.meta.filename)}`, import.meta.url)),
  compatibility_date: "2026-10-01",
  compatibility_flags: ["global_fetch_strictly_public"],
};

export interface LocalEdgeOptions {
  /** Absolute path of the policy file to build in. */
  readonly policyFile: string;
  /** The variables of wrangler.toml that differ. */
  readonly vars: Readonly<Record<string, string | string[] | number[]>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Requests arrive by HTTPS unless told otherwise. */
  readonly protocol?: "https" | "http";
  /** Receives why the worker's requests had no answer. */
  readonly report?: (text: string) => void;
  /** Members of wrangler.toml that differ. */
  readonly config?: Pick<Unstable_RawConfig, "main" | "queues">;
  /** Further workers, over the same simulators. */
  readonly beside?: readonly Unstable_RawConfig[];
}

/** What wrangler.toml holds as comments, as it stands there. */
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

/** Starts the worker; `fetch(url, { cf })` on what it returns reaches it, and `close()` ends it. */
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

/** Hands on what the worker logs, as it logs it; anything that is no decision goes to stderr. Returns how to stop. */
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
