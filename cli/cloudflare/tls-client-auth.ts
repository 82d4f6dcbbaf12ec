// Emulates the members that Cloudflare puts into `request.cf` for a TLS connection. The local front of `countersign dev` uses
// these members. Their formats follow the platform's field reference or, where the reference is not exact, its examples.

import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { MAX_CERTIFICATE_FIELD_CHARACTERS, MAX_CHAIN_FIELD_CHARACTERS } from "../../core/wire.ts";
import { parseCertificate } from "../../core/x509/certificate.ts";
import { formatDistinguishedName } from "../../core/x509/distinguished-name.ts";
import { presentedBy } from "../../origin/node/tls/peer.ts";

/** For each error code of Node, OpenSSL's message as Cloudflare spells it. */
const FAILURES: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "self signed certificate",
  SELF_SIGNED_CERT_IN_CHAIN: "self signed certificate in certificate chain",
  UNABLE_TO_GET_ISSUER_CERT: "unable to get issuer certificate",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unable to get local issuer certificate",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unable to verify the first certificate",
  CERT_NOT_YET_VALID: "certificate is not yet valid",
  CERT_HAS_EXPIRED: "certificate has expired",
  CERT_SIGNATURE_FAILURE: "certificate signature failure",
  CERT_CHAIN_TOO_LONG: "certificate chain too long",
  INVALID_CA: "invalid CA certificate",
  INVALID_PURPOSE: "unsupported certificate purpose",
  PATH_LENGTH_EXCEEDED: "path length constraint exceeded",
};

const TEXT_FIELDS = [
  "certIssuerDN", "certSubjectDN", "certIssuerDNRFC2253", "certSubjectDNRFC2253", "certIssuerDNLegacy", "certSubjectDNLegacy",
  "certSerial", "certIssuerSerial", "certSKI", "certIssuerSKI", "certFingerprintSHA1", "certFingerprintSHA256", "certNotBefore",
  "certNotAfter", "certRFC9440", "certChainRFC9440",
] as const; // biome-ignore format: one list

type TextField = (typeof TEXT_FIELDS)[number];

export type TlsClientAuth = Readonly<
  Record<TextField, string> & {
    certPresented: "0" | "1";
    certVerified: string;
    certRevoked: "0" | "1";
    certRFC9440TooLarge: boolean;
    certChainRFC9440TooLarge: boolean;
  }
>;

/** The values that the platform reports if a client presents no certificate, and on hosts that request none. */
export const PLACEHOLDER: TlsClientAuth = {
  ...(Object.fromEntries(TEXT_FIELDS.map((name) => [name, ""])) as Record<TextField, string>),
  certPresented: "0",
  certVerified: "NONE",
  certRevoked: "0",
  certRFC9440TooLarge: false,
  certChainRFC9440TooLarge: false,
};

/** A connection's certificate, the intermediates sent with it, and Node's verdict (empty if the certificate verified). */
export interface PeerCertificate {
  readonly leaf: X509Certificate;
  readonly intermediates: readonly X509Certificate[];
  readonly authorizationError: string;
}

/**
 * Reads the peer's certificate from a socket. Node adds trusted CAs to the chain and leaves out certificates that do not belong to
 * the chain. So this function removes the CAs in `trusted` (SHA-256 fingerprints). A certificate that Node left out cannot be seen.
 */
export function readPeerCertificate(socket: TLSSocket, trusted: ReadonlySet<string>): PeerCertificate | undefined {
  const [leaf, ...issuers] = presentedBy(socket);
  if (leaf === undefined) return undefined;
  const intermediates = issuers.filter(({ fingerprint256 }) => !trusted.has(fingerprint256));
  return { leaf, intermediates, authorizationError: socket.authorized ? "" : String(socket.authorizationError) };
}

export function emulateTlsClientAuth(peer: PeerCertificate | undefined): TlsClientAuth {
  if (peer === undefined) return PLACEHOLDER;
  const { leaf, intermediates, authorizationError } = peer;
  const [issuer] = intermediates;
  const rfc9440 = limit(formatByteSequence(leaf), MAX_CERTIFICATE_FIELD_CHARACTERS);
  const chain = limit(intermediates.map(formatByteSequence).join(", "), MAX_CHAIN_FIELD_CHARACTERS);
  return {
    certPresented: "1",
    certVerified:
      authorizationError === "" ? "SUCCESS" : `FAILED:${FAILURES[authorizationError] ?? authorizationError}`,
    certRevoked: "0",
    ...formatNames(leaf),
    certSerial: leaf.serialNumber,
    certIssuerSerial: issuer?.serialNumber ?? "",
    certSKI: subjectKeyId(leaf),
    certIssuerSKI: issuer === undefined ? "" : subjectKeyId(issuer),
    certFingerprintSHA1: leaf.fingerprint.replaceAll(":", "").toLowerCase(),
    certFingerprintSHA256: leaf.fingerprint256.replaceAll(":", "").toLowerCase(),
    certNotBefore: leaf.validFrom,
    certNotAfter: leaf.validTo,
    certRFC9440: rfc9440.text,
    certRFC9440TooLarge: rfc9440.tooLarge,
    certChainRFC9440: chain.text,
    certChainRFC9440TooLarge: chain.tooLarge,
  };
}

function formatByteSequence(certificate: X509Certificate): string {
  return `:${certificate.raw.toString("base64")}:`;
}

function limit(text: string, maxCharacters: number): { text: string; tooLarge: boolean } {
  return text.length > maxCharacters ? { text: "", tooLarge: true } : { text, tooLarge: false };
}

function formatNames(leaf: X509Certificate) {
  const subject = formatName(leaf, "subject");
  const issuer = formatName(leaf, "issuer");
  return {
    certSubjectDN: subject.rfc2253,
    certSubjectDNRFC2253: subject.rfc2253,
    certSubjectDNLegacy: subject.legacy,
    certIssuerDN: issuer.rfc2253,
    certIssuerDNRFC2253: issuer.rfc2253,
    certIssuerDNLegacy: issuer.legacy,
  };
}

/**
 * Returns the name in two forms: RFC 2253, and OpenSSL's one-line form. The one-line form keeps the order of the attributes in the
 * certificate, and has other escapes than RFC 2253. Both forms are ASCII, because they are sent in a header.
 */
function formatName(certificate: X509Certificate, which: "subject" | "issuer"): { rfc2253: string; legacy: string } {
  try {
    const name = parseCertificate(certificate.raw.toString("base64"))[which];
    const rdns = name.map((rdn) => rdn.map((attribute) => formatDistinguishedName([[attribute]])));
    const legacy = rdns
      .map((attributes) => `/${attributes.map((text) => text.replace(/\\(.)/g, "$1")).join("+")}`)
      .join("");
    return { rfc2253: escapeNonAscii(formatDistinguishedName(name), "\\"), legacy: escapeNonAscii(legacy, "\\x") };
  } catch {
    // A certificate that Countersign cannot read is still passed to the worker, which refuses it.
    return { rfc2253: "", legacy: "" };
  }
}

/** Writes each UTF-8 octet of a non-ASCII character in hex, after `mark`. */
function escapeNonAscii(text: string, mark: string): string {
  return text.replace(/[^\u0020-\u007e]/gu, (character) =>
    Array.from(
      new TextEncoder().encode(character),
      (byte) => `${mark}${byte.toString(16).toUpperCase().padStart(2, "0")}`,
    ).join(""),
  );
}

function subjectKeyId(certificate: X509Certificate): string {
  try {
    return parseCertificate(certificate.raw.toString("base64")).subjectKeyId?.toUpperCase() ?? "";
  } catch {
    return "";
  }
}
