// The origin behind a proxy that terminates mutual TLS. A forwarded certificate can be trusted only as far as the connection that
// carries it. So there are two kinds of listener: a Unix socket, and TLS on which the proxy presents a certificate. Both kinds make
// sure that the peer is the proxy.

import { SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_TICKET } from "node:constants";
import { createServer, type IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type SecureContextOptions, TLSSocket } from "node:tls";
import type { LogLine } from "../../core/log-line.ts";
import { OriginRefusal, Refusal, toRefusal } from "../../core/refusal.ts";
import { systemClock } from "../clock.ts";
import { type ForwardedFormat, forwardedFormat, readForwardedCertificate } from "../forwarded/certificate.ts";
import type { WithoutEdge } from "../guard/options.ts";
import type { CertificateOptions } from "../options.ts";
import { BEHIND_PROXY, REFUSES_HOST_ITSELF } from "./http-limits.ts";
import { listen } from "./listening.ts";
import { compileProxyIdentity, type ProveProxy, type ProxyIdentity } from "./proxy-identity.ts";
import { requireIntermediates } from "./runtime.ts";
import { type FetchHandler, oversee, type RunningServer, requestHandler, urlOf } from "./server.ts";
import { listenOnSocket, type SocketMode } from "./socket-file.ts";
import { explainFailure } from "./tls/handshake-diagnosis.ts";
import { readPeerCertificate } from "./tls/peer.ts";

/** A Unix socket. Whoever may connect to the file counts as the proxy. */
export interface SocketListener {
  readonly socket: string;
  readonly mode: SocketMode;
}

/** Those options of a TLS listener that can be replaced while the listener runs. */
export interface ProxyTls {
  /** The origin's own certificate and key, in PEM. */
  readonly certificate: string;
  readonly key: string;
  readonly proxy: ProxyIdentity;
}

/** A TLS listener. Whoever holds the key of the proxy's certificate counts as the proxy. */
export interface TlsListener extends ProxyTls {
  readonly hostname: string;
  readonly port: number;
  /** Unix seconds. */
  readonly clock?: () => number;
}

/** The running server for the proxy. */
export interface ProxyServer extends RunningServer {
  /**
   * New handshakes use the new certificate and key. From now on, the peer of every request must have the new identity of the proxy,
   * even on a connection that is already open. Does nothing on a Unix socket.
   * @throws Error if the new files are invalid; the old ones stay in use
   */
  replace(tls: ProxyTls | SocketListener): void;
}

/**
 * The options of a server for the proxy. `listener` decides how the proxy is proven: by a Unix socket that only the proxy may open,
 * or by the proxy's certificate.
 */
export interface ProxyServerOptions {
  readonly listener: SocketListener | TlsListener;
  /** Receives a line for each request that is refused before the handler is called. */
  readonly log: (line: LogLine) => void;
}

const HANDSHAKE_TIMEOUT_MILLISECONDS = 10_000;
const HTTP_OPTIONS = { ...BEHIND_PROXY, ...REFUSES_HOST_ITSELF };

/** The requests on connections whose peer has proven that it is the proxy. Only this file adds requests. */
const fromProxy = new WeakSet<IncomingMessage>();

/**
 * Returns a function that reads the forwarded certificate of a request. The request must come from a listener of this file.
 * @throws Refusal `no_client_auth` for a request of another server, and the refusals of `readForwardedCertificate`
 */
export function readProxiedCertificate(format: ForwardedFormat): CertificateOptions["readCertificate"] {
  return (request, environment) => {
    const incoming = (environment as { incoming?: IncomingMessage } | undefined)?.incoming;
    if (incoming === undefined || !fromProxy.has(incoming)) throw new Refusal("no_client_auth");
    requireSingleFields(incoming, format);
    return readForwardedCertificate(request.headers, format);
  };
}

/**
 * Makes the option of `countersign` and `createVerifier` for an app behind `serveProxy`. The option reads the certificate that the
 * proxy forwards. If a connection is not from the proxy, its forwarded certificate is refused.
 * @param format `nginx`, `apache`, `haproxy`, `envoy`, or another format that `countersign origin --help` lists
 * @param header the name of the header field with the leaf (default `ssl-client-cert`), for a format in which the operator may
 * choose this name; the name of the field with the chain is this name followed by `-chain`
 * @throws ConfigurationError
 */
export function throughProxy(format: string, header?: string): WithoutEdge {
  return { readCertificate: readProxiedCertificate(forwardedFormat(format, header)) };
}

/**
 * Refuses a certificate field that occurs more than once. HTTP allows a list field on several lines, but a proxy that sets a field
 * sends one line. So a second line was sent by the client.
 */
function requireSingleFields({ headersDistinct }: IncomingMessage, { headers }: ForwardedFormat): void {
  const repeated = headers.filter((name) => (headersDistinct[name]?.length ?? 0) > 1);
  if (repeated.length > 0) {
    throw new Refusal("certificate_malformed", { cause: `sent more than once: ${repeated.join(", ")}` });
  }
}

/**
 * Serves a fetch handler to the proxy only. Senders are not judged here, but by the guard in the handler, with
 * `throughProxy`.
 * @throws ConfigurationError if an option is wrong or the server cannot listen; over TLS, also on a runtime that does not report
 * intermediates
 */
export async function serveProxy(fetch: FetchHandler, { listener, log }: ProxyServerOptions): Promise<ProxyServer> {
  return "socket" in listener ? await serveSocket(fetch, listener, log) : await serveTls(fetch, listener, log);
}

async function serveSocket(
  fetch: FetchHandler,
  { socket, mode }: SocketListener,
  log: ProxyServerOptions["log"],
): Promise<ProxyServer> {
  const server = createServer(
    HTTP_OPTIONS,
    requestHandler(fetch, log, (incoming) => fromProxy.add(incoming)),
  );
  const close = oversee(server, log);
  await listenOnSocket(server, socket, mode);
  return { url: `unix:${socket}`, close, replace() {} };
}

async function serveTls(
  fetch: FetchHandler,
  options: TlsListener,
  log: ProxyServerOptions["log"],
): Promise<ProxyServer> {
  const { hostname, clock = systemClock } = options;
  requireIntermediates("a proxy that connects over TLS");
  let proveProxy = compileProxyIdentity(options.proxy);
  const server = createTlsServer(
    {
      ...HTTP_OPTIONS,
      ...contextOptions(options),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MILLISECONDS,
      requestCert: true,
      rejectUnauthorized: false,
    },
    // The proxy is judged for each request, because its certificate may expire while the connection is open.
    requestHandler(fetch, log, (incoming) => {
      provePeer(incoming.socket, proveProxy, clock());
      fromProxy.add(incoming);
    }),
  );
  server.on("tlsClientError", (error, { remoteAddress }) => {
    const { remedy, ...found } = explainFailure(error);
    log({ ...found, peer: remoteAddress, decision: "refused", code: "proxy_not_proven", why: remedy });
  });
  // Runs before the HTTP server's own listener, so that nothing is parsed on the connection of a stranger.
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    try {
      provePeer(socket, proveProxy, clock());
    } catch (error) {
      log(describeStranger(error));
      socket.destroy();
    }
  });
  const close = oversee(server, log);
  await listen(server, options);
  return {
    url: urlOf("https", hostname, server),
    close,
    replace(tls) {
      if ("socket" in tls) return;
      const proveNext = compileProxyIdentity(tls.proxy);
      server.setSecureContext(contextOptions(tls));
      proveProxy = proveNext;
    },
  };
}

/** Returns all options of a TLS context, because an option that is left out of a new context falls back to its default. */
function contextOptions({ certificate, key, proxy }: ProxyTls): SecureContextOptions {
  return {
    cert: certificate,
    key,
    // The request for a certificate names these CAs. OpenSSL's verdict is not used, because OpenSSL judges a connection only once.
    ca: proxy.ca,
    minVersion: "TLSv1.2",
    // Without resumption and renegotiation, every connection proves possession of the key, and its certificate cannot change.
    secureOptions: SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION,
  };
}

/**
 * Checks that the peer is the proxy now.
 * @throws Refusal about the proxy's certificate. The detail `presentedBy` says that the refusal is not about a sender's certificate
 */
function provePeer(socket: unknown, proveProxy: ProveProxy, now: number): void {
  try {
    if (!(socket instanceof TLSSocket) || socket.isSessionReused()) throw new Refusal("no_client_auth");
    proveProxy(readPeerCertificate(socket), now);
  } catch (error) {
    const { code, details } = toRefusal(error);
    throw new OriginRefusal(code, { ...details, presentedBy: "proxy" });
  }
}

/** Returns the log line for a connection that is not the proxy's. Such a connection has no request, so there is no decision id. */
function describeStranger(error: unknown): LogLine {
  const { code: cause, details } = toRefusal(error);
  return {
    cause,
    ...details,
    decision: "refused",
    code: "proxy_not_proven",
    why: "the peer of this connection did not prove that it is the proxy: compare its certificate with --proxy-ca and --proxy-subject",
  };
}
