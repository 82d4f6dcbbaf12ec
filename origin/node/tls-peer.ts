// A TLS socket of Node's to ClientCertificate: what the origin sees when it terminates mutual TLS itself.
// The verdict is ours (core/trust.ts), on each request; OpenSSL's, made once in the handshake, may only object.

import type { X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { type ClientCertificate, parseClientCertificate } from "../../core/presented-certificate.ts";
import { Refusal } from "../../core/refusal.ts";
import { MAX_INTERMEDIATES } from "../../core/wire.ts";

/**
 * Reads the certificate of the connection that carries a request; `environment` is what @hono/node-server hands on.
 * Does not look at OpenSSL's verdict.
 * @throws Refusal `no_client_auth`, `no_certificate`, `certificate_malformed`, `too_many_intermediates`
 */
export function readTlsPeer(environment: unknown): ClientCertificate {
  return readPeerCertificate(tlsSocketOf(environment));
}

/** Of a connection, the certificate cannot change: renegotiation is off. What is decided about it is decided anew each time. */
const certificates = new WeakMap<TLSSocket, ClientCertificate>();

/** The same from a socket. */
export function readPeerCertificate(socket: TLSSocket): ClientCertificate {
  const known = certificates.get(socket);
  if (known !== undefined) return known;
  const [leaf, ...intermediates] = presentedBy(socket).map(({ raw }) => raw.toString("base64"));
  if (leaf === undefined) throw new Refusal("no_certificate");
  const certificate = parseClientCertificate({ leaf, intermediates, platform: undefined });
  certificates.set(socket, certificate);
  return certificate;
}

/**
 * Objects when OpenSSL did not verify in the handshake what our path validation accepts.
 * @throws Refusal `listener_disagrees`
 */
export function crossCheckTlsPeer(environment: unknown): void {
  const { authorized, authorizationError } = tlsSocketOf(environment);
  if (!authorized) throw new Refusal("listener_disagrees", { openssl: String(authorizationError) });
}

function tlsSocketOf(environment: unknown): TLSSocket {
  const socket = (environment as { incoming?: IncomingMessage } | undefined)?.incoming?.socket;
  if (!(socket instanceof TLSSocket)) throw new Refusal("no_client_auth");
  return socket;
}

/**
 * The leaf and what was sent with it. Node's older getPeerCertificate() is not used at all: it makes objects of the
 * keys, and a chain with a secp256k1 key crashes the process.
 */
export function presentedBy(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  // One more than is accepted, so that a longer chain is refused and not cut; a self-issued certificate ends the walk.
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
