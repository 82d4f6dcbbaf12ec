// The hostnames of a listener, each with its certificate, key and the anchors that clients are asked for.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { formatPem } from "../../core/certificate.ts";
import { ConfigurationError, formatPointer } from "../../core/configuration-error.ts";
import { formatDistinguishedName } from "../../core/distinguished-name.ts";
import type { Anchor, Policy } from "../../core/policy.ts";

/** PEM of one server certificate (its intermediates after it) and its key. */
export interface TlsHostFiles {
  readonly certificate: string;
  readonly key: string;
}

/** What a reload replaces as a whole. */
export interface TlsState {
  /** By exact hostname, lower case. @internal */
  readonly hosts: ReadonlyMap<string, SecureContext>;
  /** Names of the CAs that clients are asked for: for the log. */
  readonly anchors: readonly string[];
  /** The hosts' certificates in PEM, as they were read: whose end is watched. */
  readonly certificates: readonly string[];
}

/**
 * The anchors that clients are asked for: those of senders that some route admits, and no others. None where every sender
 * does without a certificate.
 * @throws ConfigurationError when no sender could be admitted here
 */
export function anchorsInUse({ routes }: Policy): readonly Anchor[] {
  const senders = routes.flatMap((route) => route.senders);
  const anchors = new Set(senders.flatMap(({ certificate }) => certificate?.trust.anchors ?? []));
  if (anchors.size === 0 && senders.every(({ certificate }) => certificate !== undefined)) {
    throw new ConfigurationError("listener", [
      "/anchors: no route uses any, so no client certificate can be asked for, and every sender needs one",
    ]);
  }
  return [...anchors];
}

/** @throws ConfigurationError that names each sender whose connections a listener would end that requires certificates */
export function requireCertificates({ routes }: Policy): void {
  const senders = routes.flatMap((route) => route.senders).filter(({ certificate }) => certificate === undefined);
  const names = [...new Set(senders.map(({ name }) => name))];
  if (names.length === 0) return;
  const why = "presents no certificate, so --client-certificates require would end its connections: use request";
  throw new ConfigurationError(
    "listener",
    names.map((name) => `${formatPointer(["senders", name])}: ${why}`),
  );
}

/**
 * Makes one TLS context a hostname: the exact DNS names that each certificate holds. A wildcard names no host here.
 * Every context asks for exactly `anchors`: without its root's name in the request, Docusign sends no certificate.
 * @throws ConfigurationError that lists every problem
 */
export function createTlsState(files: readonly TlsHostFiles[], anchors: readonly Anchor[]): TlsState {
  const problems: string[] = [];
  const hosts = new Map<string, SecureContext>();
  for (const [index, { certificate, key }] of files.entries()) {
    try {
      // First: it says what is wrong in words of ours.
      const names = hostNamesOf(certificate, key);
      const context = createSecureContext({
        cert: certificate,
        key,
        ca: anchors.map(({ certificate: ca }) => formatPem(ca.base64)),
        // An anchor may be an intermediate of its hierarchy: the policy says where trust ends.
        allowPartialTrustChain: true,
      });
      for (const name of names) {
        if (hosts.has(name)) throw new Error(`${name} has a certificate already`);
        hosts.set(name, context);
      }
    } catch (error) {
      problems.push(`/certificates/${index}: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (files.length === 0) problems.push("/certificates: none given");
  if (problems.length > 0) throw new ConfigurationError("listener", problems);
  return {
    hosts,
    anchors: anchors.map(({ certificate }) => formatDistinguishedName(certificate.subject)),
    certificates: files.map(({ certificate }) => certificate),
  };
}

function hostNamesOf(certificate: string, key: string): string[] {
  const x509 = new X509Certificate(certificate);
  const privateKey: KeyObject = createPrivateKey(key);
  if (!x509.checkPrivateKey(privateKey)) throw new Error("the key is not that of the certificate");
  if (Date.parse(x509.validTo) < Date.now()) throw new Error(`the certificate expired on ${x509.validTo}`);
  const names = [...(x509.subjectAltName ?? "").matchAll(/DNS:([^,\s]+)/g)].map(([, name = ""]) => name.toLowerCase());
  const exact = names.filter((name) => !name.includes("*"));
  if (exact.length === 0) throw new Error("the certificate holds no exact DNS name");
  return exact;
}
