// A TLS socket of Node's to ClientCertificate: what the origin sees when it terminates mutual TLS itself.
// The verdict is ours (core/trust.ts), on each request; OpenSSL's, made once in the handshake, may only object.

import type { IncomingMessage } from "node:http";
import { type DetailedPeerCertificate, TLSSocket } from "node:tls";
import { type ClientCertificate, parseClientCertificate } from "../../core/presented-certificate.ts";
import { Refusal } from "../../core/refusal.ts";

/**
 * Reads the certificate of the connection that carries a request; `environment` is what @hono/node-server hands on.
 * Does not look at OpenSSL's verdict. Intermediates that do not chain are not seen: Node leaves them out.
 * @throws Refusal `no_client_auth`, `no_certificate`, `certificate_malformed`, `too_many_intermediates`
 */
export function readTlsPeer(environment: unknown): ClientCertificate {
  return readPeerCertificate(tlsSocketOf(environment));
}

/** The same from a socket. */
export function readPeerCertificate(socket: TLSSocket): ClientCertificate {
  const certificates = presentedBy(socket);
  const [leaf, ...intermediates] = certificates.map(({ raw }) => raw.toString("base64"));
  if (leaf === undefined) throw new Refusal("no_certificate");
  return parseClientCertificate({ leaf, intermediates, platform: undefined });
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

/** The leaf and its issuers; a self-issued certificate names itself as its issuer and ends the chain. */
function presentedBy(socket: TLSSocket): DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && !chain.includes(next)) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}
