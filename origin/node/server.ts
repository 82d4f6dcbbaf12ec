// Serves a Hono app with Node's HTTP server. The limits are for requests that come from the edge.

import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { describeProblem, formatProblem } from "../../core/decision/problem.ts";
import { describeRefusal } from "../../core/decision/refusal-line.ts";
import type { LogLine } from "../../core/log-line.ts";
import { Refusal, toRefusal } from "../../core/refusal.ts";
import { requireHost } from "../../core/request/host.ts";
import { showTarget } from "../../core/url.ts";
import { limitConnections } from "./connection-limit.ts";
import { closesGracefully } from "./graceful-close.ts";
import { BEHIND_EDGE, hostInUrl, REFUSES_HOST_ITSELF } from "./http-limits.ts";
import { type Address, listen } from "./listening.ts";
import { logFaults } from "./request-faults.ts";

/** A server that listens. */
export interface RunningServer {
  readonly url: string;
  /** Stops listening, answers the requests in progress, then resolves. */
  close(): Promise<void>;
}

/** The address to listen on, and the log. */
export interface ListenOptions extends Address {
  /** Receives a line for each request that is refused before the handler is called. */
  readonly log: (line: LogLine) => void;
}

export type FetchHandler = (request: Request, environment?: object) => Response | Promise<Response>;

/**
 * Serves a fetch handler over HTTP, with limits for requests that come from the edge. Does not prove senders, because the guard in
 * the handler does. Refuses a request if two programs could read its Host or target differently.
 * @throws ConfigurationError if the server cannot listen on the address
 */
export async function serve(fetch: FetchHandler, options: ListenOptions): Promise<RunningServer> {
  const server = createServer({ ...BEHIND_EDGE, ...REFUSES_HOST_ITSELF }, requestHandler(fetch, options.log));
  const close = oversee(server, options.log);
  await listen(server, options);
  return { url: urlOf("http", options.hostname, server), close };
}

/**
 * Limits the connections of a server and logs the requests that Node ends. Returns the function that closes the server.
 * @internal
 */
export function oversee(server: Server, log: (line: LogLine) => void): () => Promise<void> {
  limitConnections(server, log);
  logFaults(server, log);
  return closesGracefully(server);
}

/** The URL of a server that listens on `hostname`. @internal */
export function urlOf(scheme: "http" | "https", hostname: string, server: Pick<Server, "address">): string {
  const { port } = server.address() as AddressInfo;
  return `${scheme}://${hostInUrl(hostname)}:${port}`;
}

type NodeHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/**
 * Makes the listener for a server's requests. Refuses a request if the handler could read its Host or target wrongly, or if `check`
 * throws. Passes on all other requests.
 * @internal
 */
export function requestHandler(
  fetch: FetchHandler,
  log: (line: LogLine) => void,
  check?: (incoming: IncomingMessage) => void,
): NodeHandler {
  const answer = getRequestListener(fetch, {
    // Lets the adapter replace the global Response with its own class, which writes a string directly. This is also the default.
    // Node's Response would make a web stream that has to be read back, which takes a fifth of the time of an event.
    overrideGlobalObjects: true,
    // By default, if the adapter cannot make a Request, the adapter answers without a log line.
    errorHandler(error) {
      const id = randomUUID();
      const refusal = toRefusal(error);
      log(describeRefusal(refusal, { id }));
      return formatProblem(refusal, id);
    },
  });
  return passClear((incoming, outgoing) => void answer(incoming, outgoing), log, check);
}

/**
 * Passes on a request if every program reads its Host and its target in the same way, and if `check` accepts the request.
 * @internal
 */
export function passClear(
  handle: NodeHandler,
  log: (line: LogLine) => void,
  check: (incoming: IncomingMessage) => void = () => undefined,
): NodeHandler {
  return (incoming, outgoing) => {
    try {
      requireClear(incoming);
      check(incoming);
    } catch (error) {
      refuse(incoming, outgoing, toRefusal(error), log);
      return;
    }
    handle(incoming, outgoing);
  };
}

/** @internal @throws Refusal for a request that two programs could read differently */
export function requireClear(
  incoming: Pick<IncomingMessage, "rawHeaders"> & { readonly url?: string | undefined },
): void {
  requireOneHost(incoming);
  requireNormalTarget(incoming);
}

/**
 * Requires exactly one Host field. If there were several, the adapter would use the first, while a hop in front may use the last.
 * If there were none, the adapter would answer without a log line.
 */
function requireOneHost({ rawHeaders }: Pick<IncomingMessage, "rawHeaders">): void {
  let host: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.length !== 4 || rawHeaders[index]?.toLowerCase() !== "host") continue;
    if (host !== undefined) throw new Refusal("malformed_host", { fields: "several" });
    host = rawHeaders[index + 1];
  }
  requireHost(host ?? "");
}

/**
 * Requires that the target on the wire is the target that the handler will read. The handler's Request holds a normalised URL, but
 * a hop in front may have used the target on the wire for routing. `readRequestTarget` cannot check this, because it sees only the
 * Request.
 */
function requireNormalTarget({ url: target = "" }: { readonly url?: string | undefined }): void {
  const url = target.startsWith("/") ? URL.parse(`http://origin${target}`) : null;
  if (url !== null && url.pathname + url.search === target) return;
  const isInQuery = url !== null && target.startsWith(`${url.pathname}?`);
  throw new Refusal("malformed_target", { target: showTarget(target), ...(isInQuery && { part: "query" }) });
}

/** Refuses a request without calling the handler. Closes the connection, because the body may not be completely received. */
function refuse(
  { method = "", socket }: IncomingMessage,
  outgoing: ServerResponse,
  refusal: Refusal,
  log: ListenOptions["log"],
): void {
  const id = randomUUID();
  log(describeRefusal(refusal, { id, method, peer: socket.remoteAddress }));
  const { status, headers, body } = describeProblem(refusal, id);
  outgoing.writeHead(status, { ...headers, connection: "close" }).end(body);
}
