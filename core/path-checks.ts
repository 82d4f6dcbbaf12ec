// The single checks of a certification path (RFC 5280 §6.1.3 and §6.1.4), each a small yes or a Refusal.

import { isAcceptedSignature } from "./algorithms.ts";
import type { Certificate } from "./certificate.ts";
import { CLIENT_AUTH } from "./certificate-extensions.ts";
import type { GeneralName } from "./general-name.ts";
import { satisfiesNameConstraints } from "./name-constraints.ts";
import type { DenyList } from "./policy.ts";
import { Refusal } from "./refusal.ts";

/** Both ends of the validity are included (RFC 5280 §4.1.2.5). */
export function isInDate(certificate: Certificate, now: number): boolean {
  return certificate.notBefore <= now && now <= certificate.notAfter;
}

export function hasAcceptedAlgorithms({ signatureAlgorithm, hasAcceptedKey }: Certificate): boolean {
  return isAcceptedSignature(signatureAlgorithm) && hasAcceptedKey;
}

/** Whether the names chain; key identifiers, where both certificates have them, must not contradict (RFC 5280 §4.2.1.1). */
export function namesIssuer(certificate: Certificate, issuer: Certificate): boolean {
  const { authorityKeyId } = certificate;
  return (
    certificate.issuer.length > 0 &&
    certificate.issuerKey === issuer.subjectKey &&
    (authorityKeyId === undefined || issuer.subjectKeyId === undefined || authorityKeyId === issuer.subjectKeyId)
  );
}

/**
 * Checks one issuer over the path below it, `below[0]` being the leaf and the last what this issuer signed.
 * An anchor is held to the same: it is a certificate that somebody put into a policy, and may have expired since.
 * @throws Refusal
 */
export function checkIssuer(issuer: Certificate, below: readonly Certificate[], deny: DenyList, now: number): void {
  const at = { authority: issuer.subjectText, depth: below.length };
  if (!issuer.isCa) throw new Refusal("issuer_not_ca", at);
  if (issuer.unknownCritical.length > 0) {
    throw new Refusal("unknown_critical_extension", { ...at, extensions: issuer.unknownCritical });
  }
  if (issuer.keyUsage?.keyCertSign === false) throw new Refusal("wrong_key_usage", at);
  if (issuer.extendedKeyUsage?.includes(CLIENT_AUTH) === false) throw new Refusal("wrong_extended_key_usage", at);
  if (!isInDate(issuer, now)) throw new Refusal("issuer_not_in_date", { ...at, notAfter: issuer.notAfter });
  if (!issuer.hasAcceptedKey) throw new Refusal("algorithm_not_accepted", at);
  if (deny.holds(issuer)) throw new Refusal("certificate_denied", at);
  const intermediates = below.slice(1).filter((certificate) => !isSelfIssued(certificate));
  if (intermediates.length > (issuer.pathLength ?? Number.POSITIVE_INFINITY)) {
    throw new Refusal("path_length_exceeded", { ...at, pathLength: issuer.pathLength });
  }
  checkNames(issuer, below, at);
  checkSignature(below[below.length - 1], issuer, at);
}

function checkSignature(certificate: Certificate | undefined, issuer: Certificate, at: object): void {
  if (certificate === undefined || !hasAcceptedAlgorithms(certificate)) {
    throw new Refusal("algorithm_not_accepted", { ...at, signatureAlgorithm: certificate?.signatureAlgorithm });
  }
  if (!certificate.isSignedBy(issuer)) throw new Refusal("signature_invalid", { ...at });
}

function checkNames(issuer: Certificate, below: readonly Certificate[], at: object): void {
  const constraints = issuer.nameConstraints;
  if (constraints === undefined) return;
  const constrained = below.filter((certificate, index) => index === 0 || !isSelfIssued(certificate));
  if (!constrained.every((certificate) => satisfiesNameConstraints(namesOf(certificate), constraints))) {
    throw new Refusal("name_not_permitted", { ...at });
  }
}

function isSelfIssued(certificate: Certificate): boolean {
  return certificate.subjectKey === certificate.issuerKey;
}

/** Every name that a certificate claims: subject, SANs, and the subject's e-mail addresses and host-like CNs. */
function namesOf({ subject, subjectAltNames }: Certificate): GeneralName[] {
  const names: GeneralName[] = [...subjectAltNames];
  if (subject.length > 0) names.push({ kind: "directory", name: subject });
  for (const attribute of subject.flat()) {
    if (!("text" in attribute)) continue;
    if (attribute.type === EMAIL_ADDRESS) names.push({ kind: "email", value: attribute.text });
    // A policy may match a host name in CN, so it is held to dNSName constraints, beside a SAN too.
    if (attribute.type === COMMON_NAME && HOST_NAME.test(attribute.text)) {
      names.push({ kind: "dns", value: attribute.text });
    }
  }
  return names;
}

const EMAIL_ADDRESS = "1.2.840.113549.1.9.1";
const COMMON_NAME = "2.5.4.3";
const HOST_NAME = /^[A-Za-z0-9*_-]+(\.[A-Za-z0-9_-]+)+$/;
