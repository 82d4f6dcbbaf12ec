// The individual checks of a certification path (RFC 5280 §6.1.3 and §6.1.4). A check that fails throws a Refusal.

import type { DenyList } from "../policy/policy.ts";
import { Refusal, type RefusalDetails, type SharedRefusalCode } from "../refusal.ts";
import { cachedFor } from "../weak-cache.ts";
import { isAcceptedSignature } from "../x509/algorithms.ts";
import { type Certificate, isInDate } from "../x509/certificate.ts";
import { CLIENT_AUTH } from "../x509/certificate-extensions.ts";
import { type GeneralName, parseIpAddress } from "../x509/general-name.ts";
import { satisfiesNameConstraints } from "../x509/name-constraints.ts";
import { IssuedSignatures } from "./issued-signatures.ts";

export function hasAcceptedAlgorithms({ signatureAlgorithm, hasAcceptedKey }: Certificate): boolean {
  return isAcceptedSignature(signatureAlgorithm) && hasAcceptedKey;
}

/**
 * Checks one issuer and the path below it. `below` starts with the leaf and ends with the certificate that the issuer signed. An
 * anchor is checked like any issuer, because a certificate in a policy may have expired. Checks that take longer than a comparison
 * come after the signature, so that a forged certificate does not reach them.
 * @throws Refusal
 */
export function checkIssuer(
  issuer: Certificate,
  below: readonly Certificate[],
  {
    deny,
    now,
    signatures = new IssuedSignatures(),
  }: { readonly deny: DenyList; readonly now: number; readonly signatures?: IssuedSignatures },
): void {
  const refuse = (code: SharedRefusalCode, details?: RefusalDetails) =>
    new Refusal(code, { authority: issuer.subjectText, depth: below.length, ...details });
  if (!issuer.isCa) throw refuse("issuer_not_ca");
  if (issuer.unknownCritical.length > 0) {
    throw refuse("unknown_critical_extension", { extensions: issuer.unknownCritical });
  }
  if (issuer.keyUsage?.keyCertSign === false) throw refuse("wrong_key_usage");
  if (issuer.extendedKeyUsage?.includes(CLIENT_AUTH) === false) throw refuse("wrong_extended_key_usage");
  if (!isInDate(issuer, now)) throw refuse("issuer_not_in_date", { notAfter: issuer.notAfter });
  checkSignature(below[below.length - 1] as Certificate, issuer, signatures);
  if (deny.holds(issuer)) throw refuse("certificate_denied");
  const intermediates = below.slice(1).filter((certificate) => !isSelfIssued(certificate));
  if (intermediates.length > (issuer.pathLength ?? Infinity)) {
    throw refuse("path_length_exceeded", { pathLength: issuer.pathLength });
  }
  const constrained = below.filter((certificate, index) => index === 0 || !isSelfIssued(certificate));
  if (!constrained.every(obeysConstraintsOf(issuer))) {
    throw refuse("name_not_permitted");
  }
}

/** Checks that the issuer signed this certificate with an accepted algorithm and an accepted key. @throws Refusal */
export function checkSignature(certificate: Certificate, issuer: Certificate, signatures: IssuedSignatures): void {
  const { signatureAlgorithm } = certificate;
  const refuse = (code: SharedRefusalCode, details?: RefusalDetails) =>
    new Refusal(code, { authority: issuer.subjectText, certificate: certificate.subjectText, ...details });
  if (!issuer.hasAcceptedKey) throw refuse("algorithm_not_accepted");
  if (!isAcceptedSignature(signatureAlgorithm)) throw refuse("algorithm_not_accepted", { signatureAlgorithm });
  if (!signatures.holds(certificate, issuer)) throw refuse("signature_invalid");
}

/**
 * Says whether a certificate obeys the name constraints of an issuer. The results are cached for each issuer and certificate,
 * because the names and constraints of a certificate cannot change.
 */
const obeysConstraintsOf = cachedFor(({ nameConstraints }: Certificate) =>
  cachedFor(
    (certificate: Certificate) =>
      nameConstraints === undefined || satisfiesNameConstraints(namesOf(certificate), nameConstraints),
  ),
);

function isSelfIssued(certificate: Certificate): boolean {
  return certificate.foldedSubject === certificate.foldedIssuer;
}

/** Returns every name that a certificate claims: subject, SANs, and the subject's e-mail addresses, host names and IP addresses. */
function namesOf({ subject, subjectAltNames }: Certificate): GeneralName[] {
  const names: GeneralName[] = [...subjectAltNames];
  if (subject.length > 0) names.push({ kind: "directory", name: subject });
  for (const attribute of subject.flat()) {
    const text = "text" in attribute ? attribute.text : "";
    if (attribute.type === EMAIL_ADDRESS) names.push({ kind: "email", value: text });
    if (attribute.type === COMMON_NAME) names.push(...namesInCommonName(text));
  }
  return names;
}

/**
 * Returns the host name or IP address in a CN. The name constraints for host names and IP addresses apply to the CN too, even if
 * the certificate has a SAN, because a policy may match a CN.
 */
function namesInCommonName(text: string): GeneralName[] {
  const octets = parseIpAddress(text);
  if (octets !== undefined) return [{ kind: "ip", octets }];
  return HOST_NAME.test(text) ? [{ kind: "dns", value: text }] : [];
}

const EMAIL_ADDRESS = "1.2.840.113549.1.9.1";
const COMMON_NAME = "2.5.4.3";
const HOST_NAME = /^[A-Za-z0-9*_-]+(\.[A-Za-z0-9_-]+)+$/;
