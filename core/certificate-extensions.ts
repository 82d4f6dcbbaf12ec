// The certificate extensions that decisions rest on (RFC 5280 §4.2), and the list of critical ones not understood.

import { AsnParser } from "@peculiar/asn1-schema";
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  CRLDistributionPoints,
  type DistributionPointName,
  ExtendedKeyUsage,
  type Extension,
  KeyUsage,
  KeyUsageFlags,
  SubjectKeyIdentifier,
} from "@peculiar/asn1-x509";
import { ObjectIdentifier } from "asn1js";
import { childrenOf, formatHex, readDer } from "./der.ts";
import { type GeneralName, readGeneralNames } from "./general-name.ts";
import { type NameConstraints, readNameConstraints } from "./name-constraints.ts";

export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

export interface CertificateExtensions {
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
  /** Undefined when the extension is absent: then any use is open. */
  readonly keyUsage:
    | { readonly digitalSignature: boolean; readonly keyCertSign: boolean; readonly cRLSign: boolean }
    | undefined;
  /** OIDs; undefined when the extension is absent. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectAltNames: readonly GeneralName[];
  readonly nameConstraints: NameConstraints | undefined;
  /** URIs of the full names in cRLDistributionPoints: compared with the scope of a list, never fetched. */
  readonly distributionPoints: readonly string[];
  /** Lower-case hex. */
  readonly authorityKeyId: string | undefined;
  readonly subjectKeyId: string | undefined;
  /** OIDs of critical extensions that are not understood: a path that holds one is refused. */
  readonly unknownCritical: readonly string[];
}

const OID = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  certificatePolicies: "2.5.29.32",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;

/** Not among the above: a critical one would have to be followed, also where no list is asked for. */
const CRL_DISTRIBUTION_POINTS = "2.5.29.31";

/** Identifier octets of the values that are no SEQUENCE. The schemas take any constructed value for a SEQUENCE. */
const FORMS: Readonly<Record<string, number>> = { [OID.keyUsage]: 0x03, [OID.subjectKeyIdentifier]: 0x04 };
const SEQUENCE = 0x30;

/** certificatePolicies asks for nothing while no policy is required, so it may be critical (RFC 5280 §6.1.3 d). */
const UNDERSTOOD: ReadonlySet<string> = new Set(Object.values(OID));

/**
 * Reads the extensions of one certificate.
 * @throws SyntaxError when one is repeated or malformed
 */
export function readExtensions(extensions: readonly Extension[]): CertificateExtensions {
  const values = new Map<string, Uint8Array>();
  for (const { extnID, extnValue } of extensions) {
    if (values.has(extnID)) throw new SyntaxError(`extension ${extnID} is repeated`);
    values.set(extnID, new Uint8Array(extnValue.buffer));
  }
  const read = <T>(oid: string, reader: (der: Uint8Array) => T): T | undefined => {
    const der = values.get(oid);
    if (der === undefined) return undefined;
    if (der[0] !== (FORMS[oid] ?? SEQUENCE)) throw new SyntaxError(`extension ${oid} is of another type`);
    return reader(der);
  };
  const basicConstraints = read(OID.basicConstraints, (der) => AsnParser.fromASN(readDer(der), BasicConstraints));
  const authorityKeyId = read(OID.authorityKeyIdentifier, (der) =>
    AsnParser.fromASN(readDer(der), AuthorityKeyIdentifier),
  );
  return {
    isCa: basicConstraints?.cA ?? false,
    pathLength: basicConstraints?.pathLenConstraint,
    keyUsage: read(OID.keyUsage, readKeyUsage),
    extendedKeyUsage: read(OID.extendedKeyUsage, readExtendedKeyUsage),
    subjectAltNames: read(OID.subjectAltName, (der) => readGeneralNames(readDer(der))) ?? [],
    nameConstraints: read(OID.nameConstraints, (der) => readNameConstraints(readDer(der))),
    distributionPoints: read(CRL_DISTRIBUTION_POINTS, readDistributionPoints) ?? [],
    authorityKeyId: authorityKeyId?.keyIdentifier && formatHex(new Uint8Array(authorityKeyId.keyIdentifier.buffer)),
    subjectKeyId: read(OID.subjectKeyIdentifier, (der) =>
      formatHex(new Uint8Array(AsnParser.fromASN(readDer(der), SubjectKeyIdentifier).buffer)),
    ),
    unknownCritical: Array.from(extensions)
      .filter(({ extnID, critical }) => critical && !UNDERSTOOD.has(extnID))
      .map(({ extnID }) => extnID),
  };
}

function readKeyUsage(der: Uint8Array) {
  const flags = AsnParser.fromASN(readDer(der), KeyUsage).toNumber();
  return {
    digitalSignature: (flags & KeyUsageFlags.digitalSignature) !== 0,
    keyCertSign: (flags & KeyUsageFlags.keyCertSign) !== 0,
    cRLSign: (flags & KeyUsageFlags.cRLSign) !== 0,
  };
}

/** The schema takes any primitive value for an OID. */
function readExtendedKeyUsage(der: Uint8Array): string[] {
  const usages = readDer(der);
  if (!childrenOf(usages).every((usage) => usage instanceof ObjectIdentifier)) {
    throw new SyntaxError("an extended key usage is no OID");
  }
  return [...AsnParser.fromASN(usages, ExtendedKeyUsage)];
}

/** Points that are only some reasons, or another authority's list, are left out. */
function readDistributionPoints(der: Uint8Array): string[] {
  return Array.from(AsnParser.fromASN(readDer(der), CRLDistributionPoints)).flatMap((point) =>
    point.reasons === undefined && point.cRLIssuer === undefined ? urisOf(point.distributionPoint) : [],
  );
}

/** The URIs among the full names of a distribution point. */
export function urisOf(point: DistributionPointName | undefined): string[] {
  return (point?.fullName ?? []).flatMap(({ uniformResourceIdentifier: uri }) => (uri === undefined ? [] : [uri]));
}
