// The edge as `countersign dev` runs it: the worker of wrangler.toml in wrangler's local harness. The harness sends requests to the
// origin through Node's fetch. To test the bytes that a deployed edge sends, use workerd.ts instead.

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
  /** The first and the longest delay of a retry by the queue, in seconds. Default: the values of production. */
  readonly retrySeconds?: [number, number];
  readonly config?: LocalEdgeOptions["config"];
  readonly beside?: LocalEdgeOptions["beside"];
}

export interface EdgeRequest {
  /** A path with or without a query, or a whole URL. */
  readonly target?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** With `null`, the request has no `tlsClientAuth`. */
  readonly tls?: TlsClientAuth | null;
}

export interface LocalEdge {
  readonly harness: TestHarness;
  readonly lines: LogLines;
  /** Returns proxies of the worker's own bindings. */
  bindings<Bindings>(): Promise<Bindings>;
  /**
   * Runs the worker's cron trigger to its end. Resolves to the lines that the trigger logged. With `count`, waits until there are
   * this many lines, because lines may arrive later. Lines about delivery attempts are left out, because the consumer of the queue
   * logs them.
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
      // Makes the worker log one more line, and waits for this line. Then all earlier lines of the same output stream have arrived.
      // Lines of the other output stream may still be missing.
      const { decision } = (await (await edge.send({ target: "/unknown" })).json()) as { decision: string };
      await lines.of(decision);
      const logged = () => lines.all.slice(known).filter((line) => line["id"] !== decision && !("attempt" in line));
      if (count !== undefined) await vi.waitFor(() => expect(logged()).toHaveLength(count), { timeout: 60_000 });
      return logged();
    },
    async send({ target = "/hooks/acme", method = "POST", headers = {}, body, tls }) {
      const url = target.startsWith("/") ? `${protocol}://${HOST}${target}` : target;
      // The types of wrangler's harness do not allow null.
      const cf = tls === undefined ? {} : ({ tlsClientAuth: tls } as object);
      const sent = method === "GET" || method === "HEAD" ? {} : { body: body ?? "{}" };
      return (await harness.fetch(url, { method, headers, cf, ...sent })) as unknown as Response;
    },
  };
  return edge;
}
