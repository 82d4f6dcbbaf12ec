// Converts a TLS socket of Node to a ClientCertificate, for an origin that terminates mutual TLS itself. Our own code
// (core/trust/verify.ts) judges the certificate for each request. In addition, OpenSSL judges the certificate once, in the
// handshake. OpenSSL's verdict can only turn an acceptance by our own code into a refusal.

import type { X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { OriginRefusal, Refusal } from "../../../core/refusal.ts";
import { MAX_INTERMEDIATES } from "../../../core/wire.ts";
import { type ClientCertificate, parseClientCertificate } from "../../../core/x509/client-certificate.ts";
import type { WithoutEdge } from "../../guard/options.ts";

/**
 * Reads the certificate of the connection that carries a request. `environment` is the object that @hono/node-server passes to the
 * app. OpenSSL's verdict is not read.
 * @throws Refusal `no_client_auth`, `no_certificate`, `certificate_too_large`, `certificate_malformed`, `too_many_intermediates`
 */
export function readTlsPeer(environment: unknown): ClientCertificate {
  return readPeerCertificate(tlsSocketOf(environment));
}

/**
 * The parsed certificates of each connection, or the refusal if they cannot be parsed. The certificates of a connection cannot
 * change, because renegotiation is off. They are parsed once, but judged again for each request.
 */
const certificates = new WeakMap<TLSSocket, ClientCertificate | Refusal>();

/** Reads the certificate of a socket. @internal */
export function readPeerCertificate(socket: TLSSocket): ClientCertificate {
  let certificate = certificates.get(socket);
  if (certificate === undefined) {
    certificate = readOnce(socket);
    certificates.set(socket, certificate);
  }
  if (certificate instanceof Refusal) throw certificate;
  return certificate;
}

function readOnce(socket: TLSSocket): ClientCertificate | Refusal {
  const [leaf, ...intermediates] = presentedBy(socket).map(({ raw }) => raw.toString("base64"));
  if (leaf === undefined) return new Refusal("no_certificate");
  try {
    return parseClientCertificate({ leaf, intermediates, platform: undefined });
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/**
 * Refuses a certificate that OpenSSL did not verify in the handshake. Is called only for a certificate that our own path validation
 * accepts.
 * @throws Refusal `listener_disagrees`
 */
export function crossCheckTlsPeer(environment: unknown): void {
  const { authorized, authorizationError } = tlsSocketOf(environment);
  if (!authorized) throw new OriginRefusal("listener_disagrees", { openssl: String(authorizationError) });
}

/**
 * The option of `countersign` and `createVerifier` for an app behind `listenTls`. The option reads the certificate of the
 * connection, and uses OpenSSL's verdict as a cross-check.
 */
export const throughTls: WithoutEdge = {
  readCertificate: (_, environment) => readTlsPeer(environment),
  crossCheck: crossCheckTlsPeer,
};

function tlsSocketOf(environment: unknown): TLSSocket {
  const socket = (environment as { incoming?: IncomingMessage } | undefined)?.incoming?.socket;
  if (!(socket instanceof TLSSocket)) throw new Refusal("no_client_auth");
  return socket;
}

/**
 * Returns the leaf and the certificates that were sent with it. Node's older `getPeerCertificate()` is not used, because it makes
 * objects of the keys, and a chain with a secp256k1 key then crashes the process.
 * @internal
 */
export function presentedBy(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  // Reads one certificate more than is accepted, so that a longer chain is refused and not cut. A certificate that is its own
  // issuer ends the loop.
  while (
    next !== undefined &&
    chain.length <= MAX_INTERMEDIATES + 1 &&
    chain.at(-1)?.fingerprint256 !== next.fingerprint256
  ) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}
