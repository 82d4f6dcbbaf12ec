// The origin's own mutual-TLS listener: no edge, no proxy, the same verdicts.
// It completes handshakes and judges nothing; in `require` mode it ends connections that prove nothing.

import { SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_TICKET } from "node:constants";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { LogLine } from "../../core/decision.ts";
import { Refusal } from "../../core/refusal.ts";
import { diagnoseFailure, diagnoseHandshake } from "./handshake-diagnosis.ts";
import { listen } from "./listening.ts";
import { requireIntermediates } from "./runtime.ts";
import { type FetchHandler, oversee, type RunningServer, requestHandler, urlOf } from "./server.ts";
import type { TlsState } from "./tls-hosts.ts";

/** Where to listen, for which hosts, and whom to ask for certificates. */
export interface TlsListenerOptions {
  readonly hostname: string;
  readonly port: number;
  /** `request`: any handshake completes and refusals are HTTP answers. `require`: what proves nothing gets no answer. */
  readonly clientCertificates: "request" | "require";
  /** The state of now; asked for at every handshake. */
  readonly state: () => TlsState;
  readonly log: (line: LogLine) => void;
  /** Default: TLS_DEADLINES. */
  readonly deadlines?: TlsDeadlines;
}

/** How long a client may take, in milliseconds. */
export interface TlsDeadlines {
  readonly handshake: number;
  readonly headers: number;
  /** From the first octet of a request to the last of its body. */
  readonly request: number;
  readonly keepAlive: number;
  /** How often the others are looked at. */
  readonly checkInterval: number;
}

export const TLS_DEADLINES: TlsDeadlines = {
  handshake: 10_000,
  headers: 10_000,
  // 50 MB at 1 MB/s, which a slow sender may need.
  request: 60_000,
  keepAlive: 15_000,
  checkInterval: 1_000,
};
const MAX_HEADER_BYTES = 16 * 1024;

/** SHA-256 and better, for our own signatures and for those that clients are asked for. */
const SIGNATURE_ALGORITHMS = [
  "ECDSA+SHA256",
  "ECDSA+SHA384",
  "ECDSA+SHA512",
  "ed25519",
  "RSA-PSS+SHA256",
  "RSA-PSS+SHA384",
  "RSA-PSS+SHA512",
  "RSA+SHA256",
  "RSA+SHA384",
  "RSA+SHA512",
].join(":");

/**
 * Serves a fetch handler over mutual TLS. Completes handshakes and judges nobody: the guard in the handler does, with `readTlsPeer`.
 * @throws ConfigurationError when the address cannot be listened on, and on a runtime that reports no intermediates
 */
export async function listenTls(fetch: FetchHandler, options: TlsListenerOptions): Promise<RunningServer> {
  const { state, log, clientCertificates, deadlines = TLS_DEADLINES } = options;
  requireIntermediates("the TLS listener");
  // Node forgets the peer of a socket that ended and tells a name only when the handshake has completed: the line of one
  // that failed needs both.
  const peers = new WeakMap<Socket, string | undefined>();
  const names = new WeakMap<Socket, string>();
  const server = createServer(
    {
      // There is no default certificate: a client that names no host of ours gets no handshake.
      SNICallback(this: TLSSocket, name, done) {
        names.set(this, name);
        done(null, state().hosts.get(name));
      },
      requestCert: true,
      rejectUnauthorized: false,
      // Versions and algorithms are the server's: of a host's context, Node takes certificate, key and CAs alone.
      minVersion: "TLSv1.2",
      sigalgs: SIGNATURE_ALGORITHMS,
      // No resumption: every connection proves possession of the key, to the anchors of now. And it does so once.
      secureOptions: SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION,
      handshakeTimeout: deadlines.handshake,
      headersTimeout: deadlines.headers,
      requestTimeout: deadlines.request,
      keepAliveTimeout: deadlines.keepAlive,
      connectionsCheckingInterval: deadlines.checkInterval,
      maxHeaderSize: MAX_HEADER_BYTES,
      // The request handler refuses it, with a line.
      requireHostHeader: false,
    },
    requestHandler(fetch, log, requireServerName),
  );
  const close = oversee(server, log);
  server.on("connection", (socket) => peers.set(socket, socket.remoteAddress));
  server.on("tlsClientError", (error, socket) => {
    const serverName = names.get(socket);
    const isHost = serverName !== undefined && state().hosts.has(serverName);
    log(diagnoseFailure(error, socket, { peer: peers.get(socketBelow(socket)), serverName, isHost }));
  });
  // Before the HTTP server's own listener, so that nothing is parsed on a connection that is to end.
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    const line = diagnoseHandshake(socket, state().anchors);
    if (line === undefined) return;
    log(line);
    if (clientCertificates === "require") socket.destroy();
  });
  await listen(server, options);
  return { url: urlOf("https", options.hostname, server), close };
}

/** The TCP socket, which Node has no public name for; without one, a log line lacks the address of a peer that left. */
function socketBelow(socket: TLSSocket): Socket {
  return (socket as TLSSocket & { readonly _parent?: Socket })._parent ?? socket;
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
