// DER to Certificate: the facts of one X.509 v3 certificate (RFC 5280 §4), read once and kept.
// Nothing here says that a certificate is in date, signed by anyone, or allowed anything.

import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { AsnParser } from "@peculiar/asn1-schema";
import { Certificate as CertificateSchema } from "@peculiar/asn1-x509";
import type { AsnType } from "asn1js";
import { isAcceptedKey } from "./algorithms.ts";
import { BoundedCache } from "./bounded-cache.ts";
import { type CertificateExtensions, readExtensions } from "./certificate-extensions.ts";
import { childrenOf, formatHex, readDer, readTime } from "./der.ts";
import { type DistinguishedName, formatDistinguishedName, nameKey, readName } from "./distinguished-name.ts";
import { Refusal } from "./refusal.ts";
import { CERTIFICATE_CACHE_ENTRIES, MAX_SERIAL_OCTETS } from "./wire.ts";

/** The facts of one certificate. Digests and the serial are lower-case hex; times are Unix seconds. */
export interface Certificate extends CertificateExtensions {
  /** The DER in standard base64, as RFC 9440 carries it. */
  readonly base64: string;
  readonly sha256: string;
  /** SHA-256 of the DER of SubjectPublicKeyInfo. */
  readonly spkiSha256: string;
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  /** The two names in canonical RFC 4514. */
  readonly subjectText: string;
  readonly issuerText: string;
  /** The two names as keys for chaining (RFC 5280 §7.1). */
  readonly subjectKey: string;
  readonly issuerKey: string;
  /** Without leading zeros. */
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** OID of the algorithm that signed this certificate. */
  readonly signatureAlgorithm: string;
  readonly publicKey: KeyObject;
  /** Whether the key is of a kind and size that is accepted. */
  readonly hasAcceptedKey: boolean;
  /** Whether `issuer`'s key signed this certificate. Nothing else about the issuer is looked at. */
  isSignedBy(issuer: Certificate): boolean;
}

const parsed = new BoundedCache<string, Certificate>(CERTIFICATE_CACHE_ENTRIES);

/**
 * Reads a certificate from base64 DER, from the cache when the same text was read before.
 * Refuses what RFC 5280 forbids: other versions than 3, repeated extensions, serials that are negative or over
 * 20 octets, two different signature algorithms, BER lengths, trailing bytes, control characters in names.
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
    const cause = error instanceof Error ? error.message : String(error);
    throw new Refusal("certificate_malformed", { cause });
  }
}

function readCertificate(base64: string): Certificate {
  const der = Uint8Array.from(Buffer.from(base64, "base64"));
  if (Buffer.from(der).toString("base64") !== base64) throw new SyntaxError("the base64 is not canonical");
  const tree = readDer(der);
  const { tbsCertificate: tbs, signatureAlgorithm } = AsnParser.fromASN(tree, CertificateSchema);
  if (tbs.version !== 2) throw new SyntaxError("not an X.509 v3 certificate");
  // Of a v3 TBSCertificate: version, serial, signature, issuer, validity, subject, subjectPublicKeyInfo, ...
  const [, serial, innerAlgorithm, issuer, validity, subject, spki] = childrenOf(childrenOf(tree)[0] ?? tree);
  const outerAlgorithm = childrenOf(tree)[1];
  if (!serial || !issuer || !validity || !subject || !spki || !innerAlgorithm || !outerAlgorithm) {
    throw new SyntaxError("a field of TBSCertificate is missing");
  }
  if (!isSameBytes(innerAlgorithm.valueBeforeDecodeView, outerAlgorithm.valueBeforeDecodeView)) {
    throw new SyntaxError("the two signature algorithms differ");
  }
  const x509 = new X509Certificate(der);
  // The signature is checked by the runtime's parser, the facts come from ours: both must have read the same bytes.
  if (!isSameBytes(x509.raw, der)) throw new SyntaxError("the encoding is not DER");
  const names = { subject: readName(subject), issuer: readName(issuer) };
  const signedBy = new WeakMap<KeyObject, boolean>();
  return {
    base64,
    sha256: sha256Hex(der),
    spkiSha256: sha256Hex(spki.valueBeforeDecodeView),
    ...names,
    subjectText: formatDistinguishedName(names.subject),
    issuerText: formatDistinguishedName(names.issuer),
    subjectKey: nameKey(names.subject),
    issuerKey: nameKey(names.issuer),
    serial: formatSerial(new Uint8Array(tbs.serialNumber)),
    ...readValidity(validity),
    signatureAlgorithm: signatureAlgorithm.algorithm,
    publicKey: x509.publicKey,
    hasAcceptedKey: isAcceptedKey(x509.publicKey),
    ...readExtensions(tbs.extensions ?? []),
    isSignedBy({ publicKey }) {
      let verdict = signedBy.get(publicKey);
      if (verdict === undefined) {
        verdict = verifies(x509, publicKey);
        signedBy.set(publicKey, verdict);
      }
      return verdict;
    },
  };
}

/** A key of another type than the signature makes the runtimes throw: that too means "did not sign". */
function verifies(x509: X509Certificate, publicKey: KeyObject): boolean {
  try {
    return x509.verify(publicKey);
  } catch {
    return false;
  }
}

function formatSerial(octets: Uint8Array): string {
  const first = octets[0];
  if (first === undefined || first >= 0x80) throw new SyntaxError("the serial number is missing or negative");
  const significant = first === 0 ? octets.subarray(1) : octets;
  if (significant.byteLength > MAX_SERIAL_OCTETS) throw new SyntaxError("the serial number is over 20 octets");
  return formatHex(significant).replace(/^0+(?=.)/, "") || "0";
}

function readValidity(validity: AsnType): { notBefore: number; notAfter: number } {
  const times = childrenOf(validity);
  const [notBefore, notAfter] = times.map(readTime);
  if (notBefore === undefined || notAfter === undefined || times.length !== 2)
    throw new SyntaxError("the validity is not two times");
  return { notBefore, notAfter };
}

function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** A certificate in PEM (RFC 7468), from the base64 of its DER. */
export function formatPem(base64: string): string {
  return `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g)?.join("\n")}\n-----END CERTIFICATE-----\n`;
}
