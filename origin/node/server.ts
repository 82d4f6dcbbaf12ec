// A Hono app on Node's HTTP server, with limits fit for one hop behind the edge.

import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { describeProblem, describeRefusal, formatProblem, type LogLine } from "../../core/decision.ts";
import { Refusal, toRefusal } from "../../core/refusal.ts";
import { requireHost } from "../../core/request-host.ts";
import { showTarget } from "../../core/secure-url.ts";
import { limitConnections } from "./connection-limit.ts";
import { closesGracefully } from "./graceful-close.ts";
import { type Address, listen } from "./listening.ts";
import { tellFaults } from "./request-faults.ts";

/** Client-Cert and its chain take 26 KiB, the assertion up to 24 KiB more: Node's default of 16 KiB is too small. */
const MAX_HEADER_BYTES = 64 * 1024;
/** The edge sends a body that it holds in memory: half a minute is ample. */
const REQUEST_TIMEOUT_MILLISECONDS = 30_000;
const HEADERS_TIMEOUT_MILLISECONDS = 10_000;
/** Longer than the edge's idle connections live, so that it never writes into one that we are closing. */
const KEEP_ALIVE_TIMEOUT_MILLISECONDS = 75_000;

/** A server that listens. */
export interface RunningServer {
  readonly url: string;
  /** Stops listening, answers what is in flight, then resolves. */
  close(): Promise<void>;
}

/** Where to listen. */
export interface ListenOptions extends Address {
  /** Receives a line for what is refused before the handler sees it. */
  readonly log: (line: LogLine) => void;
}

export type FetchHandler = (request: Request, environment?: object) => Response | Promise<Response>;

/**
 * Serves a fetch handler over HTTP, with limits that fit one hop behind the edge. Proves nobody: the guard in the handler does.
 * Refuses requests whose Host or target two programs could read in two ways.
 * @throws ConfigurationError when the address cannot be listened on
 */
export async function serve(fetch: FetchHandler, options: ListenOptions): Promise<RunningServer> {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MILLISECONDS,
      headersTimeout: HEADERS_TIMEOUT_MILLISECONDS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MILLISECONDS,
      // Node would answer such a request, and nobody would hear of it: the request handler refuses it.
      requireHostHeader: false,
    },
    requestHandler(fetch, options.log),
  );
  const close = oversee(server, options.log);
  await listen(server, options);
  return { url: urlOf("http", options.hostname, server), close };
}

/** What each server of events does from now on: it limits connections, and tells of what Node ends. Returns what closes it. @internal */
export function oversee(server: Server, log: (line: LogLine) => void): () => Promise<void> {
  limitConnections(server, log);
  tellFaults(server, log);
  return closesGracefully(server);
}

/** Where a server listens that was told to listen on `hostname`. An IPv6 address stands in brackets, and a URL holds no zone of one. @internal */
export function urlOf(scheme: "http" | "https", hostname: string, server: Pick<Server, "address">): string {
  const { port } = server.address() as AddressInfo;
  const host = isIPv6(hostname) ? `[${hostname.replace(/%.*$/s, "")}]` : hostname;
  return `${scheme}://${host}:${port}`;
}

type NodeHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** What an HTTP server calls: refuses what the handler could not see rightly, and passes on the rest. @internal */
export function requestHandler(
  fetch: FetchHandler,
  log: (line: LogLine) => void,
  check?: (incoming: IncomingMessage) => void,
): NodeHandler {
  const answer = getRequestListener(fetch, {
    // The adapter puts its own Response in the place of the global one, as it does by default: an answer that is a string
    // is then written as it is, where Node's would make a web stream of it that is read back. A fifth of an event's cost.
    overrideGlobalObjects: true,
    // It would answer what it cannot make a Request of without a word.
    errorHandler(error) {
      const id = randomUUID();
      const refusal = toRefusal(error);
      log(describeRefusal(refusal, { id }));
      return formatProblem(refusal, id);
    },
  });
  return passClear((incoming, outgoing) => void answer(incoming, outgoing), log, check);
}

/** Passes on requests whose Host and target everybody reads alike, and which the check lets through. @internal */
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
      refuse(outgoing, toRefusal(error), log);
      return;
    }
    handle(incoming, outgoing);
  };
}

/** @internal @throws Refusal for a request that two programs could read in two ways */
export function requireClear(
  incoming: Pick<IncomingMessage, "rawHeaders"> & { readonly url?: string | undefined },
): void {
  requireOneHost(incoming);
  requireNormalTarget(incoming);
}

/** Of several the adapter would take the first, and a hop in front perhaps the last; none it would answer without a word. */
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
 * The target on the wire must be what the handler will read. The Request that it gets holds a normalised URL
 * already, so readRequestTarget cannot see there what a hop in front may have routed by.
 */
function requireNormalTarget({ url: target = "" }: { readonly url?: string | undefined }): void {
  const url = target.startsWith("/") ? URL.parse(`http://origin${target}`) : null;
  if (url !== null && url.pathname + url.search === target) return;
  const isInQuery = url !== null && target.startsWith(`${url.pathname}?`);
  throw new Refusal("malformed_target", { target: showTarget(target), ...(isInQuery && { part: "query" }) });
}

/** Answers without the handler. The connection ends with it: a body may still be on its way. */
function refuse(outgoing: ServerResponse, refusal: Refusal, log: ListenOptions["log"]): void {
  const id = randomUUID();
  log(describeRefusal(refusal, { id }));
  const { status, headers, body } = describeProblem(refusal, id);
  outgoing.writeHead(status, { ...headers, connection: "close" }).end(body);
}
