// Converts Cloudflare's `request.cf.tlsClientAuth` to a ClientCertificate. Of the platform's strings, it uses only the DER, the
// verdict, the revocation status and, for comparison, the SHA-256 fingerprint. Names are read from the DER.

import { Refusal } from "../core/refusal.ts";
import { type ClientCertificate, parseClientCertFields } from "../core/x509/client-certificate.ts";

/**
 * Reads the platform's facts about the client certificate. Accepts every value of `certVerified`, because `verifyTrust` judges it
 * later.
 * @throws Refusal `no_client_auth` if `tlsClientAuth` is not an object, `no_certificate` if the object says that no certificate was
 * presented, `certificate_too_large`, `certificate_malformed`, `too_many_intermediates`, `certificate_inconsistent`
 */
export function readTlsClientAuth(tlsClientAuth: unknown): ClientCertificate {
  if (typeof tlsClientAuth !== "object" || tlsClientAuth === null) throw new Refusal("no_client_auth");
  const fields = tlsClientAuth as Readonly<Record<string, unknown>>;
  const text = (name: string): string => (typeof fields[name] === "string" ? fields[name] : "");
  if (text("certPresented") !== "1") throw new Refusal("no_certificate", { certVerified: text("certVerified") });
  for (const name of ["certRFC9440TooLarge", "certChainRFC9440TooLarge"]) {
    if (fields[name] !== false) throw new Refusal("certificate_too_large", { [name]: fields[name] });
  }
  const certificate = parseClientCertFields(text("certRFC9440"), text("certChainRFC9440"), {
    verified: text("certVerified"),
    // Every text except "0" counts as revoked.
    revoked: text("certRevoked") !== "0",
  });
  const fingerprint = text("certFingerprintSHA256").toLowerCase();
  if (/^[0-9a-f]{64}$/.test(fingerprint) && fingerprint !== certificate.leaf.sha256) {
    throw new Refusal("certificate_inconsistent", { platform: fingerprint, certificate: certificate.leaf.sha256 });
  }
  return certificate;
}
