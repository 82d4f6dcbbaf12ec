// Makes one log line for a handshake that fails, or that completes although OpenSSL verified no client certificate. The line names
// the cause and says what to do. Text from the peer is untrusted, so `formatLogLine` escapes and shortens it.

import type { TLSSocket } from "node:tls";
import type { LogLine } from "../../../core/log-line.ts";
import { presentedBy } from "./peer.ts";
import { oneLine } from "./server-certificate.ts";

export type HandshakeCause =
  | "no certificate sent"
  | "untrusted"
  | "intermediate missing"
  | "expired"
  | "not yet valid"
  | "chain too long"
  | "wrong purpose"
  | "protocol or cipher"
  | "plain HTTP"
  | "not TLS"
  | "server not trusted"
  | "unknown host name"
  | "client aborted"
  | "timeout"
  | "other";

const REMEDIES: Readonly<Record<HandshakeCause, string>> = {
  "no certificate sent":
    "one of three: the sender's option for mutual TLS is off; the root of its chain is not among the CAs that we name; its key fits none of our signature algorithms",
  untrusted: "the chain ends in a CA that is not an anchor of the policy: add it if it is the sender's",
  "intermediate missing":
    "no issuer of the certificate was sent and none is an anchor: the sender must send its chain, or you must add its CA to the policy",
  expired: "the sender's certificate or one of its issuers has expired: the sender must renew it",
  "not yet valid": "the validity begins later: compare the clocks",
  "chain too long": "the chain is longer than any that is accepted: compare maxChainDepth",
  "wrong purpose": "the certificate is not for TLS clients (extended key usage): the sender must get another",
  "protocol or cipher": "no common TLS version or cipher: this listener supports TLS 1.2 and 1.3",
  "plain HTTP": "plain HTTP came to this TLS port: the URL begins with http:// where https:// belongs",
  // The message cannot say which protocol the client spoke, because OpenSSL does not return the bytes that it read. Besides TLS,
  // OpenSSL recognises only HTTP, by the name of the request method.
  "not TLS":
    "the client sent neither TLS nor HTTP/1: often a load balancer's PROXY protocol header (switch it off there: send-proxy, proxy_protocol), otherwise another protocol",
  "server not trusted":
    "the client does not accept our server certificate: use one from a CA that it knows, followed by its intermediates in --certificate",
  "unknown host name":
    "the client named no host of this listener (SNI): senders must use a configured name, exactly as it is configured",
  "client aborted":
    "the client ended the handshake and gave no reason: often it does not trust our server certificate, found no certificate to send, or only checks whether the port is open",
  timeout: "the client did not finish the handshake in time",
  other: "see reason",
};

/** The cause for each of Node's verification codes. */
const VERIFICATION_CAUSES: Readonly<Record<string, HandshakeCause>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "untrusted",
  SELF_SIGNED_CERT_IN_CHAIN: "untrusted",
  UNABLE_TO_GET_ISSUER_CERT: "untrusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "intermediate missing",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "intermediate missing",
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "not yet valid",
  CERT_CHAIN_TOO_LONG: "chain too long",
  PATH_LENGTH_EXCEEDED: "chain too long",
  INVALID_PURPOSE: "wrong purpose",
};

/** The cause for each pattern of OpenSSL's error codes, as Node writes them. */
const ERROR_CAUSES: ReadonlyArray<readonly [RegExp, HandshakeCause]> = [
  [/PEER_DID_NOT_RETURN_A_CERTIFICATE/, "no certificate sent"],
  [/HTTP_REQUEST|HTTPS_PROXY_REQUEST/, "plain HTTP"],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/, "not TLS"],
  [/UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|NO_SHARED_|NO_SUITABLE_|NO_CERTIFICATE_SET/, "protocol or cipher"],
  [/HANDSHAKE_TIMEOUT/, "timeout"],
  [
    /ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_(?:UNKNOWN|EXPIRED|REVOKED)|UNSUPPORTED_CERTIFICATE)/,
    "server not trusted",
  ],
  [/ALERT|ECONNRESET|EPIPE|SOCKET_CLOSED|UNEXPECTED_EOF/, "client aborted"],
];

/**
 * If the client names no host of this listener, the listener has no certificate to present. OpenSSL reports this as if both sides
 * had no algorithm in common.
 */
const NOTHING_IN_COMMON = /NO_SHARED_CIPHER|NO_SUITABLE_SIGNATURE_ALGORITHM|NO_CERTIFICATE_SET/;

/** The facts about a connection whose handshake did not complete. */
export interface Attempt {
  readonly peer: string | undefined;
  /** The host that the client asked for, if the handshake got that far. `isHost` is true if this listener has the host. */
  readonly serverName: string | undefined;
  readonly isHost: boolean;
}

export function diagnoseFailure(
  error: NodeJS.ErrnoException,
  socket: TLSSocket,
  { peer, serverName, isHost }: Attempt,
): LogLine {
  const isUnknownHost = !isHost && NOTHING_IN_COMMON.test(textOf(error));
  const { cause, reason } = explainFailure(error);
  return line(isUnknownHost ? "unknown host name" : cause, socket, { peer, serverName, reason });
}

/** Returns the cause of a handshake error, the remedy, and the error's code or message. */
export function explainFailure(error: NodeJS.ErrnoException) {
  const cause = ERROR_CAUSES.find(([pattern]) => pattern.test(textOf(error)))?.[1] ?? "other";
  return { cause, remedy: REMEDIES[cause], reason: error.code ?? error.message };
}

function textOf({ code = "", message }: NodeJS.ErrnoException): string {
  return `${code} ${message}`;
}

/**
 * Returns the log line for a handshake that completed although OpenSSL verified no client certificate. Undefined if OpenSSL
 * verified one. Also undefined if the client sent no certificate and the listener named no CA to the client.
 */
export function diagnoseHandshake(socket: TLSSocket, anchors: readonly string[]): LogLine | undefined {
  if (socket.authorized) return undefined;
  const [leaf, ...issuers] = presentedBy(socket);
  if (leaf === undefined) {
    return anchors.length === 0 ? undefined : line("no certificate sent", socket, { asked: anchors });
  }
  const reason = String(socket.authorizationError);
  const found = VERIFICATION_CAUSES[reason] ?? "other";
  const cause = found === "intermediate missing" && issuers.length > 0 ? "untrusted" : found;
  const top = issuers.at(-1) ?? leaf;
  return line(cause, socket, {
    reason,
    depth: issuers.length,
    subject: oneLine(leaf.subject),
    top: oneLine(top.subject),
    topIssuer: oneLine(top.issuer),
  });
}

function line(cause: HandshakeCause, socket: TLSSocket, details: Readonly<Record<string, unknown>>): LogLine {
  return {
    decision: "handshake",
    cause,
    remedy: REMEDIES[cause],
    peer: socket.remoteAddress,
    serverName: socket.servername,
    tls: socket.getProtocol(),
    cipher: socket.getCipher()?.name,
    ...details,
  };
}
