// Reads the certificate extensions that decisions depend on (RFC 5280 §4.2), and finds extensions because of which a path is
// refused.

import type { DerReader } from "./der.ts";
import { type Extensions, readExtensions, readValue } from "./extension.ts";
import * as OID from "./extension-oids.ts";
import {
  FORMS,
  readAuthorityKeyId,
  readBasicConstraints,
  readCertificatePolicies,
  readDistributionPoints,
  readExtendedKeyUsage,
  readKeyUsage,
  readSubjectKeyId,
} from "./extension-values.ts";
import { type GeneralName, readGeneralNames } from "./general-name.ts";
import { type NameConstraints, readNameConstraints } from "./name-constraints.ts";

export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

export interface CertificateExtensions {
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
  /** The permitted uses of the key. Undefined if the extension is absent, because every use is permitted then. */
  readonly keyUsage:
    | { readonly digitalSignature: boolean; readonly keyCertSign: boolean; readonly cRLSign: boolean }
    | undefined;
  /** The OIDs in the extension. Undefined if the extension is absent. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectAltNames: readonly GeneralName[];
  readonly nameConstraints: NameConstraints | undefined;
  /**
   * The URIs of the full names in `cRLDistributionPoints`. They are only compared with the scope of a revocation list, and never
   * fetched.
   */
  readonly distributionPoints: readonly string[];
  /** The two key identifiers in lower-case hex. Undefined if the extension or the identifier is absent. */
  readonly authorityKeyId: string | undefined;
  readonly subjectKeyId: string | undefined;
  /** The OIDs of extensions that must be processed but are not supported. A path with such a certificate is refused. */
  readonly unknownCritical: readonly string[];
}

/**
 * The extensions that may be critical, because the code enforces them. Before you add one here, add its check: for clients in
 * core/trust/verify.ts, for issuers in core/trust/issuer.ts. A critical `certificatePolicies` needs no check, because this
 * extension demands nothing if no certificate policy is required (RFC 5280 §6.1.3 d). `cRLDistributionPoints` is not here, because
 * distribution points are processed only for an anchor with revocation lists.
 */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  OID.subjectKeyIdentifier,
  OID.keyUsage,
  OID.subjectAltName,
  OID.basicConstraints,
  OID.nameConstraints,
  OID.certificatePolicies,
  OID.authorityKeyIdentifier,
  OID.extendedKeyUsage,
]);

/**
 * The OIDs of `policyConstraints` and `inhibitAnyPolicy`. A certificate with one of them is refused, critical or not. The reason is
 * that these extensions make demands on certificate policies, which are not processed here. RFC 5280 §4.2 says that every
 * application must recognise `policyConstraints`.
 */
const NEVER_PASSED_OVER: ReadonlySet<string> = new Set(["2.5.29.36", "2.5.29.54"]);

/**
 * Reads the Extensions of one certificate.
 * @throws SyntaxError if an extension is repeated or malformed
 */
export function readCertificateExtensions(values: DerReader): CertificateExtensions {
  return interpret(readExtensions(values));
}

function interpret(extensions: Extensions): CertificateExtensions {
  const basicConstraints = readValue(extensions, OID.basicConstraints, readBasicConstraints);
  const hasKnownQualifiers = readValue(extensions, OID.certificatePolicies, readCertificatePolicies);
  for (const [oid, read] of FORMS) readValue(extensions, oid, read);
  return {
    isCa: basicConstraints?.isCa ?? false,
    pathLength: basicConstraints?.pathLength,
    keyUsage: readValue(extensions, OID.keyUsage, readKeyUsage),
    extendedKeyUsage: readValue(extensions, OID.extendedKeyUsage, readExtendedKeyUsage),
    subjectAltNames: readValue(extensions, OID.subjectAltName, readGeneralNames) ?? [],
    nameConstraints: readValue(extensions, OID.nameConstraints, readNameConstraints),
    distributionPoints: readValue(extensions, OID.cRLDistributionPoints, readDistributionPoints) ?? [],
    authorityKeyId: readValue(extensions, OID.authorityKeyIdentifier, readAuthorityKeyId),
    subjectKeyId: readValue(extensions, OID.subjectKeyIdentifier, readSubjectKeyId),
    unknownCritical: Array.from(extensions)
      .filter(([oid, { isCritical }]) => {
        // RFC 5280 §4.2.1.4: a certificate with an unknown qualifier in a critical extension must be refused.
        const isUnderstood = UNDERSTOOD.has(oid) && (oid !== OID.certificatePolicies || hasKnownQualifiers);
        return NEVER_PASSED_OVER.has(oid) || (isCritical && !isUnderstood);
      })
      .map(([oid]) => oid),
  };
}

export const NO_EXTENSIONS: CertificateExtensions = interpret(new Map());
