// Lists every field of a certificate, as core read it from the DER.

import type { Certificate } from "../../../core/x509/certificate.ts";
import { formatDistinguishedName } from "../../../core/x509/distinguished-name.ts";
import { formatIpAddress, type GeneralName } from "../../../core/x509/general-name.ts";
import { isoOf } from "../show.ts";

/** The names of the object identifiers that certificates of senders have. */
const OID_NAMES: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.11": "RSA with SHA-256",
  "1.2.840.113549.1.1.12": "RSA with SHA-384",
  "1.2.840.113549.1.1.13": "RSA with SHA-512",
  "1.2.840.10045.4.3.2": "ECDSA with SHA-256",
  "1.2.840.10045.4.3.3": "ECDSA with SHA-384",
  "1.2.840.10045.4.3.4": "ECDSA with SHA-512",
  "1.3.101.112": "Ed25519",
  "1.3.6.1.5.5.7.3.1": "serverAuth",
  "1.3.6.1.5.5.7.3.2": "clientAuth",
  "1.3.6.1.5.5.7.3.4": "emailProtection",
  "2.5.29.37.0": "anyExtendedKeyUsage",
};

export type FieldList = readonly (readonly [name: string, value: string])[];

export function fieldsOf(certificate: Certificate): FieldList {
  const { keyUsage, extendedKeyUsage, nameConstraints, pathLength, isCa } = certificate;
  const uses = Object.entries(keyUsage ?? {}).flatMap(([use, isSet]) => (isSet ? [use] : []));
  const fields: readonly (readonly [string, string | undefined])[] = [
    ["Subject", certificate.subjectText],
    ["Issuer", certificate.issuerText],
    ["Serial number", certificate.serial],
    ["Not before", isoOf(certificate.notBefore)],
    ["Not after", isoOf(certificate.notAfter)],
    ["Alternative names", certificate.subjectAltNames.map(formatName).join("\n")],
    ["Public key", keyOf(certificate)],
    ["Signed with", nameOf(certificate.signatureAlgorithm)],
    ["Key usage", keyUsage && (uses.join(", ") || "none of those that count here")],
    ["Extended key usage", extendedKeyUsage?.map(nameOf).join(", ")],
    ["CA", isCa ? `yes${pathLength === undefined ? "" : `, path length ${pathLength}`}` : "no"],
    ["Name constraints", nameConstraints && "yes"],
    ["Revocation lists at", certificate.distributionPoints.join("\n")],
    ["Subject key id", certificate.subjectKeyId],
    ["Authority key id", certificate.authorityKeyId],
    ["Critical and unknown", certificate.unknownCritical.join(", ")],
    ["SHA-256", certificate.sha256],
    ["SHA-256 of the key", certificate.spkiSha256],
  ];
  return fields.flatMap(([name, value]) => (value === undefined || value === "" ? [] : [[name, value] as const]));
}

function nameOf(oid: string): string {
  return OID_NAMES[oid] ?? oid;
}

export function keyOf({ publicKey: { asymmetricKeyType: type, asymmetricKeyDetails: details } }: Certificate): string {
  if (type === "rsa") return `RSA, ${details?.modulusLength} bits`;
  return type === "ec" ? `EC, ${details?.namedCurve}` : String(type);
}

function formatName(name: GeneralName): string {
  if (name.kind === "directory") return `directory: ${formatDistinguishedName(name.name)}`;
  if (name.kind === "ip") return `ip: ${formatIpAddress(name.octets) ?? "malformed"}`;
  return name.kind === "other" ? `a name of another kind (tag ${name.tag})` : `${name.kind}: ${name.value}`;
}

/** Returns a short form of a name for a small box: the last common name, or the whole name if it has no common name. */
export function shortName(subject: string): string {
  const [, commonName] = /(?:^|,)CN=((?:\\.|[^,+\\])+)/.exec(subject) ?? [];
  return commonName?.replaceAll(/\\(.)/g, "$1") ?? subject;
}
