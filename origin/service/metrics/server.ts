// The listener for the metrics and the probes, on its own port.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { LogLine } from "../../../core/log-line.ts";
import { escapeControls } from "../../../core/shown-text.ts";
import { type Address, listen } from "../../node/listening.ts";
import { logFaults } from "../../node/request-faults.ts";
import { passClear, urlOf } from "../../node/server.ts";
import type { Health } from "../health.ts";
import type { Metrics } from "./metrics.ts";

export interface MetricsServer {
  readonly url: string;
  close(): void;
}

/**
 * Serves GET /metrics, /livez and /readyz. Requests are not logged. `log` receives a line for bytes that are no HTTP request.
 * @throws ConfigurationError if the server cannot listen at the address
 */
export async function serveMetrics(
  { metrics, health }: Sources,
  { hostname, port }: Address,
  log: (line: LogLine) => void,
): Promise<MetricsServer> {
  const tell = (line: LogLine) => log({ ...line, listener: "metrics" });
  const answer = async ({ method, url }: IncomingMessage, response: ServerResponse) => {
    const isRead = method === "GET" || method === "HEAD";
    const { status, type, text } = (isRead && (await findPage({ metrics, health }, url))) || NOT_FOUND;
    response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
    response.end(method === "HEAD" ? undefined : text);
  };
  const server = createServer({ requireHostHeader: false }, passClear(answer, tell));
  logFaults(server, tell);
  await listen(server, { hostname, port });
  // The listener of the metrics must not keep the process alive.
  server.unref();
  return {
    url: `${urlOf("http", hostname, server)}/metrics`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Sources {
  readonly metrics: Metrics;
  readonly health: Health;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const TEXT = "text/plain; charset=utf-8";
const NOT_FOUND: Page = { status: 404, type: TEXT, text: "GET /metrics, /livez or /readyz\n" };

async function findPage({ metrics, health }: Sources, url: string | undefined): Promise<Page | undefined> {
  if (url === "/metrics") return { status: 200, ...(await metrics.format()) };
  if (url === "/livez") return pageOf(health.faults());
  return url === "/readyz" ? pageOf(health.problems()) : undefined;
}

function pageOf(problems: readonly string[]): Page {
  if (problems.length === 0) return { status: 200, type: TEXT, text: "ok\n" };
  return { status: 503, type: TEXT, text: problems.map((problem) => `${escapeControls(problem)}\n`).join("") };
}
