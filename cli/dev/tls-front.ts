// The TLS front of a local run. It requests client certificates, lets every handshake complete, and passes each request to the
// edge worker with the `cf` object that Cloudflare would add. The worker makes every decision.

import { SSL_OP_NO_TICKET } from "node:constants";
import { X509Certificate } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { TLSSocket } from "node:tls";
import type { TestHarness } from "wrangler";
import type { LogLine } from "../../core/log-line.ts";
import { describeCause } from "../../origin/failure-cause.ts";
import { listen } from "../../origin/node/listening.ts";
import { logFaults } from "../../origin/node/request-faults.ts";
import { refuseLostIntermediates } from "../../origin/node/runtime.ts";
import { passClear } from "../../origin/node/server.ts";
import { explainFailure } from "../../origin/node/tls/handshake-diagnosis.ts";
import { emulateTlsClientAuth, type PeerCertificate, readPeerCertificate } from "../cloudflare/tls-client-auth.ts";
import { complain } from "../output.ts";

export interface TlsFrontOptions {
  readonly port: number;
  /** The front's own certificate and key, in PEM. */
  readonly certificate: string;
  readonly key: string;
  /**
   * CA certificates in PEM. The front names them in the CertificateRequest and verifies client certificates with them. The result
   * is passed to the worker as Cloudflare's verdict.
   */
  readonly clientCas: readonly string[];
  /** The edge. If a request arrives before the edge is ready, the request waits. */
  readonly edge: Promise<TestHarness>;
  /** Receives the certificate that a client presented with a request. */
  readonly onPresented?: (certificate: PeerCertificate) => void;
  /** Receives a line for each request that never reaches the edge. */
  readonly log: (line: LogLine) => void;
}

export interface TlsFront {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Starts the front on the loopback address.
 * @throws ConfigurationError if the port is in use, or if Node reports no intermediates
 */
export async function startTlsFront(options: TlsFrontOptions): Promise<TlsFront> {
  const { port, certificate, key, clientCas, edge, log, onPresented } = options;
  refuseLostIntermediates("dev");
  const trusted = new Set(clientCas.map((pem) => new X509Certificate(pem).fingerprint256));
  const server = createServer({
    cert: certificate,
    key,
    ca: [...clientCas],
    requestCert: true,
    rejectUnauthorized: false,
    // If a session were resumed, Node would not know the chain that the client sent.
    secureOptions: SSL_OP_NO_TICKET,
    requireHostHeader: false,
  });
  // The request is checked here and not only by the edge, because relay() builds a URL from its Host and its target.
  const pass = passClear((request, response) => {
    const peer = readPeerCertificate(request.socket as TLSSocket, trusted);
    if (peer !== undefined) onPresented?.(peer);
    relay(request, response, edge, peer).catch((error: unknown) => {
      complain(`front: ${describeCause(error)}`);
      response.destroy();
    });
  }, log);
  server.on("request", pass);
  logFaults(server, log);
  server.on("tlsClientError", (error, { remoteAddress: peer }) => {
    const { remedy, ...found } = explainFailure(error);
    log({ decision: "handshake", ...found, peer, why: remedy });
  });
  await listen(server, { hostname: "127.0.0.1", port });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function relay(
  request: IncomingMessage,
  response: ServerResponse,
  edge: Promise<TestHarness>,
  peer: PeerCertificate | undefined,
): Promise<void> {
  const socket = request.socket as TLSSocket;
  // fetch accepts no body with GET and HEAD, not even one of length 0.
  const mayHaveBody = request.method !== "GET" && request.method !== "HEAD";
  const { "content-length": length, "transfer-encoding": coding } = request.headers;
  const hasBody = mayHaveBody && (length ?? coding) !== undefined;
  const aborted = new AbortController();
  response.on("close", () => aborted.abort());
  const answer = await (await edge).fetch(`https://${request.headers.host ?? ""}${request.url ?? "/"}`, {
    method: request.method ?? "GET",
    headers: forwardedHeaders(request),
    redirect: "manual",
    signal: aborted.signal,
    ...(hasBody && { body: Readable.toWeb(request) as ReadableStream, duplex: "half" }),
    cf: {
      tlsVersion: socket.getProtocol() ?? "",
      tlsCipher: socket.getCipher().name,
      httpProtocol: `HTTP/${request.httpVersion}`,
      tlsClientAuth: emulateTlsClientAuth(peer),
    },
  } as unknown as Parameters<TestHarness["fetch"]>[1]);
  response.writeHead(
    answer.status,
    Object.fromEntries([...answer.headers].filter(([name]) => !DECODED.has(name) && !name.startsWith("mf-"))),
  );
  if (answer.body === null) response.end();
  else await pipeline(Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]), response);
}

/** Response headers that are left out, because fetch has decoded the body and the front sends it in new chunks. */
const DECODED: ReadonlySet<string> = new Set(["content-encoding", "content-length", "transfer-encoding", "connection"]);
/** Request headers that are not passed on: they belong to one connection only, or fetch makes them itself. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "expect",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Returns a client's headers as the platform would pass them on. `MF-…` headers control the local runtime (`MF-CF-Blob` replaces
 * the whole `cf`), so they are never accepted from a client.
 */
function forwardedHeaders({ rawHeaders, socket }: IncomingMessage): [string, string][] {
  const headers: [string, string][] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? "").toLowerCase();
    const isRuntimeHeader = /^mf[-_]/.test(name) || name === "cf-connecting-ip";
    if (!HOP_BY_HOP.has(name) && !isRuntimeHeader) headers.push([name, rawHeaders[index + 1] ?? ""]);
  }
  headers.push(["cf-connecting-ip", socket.remoteAddress ?? ""]);
  return headers;
}
