// Reads one X.509 v3 certificate (RFC 5280 §4) from DER and caches it. Does not check that the certificate is in date, who signed
// it, or for what it may be used.

import type { KeyObject } from "node:crypto";
import { BoundedCache } from "../bounded-cache.ts";
import { sha256, X509Certificate } from "../crypto.ts";
import { messageOf } from "../failure-chain.ts";
import { Refusal } from "../refusal.ts";
import { cachedFor } from "../weak-cache.ts";
import { CERTIFICATE_CACHE_CHARACTERS, CERTIFICATE_CACHE_ENTRIES, MAX_SERIAL_OCTETS } from "../wire.ts";
import { isAcceptedKey, isSameAlgorithm, readAlgorithm } from "./algorithms.ts";
import { type CertificateExtensions, NO_EXTENSIONS, readCertificateExtensions } from "./certificate-extensions.ts";
import { type DerReader, formatHex, readDer } from "./der.ts";
import * as TAG from "./der-tags.ts";
import { type DistinguishedName, foldName, formatDistinguishedName, readName } from "./distinguished-name.ts";
import { readPublicKey } from "./public-key.ts";

/** The contents of one certificate. Digests and the serial number are lower-case hex. Times are Unix seconds. */
export interface Certificate extends CertificateExtensions {
  /** The DER in standard base64, as in RFC 9440. */
  readonly base64: string;
  readonly sha256: string;
  /** SHA-256 of the DER of SubjectPublicKeyInfo. */
  readonly spkiSha256: string;
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  /** The subject and the issuer in canonical RFC 4514. */
  readonly subjectText: string;
  readonly issuerText: string;
  /** The subject and the issuer, folded for comparison when a path is built (RFC 5280 §7.1). */
  readonly foldedSubject: string;
  readonly foldedIssuer: string;
  /** The serial number without leading zeros. */
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** The OID of the algorithm with which the issuer signed this certificate. */
  readonly signatureAlgorithm: string;
  /** @internal */
  readonly publicKey: KeyObject;
  /** True if the key has an accepted type and size, and is encoded in the only form that its type permits. */
  readonly hasAcceptedKey: boolean;
  /** True if `issuer`'s key signed this certificate. Checks nothing else of the issuer. */
  isSignedBy(issuer: Certificate): boolean;
}

/** The content of the version field for version 3. The field contains the version minus one. */
const V3 = "02";

const parsed = new BoundedCache<string, Certificate>(
  CERTIFICATE_CACHE_ENTRIES,
  CERTIFICATE_CACHE_CHARACTERS,
  ({ length }) => length,
);

/**
 * Reads a certificate from base64 DER, or returns it from the cache. Refuses what RFC 5280 forbids: versions other than 3, repeated
 * extensions, serial numbers that are negative or longer than 20 octets, two different signature algorithms, control characters
 * in names, and anything that is not DER.
 * @throws Refusal `certificate_malformed`
 */
export function parseCertificate(base64: string): Certificate {
  const known = parsed.get(base64);
  if (known !== undefined) return known;
  const certificate = readOrRefuse(base64);
  parsed.set(base64, certificate);
  return certificate;
}

function readOrRefuse(base64: string): Certificate {
  try {
    return readCertificate(base64);
  } catch (error) {
    const cause = messageOf(error);
    throw new Refusal("certificate_malformed", { cause });
  }
}

function readCertificate(base64: string): Certificate {
  const der = Uint8Array.from(Buffer.from(base64, "base64"));
  if (Buffer.from(der).toString("base64") !== base64) throw new SyntaxError("the base64 is not canonical");
  const { spki, isPlainKey, ...facts } = readDer(der, readSigned);
  const x509 = new X509Certificate(der);
  // The runtime's parser provides the key that verifies signatures. Our reader provides everything else. So both must have read the
  // same bytes.
  if (Buffer.compare(x509.raw, der) !== 0) throw new SyntaxError("the encoding is not DER");
  const isSignedBy = cachedFor((key: KeyObject) => verifies(x509, key));
  return {
    base64,
    sha256: sha256(der),
    spkiSha256: sha256(spki),
    ...facts,
    publicKey: x509.publicKey,
    hasAcceptedKey: isPlainKey && isAcceptedKey(x509.publicKey),
    isSignedBy: ({ publicKey }) => isSignedBy(publicKey),
  };
}

/** Reads a Certificate: the signed part, the algorithm, the signature. */
function readSigned(values: DerReader) {
  return values.members(TAG.sequence, (members) => {
    const tbs = members.members(TAG.sequence, readTbs);
    if (!isSameAlgorithm(tbs.algorithm, readAlgorithm(members))) {
      throw new SyntaxError("the two signature algorithms differ");
    }
    members.bitOctets();
    const { algorithm, ...facts } = tbs;
    return { ...facts, signatureAlgorithm: algorithm.oid };
  });
}

/** Reads a TBSCertificate, in the order of its members (RFC 5280 §4.1). */
function readTbs(tbs: DerReader) {
  const version =
    tbs.nextIs(TAG.constructed(0)) && tbs.members(TAG.constructed(0), (number) => formatHex(number.unsigned()));
  if (version !== V3) throw new SyntaxError("not an X.509 v3 certificate");
  const serial = formatSerial(tbs.unsigned());
  const algorithm = readAlgorithm(tbs);
  const issuer = readName(tbs);
  const validity = tbs.members(TAG.sequence, (times) => ({ notBefore: times.time(), notAfter: times.time() }));
  const subject = readName(tbs);
  const isPlainKey = readPublicKey(tbs);
  const spki = tbs.encoding;
  for (const uniqueId of [TAG.primitive(1), TAG.primitive(2)]) if (tbs.nextIs(uniqueId)) tbs.skipBits(uniqueId);
  const extensions = tbs.hasMore ? tbs.members(TAG.constructed(3), readCertificateExtensions) : NO_EXTENSIONS;
  return {
    algorithm,
    spki,
    isPlainKey,
    serial,
    ...validity,
    subject,
    issuer,
    subjectText: formatDistinguishedName(subject),
    issuerText: formatDistinguishedName(issuer),
    foldedSubject: foldName(subject),
    foldedIssuer: foldName(issuer),
    ...extensions,
  };
}

/** True if both certificates are of the same CA: they have the same name and the same key. Their issuers may differ. */
export function isSameAuthority(a: Certificate, b: Certificate): boolean {
  return a.foldedSubject === b.foldedSubject && a.spkiSha256 === b.spkiSha256;
}

/**
 * Verifies the signature of a certificate. Node and workerd throw if a key of this type cannot make such a signature. The result is
 * false in this case too.
 */
function verifies(x509: X509Certificate, publicKey: KeyObject): boolean {
  try {
    return x509.verify(publicKey);
  } catch {
    return false;
  }
}

function formatSerial(octets: Uint8Array): string {
  if (octets.byteLength > MAX_SERIAL_OCTETS) throw new SyntaxError("the serial number is over 20 octets");
  return formatHex(octets).replace(/^0(?=.)/, "");
}

/**
 * Writes a certificate in PEM (RFC 7468).
 * @param base64 the DER in base64
 */
export function formatPem(base64: string): string {
  return `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g)?.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** Both ends of the validity are inclusive (RFC 5280 §4.1.2.5). */
export function isInDate(certificate: Certificate, now: number): boolean {
  return certificate.notBefore <= now && now <= certificate.notAfter;
}
