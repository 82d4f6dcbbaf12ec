// Finds which certificate issued which, by names that chain and by signatures. Does not check dates, key usage, or whether an
// issuer may issue anything. core/trust checks these on the certification path.

import type { Certificate } from "./certificate.ts";

/** True if the names chain. If both certificates have key identifiers, the identifiers must be equal (RFC 5280 §4.2.1.1). */
export function namesIssuer(certificate: Certificate, issuer: Certificate): boolean {
  const { authorityKeyId } = certificate;
  return (
    certificate.issuer.length > 0 &&
    certificate.foldedIssuer === issuer.foldedSubject &&
    (authorityKeyId === undefined || issuer.subjectKeyId === undefined || authorityKeyId === issuer.subjectKeyId)
  );
}

/** Returns the CA certificates that certified this certificate. Leaves out those with the same key. */
export function findCertifiers(certificate: Certificate, authorities: readonly Certificate[]): readonly Certificate[] {
  return authorities.filter((one) => isCertifiedBy(certificate, one));
}

/** Returns the certificates that one of the issuers signed, those that these certificates signed, and so on. */
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

/** Returns the CA certificates that this authority certified, directly or through other ones. */
export function findCertified(authority: Certificate, certificates: readonly Certificate[]): readonly Certificate[] {
  return descend([authority], certificates, isCertifiedBy);
}

function isCertifiedBy(certificate: Certificate, one: Certificate): boolean {
  return one.spkiSha256 !== certificate.spkiSha256 && namesIssuer(certificate, one) && certificate.isSignedBy(one);
}
