// The hostnames of a listener, each with its certificate, key and the anchors that clients are asked for.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { ConfigurationError } from "../../core/configuration-error.ts";

/** PEM of one server certificate (its intermediates after it) and its key. */
export interface TlsHostFiles {
  readonly certificate: string;
  readonly key: string;
}

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
 * Makes one TLS context a hostname: the exact DNS names that each certificate holds. A wildcard names no host here.
 * Every context asks for exactly `anchors` (PEM): without its root's name in the request, Docusign sends no certificate.
 * @throws ConfigurationError that lists every problem
 */
export function createTlsHosts(
  files: readonly TlsHostFiles[],
  anchors: readonly string[],
): ReadonlyMap<string, SecureContext> {
  const problems: string[] = [];
  const hosts = new Map<string, SecureContext>();
  if (anchors.length === 0) problems.push("/anchors: the policy holds none, so no client certificate can be asked for");
  for (const [index, { certificate, key }] of files.entries()) {
    try {
      const context = createSecureContext({
        cert: certificate,
        key,
        ca: [...anchors],
        minVersion: "TLSv1.2",
        sigalgs: SIGNATURE_ALGORITHMS,
        // An anchor may be an intermediate of its hierarchy: the policy says where trust ends.
        allowPartialTrustChain: true,
      });
      for (const name of hostNamesOf(certificate, key)) {
        if (hosts.has(name)) throw new Error(`${name} has a certificate already`);
        hosts.set(name, context);
      }
    } catch (error) {
      problems.push(`/certificates/${index}: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (files.length === 0) problems.push("/certificates: none given");
  if (problems.length > 0) throw new ConfigurationError("listener", problems);
  return hosts;
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
