// The origin's own listener for mutual TLS, for senders that connect without an edge or a proxy. The listener completes handshakes.
// The guard in the handler judges the senders, with the same verdicts as behind an edge or a proxy. In `require` mode, the listener
// also closes a connection if OpenSSL verified no client certificate.

import { SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_TICKET } from "node:constants";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { LogLine } from "../../../core/log-line.ts";
import { Refusal } from "../../../core/refusal.ts";
import { FOR_SENDERS, REFUSES_HOST_ITSELF } from "../http-limits.ts";
import { listen } from "../listening.ts";
import { requireIntermediates } from "../runtime.ts";
import { type FetchHandler, oversee, type RunningServer, requestHandler, urlOf } from "../server.ts";
import { diagnoseFailure, diagnoseHandshake } from "./handshake-diagnosis.ts";
import type { TlsState } from "./hosts.ts";

/**
 * The mode in which certificates are requested from clients. With `request`, every handshake completes, and refusals are HTTP
 * responses. With `require`, a connection on which OpenSSL verified no client certificate is closed without a response. With
 * `none`, no certificate is requested, so senders that need a certificate are refused.
 */
export type ClientCertificates = "request" | "require" | "none";

/** The options of a TLS listener: the address, the mode, the hosts, and the CAs that it names to clients. */
export interface TlsListenerOptions {
  readonly hostname: string;
  readonly port: number;
  /** One mode for all hosts, or a function that returns the mode of a host. */
  readonly clientCertificates: ClientCertificates | ((host: string) => ClientCertificates);
  /** Returns the current state. It is called for every handshake. */
  readonly state: () => TlsState;
  readonly log: (line: LogLine) => void;
  /** The default is `TLS_DEADLINES`. */
  readonly deadlines?: TlsDeadlines;
}

/** The deadlines for a client, in milliseconds. */
export interface TlsDeadlines {
  readonly handshake: number;
  readonly headers: number;
  /** The time from the first octet of a request to the last octet of its body. */
  readonly request: number;
  readonly keepAlive: number;
  /** The interval at which the deadlines of headers and requests are checked. */
  readonly checkInterval: number;
}

export const TLS_DEADLINES: TlsDeadlines = {
  handshake: 10_000,
  headers: FOR_SENDERS.headersTimeout,
  request: FOR_SENDERS.requestTimeout,
  keepAlive: FOR_SENDERS.keepAliveTimeout,
  checkInterval: 1_000,
};

/**
 * The signature algorithms with SHA-256 or better. They apply to the listener's own signatures and to the signatures of clients.
 */
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
 * Serves a fetch handler over mutual TLS. This listener completes handshakes and judges nobody. The guard in the handler judges
 * senders, with `throughTls`.
 * @throws ConfigurationError if the server cannot listen on the address, or if the runtime does not report intermediates
 */
export async function listenTls(fetch: FetchHandler, options: TlsListenerOptions): Promise<RunningServer> {
  const { state, log, deadlines = TLS_DEADLINES } = options;
  const asked = (host: string) =>
    typeof options.clientCertificates === "string" ? options.clientCertificates : options.clientCertificates(host);
  requireIntermediates("the TLS listener");
  // The log line of a failed handshake needs both maps. Node forgets the address of a socket that has ended, and sets the server
  // name only after a completed handshake.
  const peers = new WeakMap<Socket, string | undefined>();
  const names = new WeakMap<Socket, string>();
  const server = createServer(
    {
      // There is no default certificate, so a client that names no host of this listener gets no handshake.
      SNICallback(this: TLSSocket, name, done) {
        names.set(this, name);
        if (asked(name) === "none") askForNothing(this);
        done(null, state().hosts.get(name));
      },
      requestCert: true,
      rejectUnauthorized: false,
      // Versions and algorithms are set on the server, because Node uses only certificate, key and CAs from the context of a host.
      minVersion: "TLSv1.2",
      sigalgs: SIGNATURE_ALGORITHMS,
      // Without resumption and renegotiation, every connection proves possession of the key once, against the current anchors.
      secureOptions: SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION,
      handshakeTimeout: deadlines.handshake,
      headersTimeout: deadlines.headers,
      requestTimeout: deadlines.request,
      keepAliveTimeout: deadlines.keepAlive,
      connectionsCheckingInterval: deadlines.checkInterval,
      maxHeaderSize: FOR_SENDERS.maxHeaderSize,
      ...REFUSES_HOST_ITSELF,
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
  // Runs before the HTTP server's own listener, so that nothing is parsed on a connection that is closed here.
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    const mode = asked(names.get(socket) ?? "");
    const line = mode === "none" ? undefined : diagnoseHandshake(socket, state().anchors);
    if (line === undefined) return;
    log(line);
    if (mode === "require") socket.destroy();
  });
  await listen(server, options);
  return { url: urlOf("https", options.hostname, server), close };
}

/**
 * Removes the request for a certificate from a handshake that has begun. Node has no public method for it. If Node's internal
 * method is missing, a certificate is still requested, but the client need not send one.
 */
function askForNothing(socket: TLSSocket): void {
  interface Handle {
    setVerifyMode?(requestsCertificate: boolean, rejectsUnauthorized: boolean): void;
  }
  (socket as TLSSocket & { readonly _handle?: Handle })._handle?.setVerifyMode?.(false, false);
}

/**
 * Returns the TCP socket below a TLS socket. Node has no public name for it. Without the TCP socket, a log line would lack the
 * address of a peer that has left.
 */
function socketBelow(socket: TLSSocket): Socket {
  return (socket as TLSSocket & { readonly _parent?: Socket })._parent ?? socket;
}

/**
 * Requires that the Host of a request is exactly the host of its handshake. Otherwise the request would be served under the
 * certificate, and perhaps the anchors, of another host.
 */
function requireServerName({ headers, socket }: IncomingMessage): void {
  const { servername } = socket as TLSSocket;
  const host = headers.host?.replace(/:\d+$/, "");
  if (typeof servername !== "string" || servername === "" || host !== servername) {
    throw new Refusal("unknown_host", { host: headers.host, serverName: servername });
  }
}
