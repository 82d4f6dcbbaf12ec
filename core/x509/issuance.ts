// Finds which CA issued which certificate, by names and signatures. Does not check dates, key usage, or whether a CA may issue
// anything. core/trust checks these on the certification path.

import type { Certificate } from "./certificate.ts";

/**
 * True if the certificate names `issuer` as its issuer. If both certificates have key identifiers, the identifiers must be equal
 * too (RFC 5280 §4.2.1.1).
 */
export function namesIssuer(certificate: Certificate, issuer: Certificate): boolean {
  const { authorityKeyId } = certificate;
  return (
    certificate.issuer.length > 0 &&
    certificate.foldedIssuer === issuer.foldedSubject &&
    (authorityKeyId === undefined || issuer.subjectKeyId === undefined || authorityKeyId === issuer.subjectKeyId)
  );
}

/** Returns the CA certificates that certified `certificate`. Leaves out CA certificates with the same key as `certificate`. */
export function findCertifiers(certificate: Certificate, authorities: readonly Certificate[]): readonly Certificate[] {
  return authorities.filter((one) => isCertifiedBy(certificate, one));
}

/** Returns those of `certificates` that `issuers` signed, directly or through other members of `certificates`. */
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

/** Returns those of `certificates` that `authority` certified, directly or through other members of `certificates`. */
export function findCertified(authority: Certificate, certificates: readonly Certificate[]): readonly Certificate[] {
  return descend([authority], certificates, isCertifiedBy);
}

function isCertifiedBy(certificate: Certificate, one: Certificate): boolean {
  return one.spkiSha256 !== certificate.spkiSha256 && namesIssuer(certificate, one) && certificate.isSignedBy(one);
}
