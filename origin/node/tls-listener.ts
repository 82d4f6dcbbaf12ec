// The origin's own mutual-TLS listener: no edge, no proxy, the same verdicts.
// It completes handshakes and judges nothing; in `require` mode it ends connections that prove nothing.

import { SSL_OP_NO_TICKET } from "node:constants";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { SecureContext, TLSSocket } from "node:tls";
import type { LogLine } from "../../core/decision.ts";
import { Refusal } from "../../core/refusal.ts";
import { diagnoseFailure, diagnoseHandshake } from "./handshake-diagnosis.ts";
import { closeGracefully, type FetchHandler, listen, type RunningServer, requestHandler } from "./server.ts";

/** What a reload replaces as a whole. */
export interface TlsState {
  /** By exact hostname, lower case. */
  readonly hosts: ReadonlyMap<string, SecureContext>;
  /** Names of the CAs that clients are asked for: for the log. */
  readonly anchors: readonly string[];
}

export interface TlsListenerOptions {
  readonly hostname: string;
  readonly port: number;
  /** `request`: any handshake completes and refusals are HTTP answers. `require`: what proves nothing gets no answer. */
  readonly clientCertificates: "request" | "require";
  /** The state of now; asked for at every handshake. */
  readonly state: () => TlsState;
  readonly log: (line: LogLine) => void;
}

const HANDSHAKE_TIMEOUT_MILLISECONDS = 10_000;
const HEADERS_TIMEOUT_MILLISECONDS = 10_000;
/** 50 MB at 1 MB/s, which a slow sender may need. */
const REQUEST_TIMEOUT_MILLISECONDS = 60_000;
const KEEP_ALIVE_TIMEOUT_MILLISECONDS = 15_000;
/** How often the timeouts above are looked at. */
const CHECK_INTERVAL_MILLISECONDS = 1_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** Of one process. A webhook listener serves a handful of senders. */
const MAX_CONNECTIONS = 1_000;

/** Starts the listener. @throws Error when the address cannot be listened on */
export async function listenTls(fetch: FetchHandler, options: TlsListenerOptions): Promise<RunningServer> {
  const { state, log, clientCertificates } = options;
  const server = createServer(
    {
      // There is no default certificate: a client that names no host of ours gets no handshake.
      SNICallback: (name, done) => {
        const context = state().hosts.get(name);
        if (context === undefined) done(Object.assign(new Error("unknown host name"), { code: "UNKNOWN_HOST_NAME" }));
        else done(null, context);
      },
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: "TLSv1.2",
      // No resumption: every connection proves possession of the key, to the anchors of now.
      secureOptions: SSL_OP_NO_TICKET,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MILLISECONDS,
      headersTimeout: HEADERS_TIMEOUT_MILLISECONDS,
      requestTimeout: REQUEST_TIMEOUT_MILLISECONDS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MILLISECONDS,
      connectionsCheckingInterval: CHECK_INTERVAL_MILLISECONDS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    requestHandler(fetch, log, requireServerName),
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on("tlsClientError", (error, socket) => log(diagnoseFailure(error, socket)));
  // Before the HTTP server's own listener, so that nothing is parsed on a connection that is to end.
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    const line = diagnoseHandshake(socket, state().anchors);
    if (line === undefined) return;
    log(line);
    if (clientCertificates === "require") socket.destroy();
  });
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  return { url: `https://${options.hostname}:${port}`, close: () => closeGracefully(server) };
}

/**
 * The Host of a request must be the host of its handshake, in the same spelling: another one would be served under a
 * certificate, and in time under anchors, that are not its own.
 */
function requireServerName({ headers, socket }: IncomingMessage): void {
  const { servername } = socket as TLSSocket;
  const host = headers.host?.replace(/:\d+$/, "");
  if (typeof servername !== "string" || servername === "" || host !== servername) {
    throw new Refusal("unknown_host", { host: headers.host, serverName: servername });
  }
}
