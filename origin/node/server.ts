// A Hono app on Node's HTTP server, with limits fit for one hop behind the edge.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";

/** Client-Cert and its chain take 26 KiB, the assertion up to 24 KiB more: Node's default of 16 KiB is too small. */
const MAX_HEADER_BYTES = 64 * 1024;
/** The edge sends a body that it holds in memory: half a minute is ample. */
const REQUEST_TIMEOUT_MILLISECONDS = 30_000;
const HEADERS_TIMEOUT_MILLISECONDS = 10_000;
/** Longer than the edge's idle connections live, so that it never writes into one that we are closing. */
const KEEP_ALIVE_TIMEOUT_MILLISECONDS = 75_000;

export interface RunningServer {
  readonly url: string;
  /** Stops listening, answers what is in flight, then resolves. */
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
}

/** Serves a fetch handler. @throws Error when the address cannot be listened on */
export async function serve(
  fetch: (request: Request) => Response | Promise<Response>,
  options: ListenOptions,
): Promise<RunningServer> {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MILLISECONDS,
      headersTimeout: HEADERS_TIMEOUT_MILLISECONDS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MILLISECONDS,
    },
    getRequestListener(fetch, { overrideGlobalObjects: false }),
  );
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const host = options.hostname.includes(":") ? `[${options.hostname}]` : options.hostname;
  return {
    url: `http://${host}:${port}`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeIdleConnections();
      }),
  };
}

function listen(server: Server, { hostname, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
