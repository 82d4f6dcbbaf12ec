// The edge as `countersign dev` runs it: the worker of wrangler.toml in wrangler's local harness. Its requests to the origin go
// through Node's fetch, so the bytes that a deployed edge sends are tested with workerd.ts instead.

import { expect, vi } from "vitest";
import type { TestHarness } from "wrangler";
import { forwardEdgeLog, type LocalEdgeOptions, startLocalEdge } from "../../cli/dev/local-edge.ts";
import type { PrivateJwk } from "../../core/assertion/keys.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { LogLines } from "./log-lines.ts";
import { AUDIENCE, HOST, ISSUER } from "./senders.ts";
import { newSigningKey } from "./signing-key.ts";
import { temporaryJson } from "./temporary.ts";
import type { TlsClientAuth } from "./tls-client-auth.ts";

export interface LocalEdgeSetUp {
  readonly policy: PolicyDocument;
  readonly originUrl: string;
  readonly keys?: readonly PrivateJwk[];
  readonly protocol?: "https" | "http";
  /** The secrets that the policy names. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** The delays of the queue. Default: those of production. */
  readonly retrySeconds?: [number, number];
  readonly config?: LocalEdgeOptions["config"];
  readonly beside?: LocalEdgeOptions["beside"];
}

export interface EdgeRequest {
  /** Path and query, or a whole URL. */
  readonly target?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** `null`: the platform gives no `tlsClientAuth`. */
  readonly tls?: TlsClientAuth | null;
}

export interface LocalEdge {
  readonly harness: TestHarness;
  readonly lines: LogLines;
  /** Proxies of the worker's own bindings. */
  bindings<Bindings>(): Promise<Bindings>;
  /**
   * Runs the worker's cron trigger to its end. Resolves to the lines that it logged. With `count`, waits for this number of lines,
   * because lines are polled. Lines about attempts are left out: the consumer of the queue logs them.
   */
  runCronTrigger(count?: number): Promise<LogLine[]>;
  send(request: EdgeRequest): Promise<Response>;
}

export async function startTestEdge(stack: AsyncDisposableStack, setUp: LocalEdgeSetUp): Promise<LocalEdge> {
  const { policy, originUrl, keys = [await newSigningKey()], protocol = "https", secrets = {}, config = {} } = setUp;
  const { retrySeconds, beside = [] } = setUp;
  const harness = await startLocalEdge({
    policyFile: temporaryJson(stack, policy),
    vars: {
      HOSTS: [HOST],
      ISSUER,
      AUDIENCE,
      ORIGIN_URL: originUrl,
      ...(retrySeconds !== undefined && { RETRY_SECONDS: retrySeconds }),
    },
    config,
    beside,
    secrets: { ...secrets, SIGNING_KEYS: JSON.stringify({ keys }) },
    protocol,
  });
  stack.defer(() => harness.close());
  const lines = new LogLines();
  stack.defer(forwardEdgeLog(harness, lines.push));
  const edge: LocalEdge = {
    harness,
    lines,
    bindings: <Bindings>() => harness.getWorker().getEnv() as Promise<Bindings>,
    async runCronTrigger(count) {
      const known = lines.all.length;
      await harness.getWorker().scheduled({ cron: "* * * * *" });
      // Logs one more line and waits for it. All earlier lines of the same stream have then arrived. The other stream may still
      // have more.
      const { decision } = (await (await edge.send({ target: "/unknown" })).json()) as { decision: string };
      await lines.of(decision);
      const logged = () => lines.all.slice(known).filter((line) => line["id"] !== decision && !("attempt" in line));
      if (count !== undefined) await vi.waitFor(() => expect(logged()).toHaveLength(count), { timeout: 60_000 });
      return logged();
    },
    async send({ target = "/hooks/acme", method = "POST", headers = {}, body, tls }) {
      const url = target.startsWith("/") ? `${protocol}://${HOST}${target}` : target;
      // The harness's types do not allow null.
      const cf = tls === undefined ? {} : ({ tlsClientAuth: tls } as object);
      const sent = method === "GET" || method === "HEAD" ? {} : { body: body ?? "{}" };
      return (await harness.fetch(url, { method, headers, cf, ...sent })) as unknown as Response;
    },
  };
  return edge;
}
