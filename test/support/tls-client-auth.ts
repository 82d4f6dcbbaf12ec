// Makes the object `request.cf.tlsClientAuth` for a certificate, with every field that Cloudflare documents.

import { X509Certificate } from "node:crypto";
import type { Identity } from "../../cli/dev/authority.ts";

export type TlsClientAuth = Readonly<Record<string, string | boolean>>;

/** The value of `request.cf.tlsClientAuth` for a connection without a client certificate. */
export const NO_CERTIFICATE: TlsClientAuth = {
  certPresented: "0",
  certVerified: "NONE",
  certRevoked: "0",
  certIssuerDN: "",
  certSubjectDN: "",
  certIssuerDNRFC2253: "",
  certSubjectDNRFC2253: "",
  certIssuerDNLegacy: "",
  certSubjectDNLegacy: "",
  certSerial: "",
  certIssuerSerial: "",
  certSKI: "",
  certIssuerSKI: "",
  certFingerprintSHA256: "",
  certFingerprintSHA1: "",
  certNotBefore: "",
  certNotAfter: "",
  certRFC9440: "",
  certRFC9440TooLarge: false,
  certChainRFC9440: "",
  certChainRFC9440TooLarge: false,
};

/**
 * Returns `request.cf.tlsClientAuth` for a connection with this client certificate and these intermediates. `certVerified` is the
 * failure that Cloudflare reports if it does not know the CA of the certificate.
 */
export function tlsClientAuth(
  { base64, certificate }: Identity,
  intermediates: readonly Identity[] = [],
  overrides: TlsClientAuth = {},
): TlsClientAuth {
  const x509 = new X509Certificate(Buffer.from(base64, "base64"));
  const hex = (fingerprint: string) => fingerprint.replaceAll(":", "").toLowerCase();
  return {
    ...NO_CERTIFICATE,
    certPresented: "1",
    certVerified: "FAILED:unable to get local issuer certificate",
    certIssuerDN: certificate.issuer,
    certSubjectDN: certificate.subject,
    certIssuerDNRFC2253: certificate.issuer,
    certSubjectDNRFC2253: certificate.subject,
    certIssuerDNLegacy: `/${x509.issuer.replaceAll("\n", "/")}`,
    certSubjectDNLegacy: `/${x509.subject.replaceAll("\n", "/")}`,
    certSerial: x509.serialNumber,
    certFingerprintSHA256: hex(x509.fingerprint256),
    certFingerprintSHA1: hex(x509.fingerprint),
    certNotBefore: x509.validFrom,
    certNotAfter: x509.validTo,
    certRFC9440: `:${base64}:`,
    certChainRFC9440: intermediates.map((intermediate) => `:${intermediate.base64}:`).join(", "),
    ...overrides,
  };
}
