// Makes the TLS contexts for the hostnames of a listener. Each hostname has its certificate, its key, and the anchors that are
// named to clients.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { ConfigurationError } from "../../../core/configuration-error.ts";
import { messageOf } from "../../../core/failure-chain.ts";
import type { Anchor } from "../../../core/policy/policy.ts";
import { formatPem } from "../../../core/x509/certificate.ts";
import { formatDistinguishedName } from "../../../core/x509/distinguished-name.ts";
import { readPems } from "../pem-files.ts";
import { faultsOfServer } from "./server-certificate.ts";

/** A server certificate in PEM, followed by its intermediates, and its key. */
export interface TlsHostFiles {
  readonly certificate: string;
  readonly key: string;
}

/** The state of a TLS listener. A reload replaces the whole state. */
export interface TlsState {
  /** The TLS contexts by exact hostname in lower case. @internal */
  readonly hosts: ReadonlyMap<string, SecureContext>;
  /** The names of the CAs that the listener names to clients. The log shows these names. */
  readonly anchors: readonly string[];
  /** The hosts' certificates in PEM, as they were read. Their expiry is watched. */
  readonly certificates: readonly string[];
}

/**
 * Makes one TLS context for each certificate, and assigns this context to each exact DNS name in the certificate. Wildcards are
 * ignored. In its request for a client certificate, every context names exactly `anchors` and the policy's intermediates below
 * them. The anchors are named because some senders, for example Docusign, send no certificate unless the request names their root.
 * The intermediates are named because a sender that does not send its intermediate may look for the name of the intermediate in the
 * request.
 * @throws ConfigurationError that lists every problem
 */
export function createTlsState(files: readonly TlsHostFiles[], anchors: readonly Anchor[]): TlsState {
  const problems: string[] = [];
  const hosts = new Map<string, SecureContext>();
  const authorities = new Set(anchors.flatMap(({ certificate, intermediates }) => [certificate, ...intermediates]));
  for (const [index, { certificate, key }] of files.entries()) {
    try {
      // `hostNamesOf` is called first, because its errors are easier to understand than OpenSSL's.
      const names = hostNamesOf(certificate, key);
      const context = createSecureContext({
        cert: certificate,
        key,
        ca: [...authorities].map(({ base64 }) => formatPem(base64)),
        // An anchor may be an intermediate CA, because the policy says where a path ends. Without this option, OpenSSL would trust
        // only self-signed certificates.
        allowPartialTrustChain: true,
      });
      for (const name of names) {
        if (hosts.has(name)) throw new Error(`${name} has a certificate already`);
        hosts.set(name, context);
      }
    } catch (error) {
      problems.push(`/certificates/${index}: ${messageOf(error)}`);
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
  const chain = readPems(Buffer.from(certificate), "it").map((pem) => new X509Certificate(pem));
  const x509 = chain[0] ?? new X509Certificate(certificate);
  const privateKey: KeyObject = createPrivateKey(key);
  if (!x509.checkPrivateKey(privateKey)) throw new Error("the key is not that of the certificate");
  const faults = faultsOfServer(chain);
  if (faults.length > 0) throw new Error(faults.join("; "));
  const names = [...(x509.subjectAltName ?? "").matchAll(/DNS:([^,\s]+)/g)].map(([, name = ""]) => name.toLowerCase());
  const exact = names.filter((name) => !name.includes("*"));
  if (exact.length === 0) throw new Error("the certificate holds no exact DNS name");
  return exact;
}
