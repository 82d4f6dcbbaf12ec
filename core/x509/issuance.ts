// Which certificate was issued by which: names that chain, and signatures. Does not check dates, key usage, or whether an issuer may
// issue anything: the certification path does (core/trust).

import type { Certificate } from "./certificate.ts";

/** Whether the names chain. If both certificates have key identifiers, these must be equal (RFC 5280 §4.2.1.1). */
export function namesIssuer(certificate: Certificate, issuer: Certificate): boolean {
  const { authorityKeyId } = certificate;
  return (
    certificate.issuer.length > 0 &&
    certificate.foldedIssuer === issuer.foldedSubject &&
    (authorityKeyId === undefined || issuer.subjectKeyId === undefined || authorityKeyId === issuer.subjectKeyId)
  );
}

/** The CA certificates that certified this one, without those that have its own key. */
export function findCertifiers(certificate: Certificate, authorities: readonly Certificate[]): readonly Certificate[] {
  return authorities.filter((one) => isCertifiedBy(certificate, one));
}

/** Those of the certificates that the issuers signed, or another one that they signed, and so on. */
export function descend(
  issuers: readonly Certificate[],
  certificates: readonly Certificate[],
  isSigned: (certificate: Certificate, issuer: Certificate) => boolean,
): readonly Certificate[] {
  const certified: Certificate[] = [];
  let open = certificates;
  for (let above = issuers; above.length > 0; ) {
    const found = open.filter((certificate) => above.some((issuer) => isSigned(certificate, issuer)));
    open = open.filter((certificate) => !found.includes(certificate));
    certified.push(...found);
    above = found;
  }
  return certified;
}

/** Of CA certificates those that this one vouches for, in any number of steps. */
export function findCertified(authority: Certificate, certificates: readonly Certificate[]): readonly Certificate[] {
  return descend([authority], certificates, isCertifiedBy);
}

function isCertifiedBy(certificate: Certificate, one: Certificate): boolean {
  return one.spkiSha256 !== certificate.spkiSha256 && namesIssuer(certificate, one) && certificate.isSignedBy(one);
}
