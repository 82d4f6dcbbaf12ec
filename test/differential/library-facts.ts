// Reads the facts of a certificate or a revocation list with @peculiar/asn1-x509, which uses asn1js. The facts have the same form
// as those of our reader.

import { AsnConvert } from "@peculiar/asn1-schema";
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  CertificateList,
  CRLDistributionPoints,
  CRLNumber,
  type DistributionPointName,
  ExtendedKeyUsage,
  type Extension,
  type GeneralName,
  IssuingDistributionPoint,
  KeyUsage,
  KeyUsageFlags,
  type Name,
  NameConstraints,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  type Time,
} from "@peculiar/asn1-x509";
import { decode, TAG } from "../support/certificates/der-edit.ts";

const hex = (octets: ArrayBuffer): string => Buffer.from(octets).toString("hex");
/** Returns the octets of an INTEGER as a signed number in hex. */
const integer = (octets: ArrayBuffer): string =>
  BigInt.asIntN(octets.byteLength * 8, BigInt(`0x${hex(octets)}`)).toString(16);
const seconds = (time: Time): number => time.getTime().getTime() / 1000;

type Attribute = readonly [type: string, value: string];
export type NameConditions = readonly (readonly Attribute[])[];

function nameFacts(name: Name): NameConditions {
  return Array.from(name, (rdn) =>
    Array.from(rdn, ({ type, value }): Attribute => {
      const text = value.utf8String ?? value.printableString ?? value.ia5String;
      return [type, text ?? anyFacts(AsnConvert.serialize(value))];
    }),
  );
}

/** Returns the text of a NumericString, which the library does not know, or the DER of any other value in hex. */
function anyFacts(der: ArrayBuffer): string {
  const { tag, content } = decode(new Uint8Array(der));
  return tag === TAG.numeric ? Buffer.from(content as Uint8Array).toString() : `#${hex(der)}`;
}

function generalNameFacts(name: GeneralName): readonly [kind: string, value: unknown] {
  if (name.dNSName !== undefined) return ["dns", name.dNSName];
  if (name.rfc822Name !== undefined) return ["email", name.rfc822Name];
  if (name.uniformResourceIdentifier !== undefined) return ["uri", name.uniformResourceIdentifier];
  if (name.directoryName !== undefined) return ["directory", nameFacts(name.directoryName)];
  // The library keeps addresses as text. Text cannot represent octets of a wrong length, so addresses are not compared.
  if (name.iPAddress !== undefined) return ["ip", undefined];
  return ["other", undefined];
}

function uris(point: DistributionPointName | undefined): string[] {
  return (point?.fullName ?? []).flatMap(({ uniformResourceIdentifier: uri }) => (uri === undefined ? [] : [uri]));
}

type Schema<T> = new () => T;

function reader(extensions: readonly Extension[]) {
  return <T, Fact>(oid: string, schema: Schema<T>, facts: (value: T) => Fact): Fact | undefined => {
    const extension = extensions.find(({ extnID }) => extnID === oid);
    return extension === undefined ? undefined : facts(AsnConvert.parse(extension.extnValue.buffer, schema));
  };
}

function usageFacts(usage: KeyUsage) {
  const flags = usage.toNumber();
  const has = (flag: number) => (flags & flag) !== 0;
  return {
    digitalSignature: has(KeyUsageFlags.digitalSignature),
    keyCertSign: has(KeyUsageFlags.keyCertSign),
    cRLSign: has(KeyUsageFlags.cRLSign),
  };
}

const subtreeFacts = (subtrees: Iterable<{ base: GeneralName }> = []) =>
  Array.from(subtrees, ({ base }) => generalNameFacts(base));

/** @throws Error if the library refuses the certificate */
export function libraryCertificateFacts(der: Uint8Array) {
  const { tbsCertificate: tbs, signatureAlgorithm } = AsnConvert.parse(der, Certificate);
  const extensions = tbs.extensions ?? [];
  const read = reader(extensions);
  const constraints = read("2.5.29.19", BasicConstraints, ({ cA, pathLenConstraint }) => ({ cA, pathLenConstraint }));
  return {
    serial: integer(tbs.serialNumber),
    signatureAlgorithm: signatureAlgorithm.algorithm,
    issuer: nameFacts(tbs.issuer),
    subject: nameFacts(tbs.subject),
    notBefore: seconds(tbs.validity.notBefore),
    notAfter: seconds(tbs.validity.notAfter),
    spki: hex(AsnConvert.serialize(tbs.subjectPublicKeyInfo)),
    isCa: constraints?.cA ?? false,
    // The library returns large numbers as text.
    pathLength: constraints?.pathLenConstraint === undefined ? undefined : Number(constraints.pathLenConstraint),
    keyUsage: read("2.5.29.15", KeyUsage, usageFacts),
    extendedKeyUsage: read("2.5.29.37", ExtendedKeyUsage, (usages) => Array.from(usages)),
    subjectAltNames: read("2.5.29.17", SubjectAlternativeName, (names) => Array.from(names, generalNameFacts)) ?? [],
    nameConstraints: read("2.5.29.30", NameConstraints, ({ permittedSubtrees, excludedSubtrees }) => ({
      permitted: subtreeFacts(permittedSubtrees),
      excluded: subtreeFacts(excludedSubtrees),
    })),
    distributionPoints:
      read("2.5.29.31", CRLDistributionPoints, (points) =>
        Array.from(points).flatMap((point) =>
          point.reasons === undefined && point.cRLIssuer === undefined ? uris(point.distributionPoint) : [],
        ),
      ) ?? [],
    authorityKeyId: read(
      "2.5.29.35",
      AuthorityKeyIdentifier,
      ({ keyIdentifier }) => keyIdentifier && hex(keyIdentifier.buffer),
    ),
    subjectKeyId: read("2.5.29.14", SubjectKeyIdentifier, ({ buffer }) => hex(buffer)),
    critical: Array.from(extensions)
      .filter(({ critical }) => critical)
      .map(({ extnID }) => extnID),
  };
}

/** @throws Error if the library refuses the list */
export function libraryCrlFacts(der: Uint8Array) {
  const { tbsCertList: tbs } = AsnConvert.parse(der, CertificateList);
  const read = reader(tbs.crlExtensions ?? []);
  return {
    issuer: nameFacts(tbs.issuer),
    thisUpdate: seconds(tbs.thisUpdate),
    nextUpdate: tbs.nextUpdate && seconds(tbs.nextUpdate),
    serials: [...new Set((tbs.revokedCertificates ?? []).map(({ userCertificate }) => integer(userCertificate)))],
    number: read("2.5.29.20", CRLNumber, ({ value }) => BigInt(value)),
    distributionPoints: read("2.5.29.28", IssuingDistributionPoint, ({ distributionPoint }) => uris(distributionPoint)),
  };
}
