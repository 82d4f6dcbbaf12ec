// Compares our reader with OpenSSL and with the library @peculiar/asn1-x509. Our reader must refuse every input that OpenSSL or the
// library refuses. If all three accept an input, they must read the same facts.

import { createHash, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import { Refusal } from "../../core/refusal.ts";
import { type Certificate, parseCertificate } from "../../core/x509/certificate.ts";
import { type Crl, parseCrl } from "../../core/x509/crl.ts";
import { type DistinguishedName, parseDistinguishedName } from "../../core/x509/distinguished-name.ts";
import type { GeneralName } from "../../core/x509/general-name.ts";
import { decode, encode, members, TAG, type Tlv, tlv, toBase64, toHex } from "../support/certificates/der-edit.ts";
import { FOUND_INVALID, isListed, MATCHES_NONE } from "./differences.ts";
import { libraryCertificateFacts, libraryCrlFacts, type NameConditions } from "./library-facts.ts";
import type { Original } from "./originals.ts";

/** The result of giving an input to all readers. `cause` is the error of the reader that refuses the input. */
export type Outcome =
  | { readonly kind: "same" | "refused by all" }
  | { readonly kind: "refused by us"; readonly cause: string }
  | { readonly kind: "refused by the library"; readonly cause: string }
  | { readonly kind: "different"; readonly fact: string; readonly ours: unknown; readonly theirs: unknown };

const REFUSED = { kind: "refused by all" } as const;

function attempt<T>(read: () => T): { readonly value: T } | { readonly cause: string } {
  try {
    return { value: read() };
  } catch (error) {
    const detail = error instanceof Refusal ? error.details["cause"] : undefined;
    return { cause: detail !== undefined ? String(detail) : error instanceof Error ? error.message : String(error) };
  }
}

/** Returns the first fact that differs, or the outcome `same`. */
function compare(ours: Readonly<Record<string, unknown>>, theirs: Readonly<Record<string, unknown>>): Outcome {
  const fact = Object.keys(theirs).find((name) => !isDeepStrictEqual(ours[name], theirs[name]));
  return fact === undefined ? { kind: "same" } : { kind: "different", fact, ours: ours[fact], theirs: theirs[fact] };
}

const nameFacts = (name: DistinguishedName): NameConditions =>
  name.map((rdn) => rdn.map((value) => [value.type, "text" in value ? value.text : `#${value.der}`] as const));

function generalNameFacts(name: GeneralName): readonly [kind: string, value: unknown] {
  if (name.kind === "directory") return ["directory", nameFacts(name.name)];
  return [name.kind, "value" in name ? name.value : undefined];
}

function certificateFacts({ subjectAltNames, nameConstraints, issuer, subject, ...facts }: Certificate) {
  return {
    ...facts,
    issuer: nameFacts(issuer),
    subject: nameFacts(subject),
    subjectAltNames: subjectAltNames.map(generalNameFacts),
    nameConstraints: nameConstraints && {
      permitted: nameConstraints.permitted.map(generalNameFacts),
      excluded: nameConstraints.excluded.map(generalNameFacts),
    },
  };
}

/** Our reader understands these extensions. So they are not in `unknownCritical`, even if they are critical. */
const UNDERSTOOD = new Set(["2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.35", "2.5.29.37"]);
/**
 * Whether these extensions are in `unknownCritical` depends on more than their critical flag. The suite
 * test/core/x509/certificate-extensions.suite.ts tests them.
 */
const JUDGED_ELSEWHERE = new Set(["2.5.29.32", "2.5.29.36", "2.5.29.54"]);

const sha256 = (hex: string) => createHash("sha256").update(hex, "hex").digest("hex");

function byLibrary(der: Uint8Array) {
  const { spki, critical, ...facts } = libraryCertificateFacts(der);
  const unknown = critical.filter((oid) => !UNDERSTOOD.has(oid) && !JUDGED_ELSEWHERE.has(oid));
  return { ...facts, spkiSha256: sha256(spki), unknown };
}

/**
 * Returns the facts as OpenSSL reads them. `isIssued` tests more than the name of the issuer, because checkIssued() reads every
 * extension that OpenSSL knows.
 */
function byOpenssl(x509: X509Certificate, issuer: X509Certificate | undefined) {
  return {
    serial: BigInt(`0x${x509.serialNumber}`).toString(16),
    notBefore: x509.validFromDate.getTime() / 1000,
    notAfter: x509.validToDate.getTime() / 1000,
    mayIssue: x509.ca,
    extendedKeyUsage: x509.keyUsage,
    isIssued: issuer === undefined || x509.checkIssued(issuer),
  };
}

export function compareCertificate(der: Uint8Array, original: Original): Outcome {
  const openssl = attempt(() => new X509Certificate(der));
  const our = attempt(() => parseCertificate(toBase64(der)));
  if ("cause" in our) return "cause" in openssl ? REFUSED : { kind: "refused by us", cause: our.cause };
  if ("cause" in openssl) return { kind: "different", fact: "OpenSSL refuses", ours: "", theirs: openssl.cause };
  const library = attempt(() => byLibrary(der));
  if ("cause" in library) return { kind: "refused by the library", cause: library.cause };
  const { value: certificate } = our;
  const facts = {
    ...certificateFacts(certificate),
    unknown: certificate.unknownCritical.filter((oid) => !JUDGED_ELSEWHERE.has(oid)),
  };
  const asLibrary = compare(facts, library.value);
  if (asLibrary.kind !== "same") return asLibrary;
  return compareWithOpenssl(certificate, openssl.value, original);
}

/**
 * The facts that checkIssued() compares with the issuer. It also tests whether the key of the issuer can make signatures of the
 * given algorithm. Our reader does not test this: the proof does, when it verifies the signature.
 */
const ISSUED_BY = ["foldedIssuer", "authorityKeyId", "signatureAlgorithm"] as const;

function compareWithOpenssl(certificate: Certificate, x509: X509Certificate, original: Original): Outcome {
  const { isIssued, ...theirs } = byOpenssl(x509, original.issuer);
  const { isCa, keyUsage } = certificate;
  const before = parseCertificate(toBase64(original.der));
  const isOfIssuer = ISSUED_BY.every((fact) => certificate[fact] === before[fact]);
  const facts = { ...certificate, mayIssue: isCa && (keyUsage?.keyCertSign ?? true) };
  const asOpenssl = compare(facts, theirs);
  if (asOpenssl.kind !== "same") return asOpenssl;
  // Only accepted keys are compared. A key that is not accepted may have a form that cannot be encoded again, for example a point
  // in the hybrid form.
  if (certificate.hasAcceptedKey) {
    const key = sha256(toHex(x509.publicKey.export({ type: "spki", format: "der" })));
    if (key !== certificate.spkiSha256)
      return { kind: "different", fact: "spelling of the key", ours: certificate.spkiSha256, theirs: key };
  }
  if (isOfIssuer && !isIssued && !isListed(FOUND_INVALID, toHex(x509.raw)))
    return { kind: "different", fact: "isIssued", ours: true, theirs: false };
  return { kind: "same" };
}

/**
 * Sorts the attributes of each RDN. Our reader returns the issuer of a revocation list as canonical text, in which the attributes
 * are sorted.
 */
const inOneOrder = (name: NameConditions) =>
  name.map((rdn) => rdn.map((attribute) => JSON.stringify(attribute)).sort());

function crlFacts(crl: Crl, serials: readonly string[]) {
  return {
    ...crl,
    issuer: inOneOrder(nameFacts(parseDistinguishedName(crl.issuer))),
    serials: serials.filter((serial) => crl.lists(serial) || isListed(MATCHES_NONE, serial)),
  };
}

const pem = (der: Uint8Array) => `-----BEGIN X509 CRL-----\n${toBase64(der)}\n-----END X509 CRL-----\n`;

/**
 * Replaces the date of each entry of a revocation list by a correct date. OpenSSL and the library refuse a list with a malformed
 * date. Our reader accepts an entry with any date.
 */
function withWholeDates(der: Uint8Array): Uint8Array {
  const list = decode(der);
  const entries = members(members(list)[0])[REVOKED_CERTIFICATES];
  if (entries?.tag !== TAG.sequence) return der;
  for (const entry of members(entries)) {
    const date = WHOLE_DATES.find(({ tag }) => tag === members(entry)[1]?.tag);
    if (date !== undefined) members(entry)[1] = date;
  }
  return encode(list);
}

/** The index of `revokedCertificates` in a TBSCertList that has a version and a `nextUpdate`. */
const REVOKED_CERTIFICATES = 5;
const WHOLE_DATES: readonly Tlv[] = [tlv(TAG.utcTime, "260101000000Z"), tlv(TAG.generalizedTime, "20260101000000Z")];

export function compareCrl(edited: Uint8Array): Outcome {
  const our = attempt(() => parseCrl(edited));
  // A list that our reader accepts is DER, so it can be encoded again.
  const der = "cause" in our ? edited : withWholeDates(edited);
  const openssl = attempt(() => createSecureContext({ ca: [], crl: pem(der) }));
  if ("cause" in our) return "cause" in openssl ? REFUSED : { kind: "refused by us", cause: our.cause };
  if ("cause" in openssl) return { kind: "different", fact: "OpenSSL refuses", ours: "", theirs: openssl.cause };
  const library = attempt(() => libraryCrlFacts(der));
  if ("cause" in library) return { kind: "refused by the library", cause: library.cause };
  const { serials, issuer, ...theirs } = library.value;
  const facts = { ...theirs, issuer: inOneOrder(issuer), serials, size: serials.length };
  return compare(crlFacts(our.value, serials), facts);
}
