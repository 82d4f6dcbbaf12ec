// Checks the server's side of the handshake: whether the server can be reached, and whether a strict sender would continue.

import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { isForServers, oneLine } from "../../origin/node/tls/server-certificate.ts";
import { type CheckReport, type Finding, type FindingCode, found } from "./findings.ts";
import { type Handshake, observeHandshake, readSentChain, type TlsVersion } from "./handshake.ts";
import { hostOf, type Subject, serverNameOf } from "./subject.ts";

const TIMEOUT_MILLISECONDS = 15_000;
const DAY_MILLISECONDS = 86_400_000;
/** Public CAs advise to renew a certificate 30 days before it expires. If it has fewer days left than this, the renewal is late. */
const ENDS_SOON_DAYS = 21;

/** The handshake as a Node client sees it. */
export interface Connection {
  /** The error code of Node or OpenSSL for the server's certificate. Empty if the certificate is valid. */
  readonly verification: string;
  readonly protocol: string;
}

/** @throws NodeJS.ErrnoException if no handshake completes */
function connectTo(subject: Subject): Promise<Connection> {
  const serverName = serverNameOf(subject);
  const { port, serverCa, identity } = subject;
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host: hostOf(subject),
      port,
      ...(serverName !== "" && { servername: serverName }),
      ...(serverCa !== undefined && { ca: serverCa }),
      ...(identity !== undefined && { cert: identity.certificate, key: identity.key }),
      rejectUnauthorized: false,
    });
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" }));
    }, TIMEOUT_MILLISECONDS);
    socket.once("close", () => clearTimeout(timer));
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      const { authorizationError } = socket as { readonly authorizationError?: unknown };
      resolve({ verification: codeOf(authorizationError), protocol: socket.getProtocol() ?? "" });
      socket.destroy();
    });
  });
}

function codeOf(error: unknown): string {
  if (error === undefined || error === null) return "";
  return String((error as { readonly code?: unknown }).code ?? error);
}

/**
 * Checks whether the server can be reached. `handshake` is undefined if `openssl` is not installed or the server cannot be
 * reached.
 */
export async function checkConnection(
  subject: Subject,
): Promise<{ report: CheckReport; connection: Connection | undefined; handshake: Handshake | undefined }> {
  const { port } = subject;
  const place = `${hostOf(subject)} port ${port}`;
  const handshake = observeHandshake({ host: hostOf(subject), port, serverName: serverNameOf(subject) });
  try {
    const connection = await connectTo(subject);
    const report = { check: "connection", seen: [`${place} speaks ${connection.protocol}`], findings: [] };
    return { report, connection, handshake: await handshake };
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const seen = await handshake;
    // With TLS 1.2, a server that requires a client certificate breaks off the handshake if the client presents none.
    const isInsisting = seen?.has("CertificateRequest") === true;
    const evidence = `${place}: ${code === "" ? message : code}`;
    const findings = isInsisting ? [] : [found(codeOfFailure(code), evidence)];
    const report = {
      check: "connection",
      seen: isInsisting ? [`${place} ends a handshake without a certificate`] : [],
      findings,
    };
    return { report, connection: undefined, handshake: isInsisting ? seen : undefined };
  }
}

function codeOfFailure(code: string): FindingCode {
  if (/^(?:ENOTFOUND|EAI_)/.test(code)) return "host_unknown";
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNEXPECTED_MESSAGE/.test(code)) return "not_tls";
  if (/^ERR_SSL|^EPROTO|^ECONNRESET/.test(code)) return "handshake_failed";
  return "no_connection";
}

/**
 * The finding for each code with which Node reports that the server's certificate was not verified. A strict client would break off
 * the handshake because of such a certificate.
 */
const VERIFICATIONS: Readonly<Record<string, FindingCode>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "server_other_host",
  CERT_HAS_EXPIRED: "server_expired",
  CERT_NOT_YET_VALID: "server_not_yet_valid",
  DEPTH_ZERO_SELF_SIGNED_CERT: "server_self_signed",
  SELF_SIGNED_CERT_IN_CHAIN: "server_ca_unknown",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "server_chain_incomplete",
  UNABLE_TO_GET_ISSUER_CERT: "server_chain_incomplete",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "server_chain_incomplete",
  INVALID_PURPOSE: "server_not_for_servers",
};

/** Verifies the server's certificate like a client that knows only the public roots or, with `--ca`, only the given CAs. */
export function checkServerCertificate(
  subject: Subject,
  connection: Connection | undefined,
  handshake: Handshake | undefined,
  now: Date,
): CheckReport {
  const check = "server certificate";
  const chain = handshake === undefined ? [] : readSentChain(handshake).map((der) => new X509Certificate(der));
  const [own] = chain;
  const seen = chain.map(
    (one) => `${nameOf(one.subject)}, issued by ${nameOf(one.issuer)}, until ${one.validToDate.toISOString()}`,
  );
  const findings = own === undefined ? [] : [...describeOwn(own, subject), ...describeChain(chain, now)];
  if (connection === undefined) {
    const notChecked =
      "the server ends a handshake without a client certificate: give --certificate and --key to have its chain verified";
    return { check, seen, findings, notChecked };
  }
  const { verification } = connection;
  const evidence = [
    verification,
    ...(own === undefined ? [] : [nameOf(own.subject), own.subjectAltName ?? "no alternative names"]),
  ].join(": ");
  if (verification !== "") findings.push(found(VERIFICATIONS[verification] ?? "server_not_verified", evidence));
  // Node's verification stops at the first fault. The other checks may find the same fault, but it is reported only once.
  return {
    check,
    seen,
    ...(handshake === undefined && { notChecked: `${NO_OPENSSL}: only the verdict of Node is known` }),
    findings: findings.filter(({ code }, index) => findings.findIndex((one) => one.code === code) === index),
  };
}

function describeOwn(own: X509Certificate, subject: Subject): Finding[] {
  const host = hostOf(subject);
  const isForHost = (isIP(host) === 0 ? own.checkHost(host) : own.checkIP(host)) !== undefined;
  return [
    ...(isForHost ? [] : [found("server_other_host", `${own.subjectAltName ?? "no alternative names"}: not ${host}`)]),
    ...(isForServers(own)
      ? []
      : [found("server_not_for_servers", `its extended key usage is ${own.keyUsage.join(", ")}`)]),
  ];
}

/** Finds faults of every certificate that the server sends: its own certificate, and the intermediates. */
function describeChain(chain: readonly X509Certificate[], now: Date): Finding[] {
  const unordered = chain.find((one, index) => {
    const next = chain[index + 1];
    return (
      next !== undefined && !one.checkIssued(next) && chain.some((other) => other !== one && one.checkIssued(other))
    );
  });
  return [
    ...chain.flatMap((one) => describeTimes(one, now)),
    ...(unordered === undefined
      ? []
      : [found("server_chain_unordered", `after ${nameOf(unordered.subject)} its issuer does not follow`)]),
  ];
}

function describeTimes({ subject, validFromDate, validToDate }: X509Certificate, now: Date): Finding[] {
  const days = Math.floor((validToDate.getTime() - now.getTime()) / DAY_MILLISECONDS);
  const [name, end] = [nameOf(subject), validToDate.toISOString()];
  if (validToDate < now) return [found("server_expired", `${name} expired on ${end}`)];
  return [
    ...(validFromDate > now
      ? [found("server_not_yet_valid", `${name} is valid from ${validFromDate.toISOString()}`)]
      : []),
    ...(days < ENDS_SOON_DAYS ? [found("server_ends_soon", `${name} expires on ${end}, in ${days} days`)] : []),
  ];
}

/** Returns a distinguished name in one line. */
function nameOf(name: string | undefined): string {
  return oneLine(name) || "(no name)";
}

/** The reason why a check of the handshake is not made. */
export const NO_OPENSSL = "there is no program openssl here";

const VERSIONS: readonly (readonly [TlsVersion, string])[] = [
  ["tls1", "TLS 1.0"],
  ["tls1_1", "TLS 1.1"],
  ["tls1_2", "TLS 1.2"],
  ["tls1_3", "TLS 1.3"],
];

/** Finds out which TLS versions the server accepts. Offers one version at a time. */
export async function checkVersions(subject: Subject): Promise<CheckReport> {
  const target = { host: hostOf(subject), port: subject.port, serverName: serverNameOf(subject) };
  const asked = await Promise.all(
    VERSIONS.map(async ([version, name]) => [name, await observeHandshake(target, version)] as const),
  );
  const spoken = asked.filter(([, handshake]) => handshake?.has("ServerHello") === true).map(([name]) => name);
  const old = spoken.filter((name) => name === "TLS 1.0" || name === "TLS 1.1");
  const findings = [
    ...(old.length > 0 ? [found("tls_outdated", old.join(", "))] : []),
    ...(spoken.includes("TLS 1.2") ? [] : [found("tls_1_2_missing", spoken.join(", "))]),
  ];
  return { check: "TLS versions", seen: [spoken.join(", ")], findings };
}
