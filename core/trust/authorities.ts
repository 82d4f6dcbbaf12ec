// Finds the intermediates that an anchor certified, directly or through other intermediates. They may be presented by the sender or
// be part of the policy. A stranger can make any number of intermediates, but none that an anchor certified. So this search comes
// before every other check of intermediates, and leaves out the intermediates of strangers.

import type { Anchor } from "../policy/policy.ts";
import { type Refusal, refusalOf } from "../refusal.ts";
import { cachedFor } from "../weak-cache.ts";
import type { Certificate } from "../x509/certificate.ts";
import type { ClientCertificate } from "../x509/client-certificate.ts";
import { descend, namesIssuer } from "../x509/issuance.ts";
import { IssuedSignatures } from "./issued-signatures.ts";
import { checkSignature } from "./issuer.ts";
import { recall, remember } from "./presented-again.ts";

export interface Authorities {
  /**
   * CA certificates that an anchor or another certificate of this list signed. Only the signatures on these certificates are
   * checked, nothing else.
   */
  readonly certified: readonly Certificate[];
  /**
   * The refusal for the first certificate that names an issuer whose key did not sign the certificate. Undefined if there is no
   * such certificate.
   */
  readonly failure: Refusal | undefined;
}

/** The limit of signatures that one search verifies. An honest sender with a chain of ten intermediates needs ten. */
const MAX_SIGNATURES = 20;

/**
 * Searches from the anchors downwards. So a signature is verified only with the key of an anchor, or with a key that an anchor
 * certified.
 */
export function findAuthorities(
  client: ClientCertificate,
  anchors: readonly Anchor[],
  signatures: IssuedSignatures,
): Authorities {
  let failure: Refusal | undefined;
  let verified = 0;
  const isSigned = (certificate: Certificate, issuer: Certificate): boolean => {
    if (!namesIssuer(certificate, issuer) || verified >= MAX_SIGNATURES) return false;
    verified += 1;
    const fault = refusalOf(() => checkSignature(certificate, issuer, signatures));
    failure ??= fault;
    return fault === undefined;
  };
  const issuers = anchors.map(({ certificate }) => certificate);
  return { certified: descend(issuers, namedIntermediates(client, anchors), isSigned), failure };
}

/**
 * Returns the presented intermediates that an anchor certified, from the leaf's issuer upwards. Intermediates on the same level are
 * sorted by digest. Otherwise a sender could present five certificates in more than a hundred orders, and each order would be
 * stored as a separate chain.
 */
export function vouchedIntermediates(client: ClientCertificate, anchors: readonly Anchor[]): readonly Certificate[] {
  const known = recall(client, anchors)?.vouched;
  if (known !== undefined) return known;
  const { certified } = findAuthorities(client, anchors, new IssuedSignatures());
  // The intermediates of the policy are left out, because the sender did not present them.
  const vouched = climb(
    client.leaf,
    certified.toSorted((a, b) => (a.sha256 < b.sha256 ? -1 : 1)),
  ).filter((certificate) => client.intermediates.includes(certificate));
  remember(client, anchors, { vouched });
  return vouched;
}

/**
 * Follows the issuer names upwards from the leaf, and returns the intermediates that it finds, each once. If the policy has no
 * intermediates, the result does not depend on the anchors, so it is cached for the client certificate.
 */
function namedIntermediates(client: ClientCertificate, anchors: readonly Anchor[]): readonly Certificate[] {
  const ofPolicy = anchors.flatMap(({ intermediates }) => intermediates);
  if (ofPolicy.length > 0) return climb(client.leaf, [...client.intermediates, ...ofPolicy]);
  return namedByClient(client);
}

const namedByClient = cachedFor(({ leaf, intermediates }: ClientCertificate) => climb(leaf, intermediates));

/** Follows the issuer names upwards from the leaf, and returns the intermediates that it finds, each once. */
function climb(leaf: Certificate, intermediates: readonly Certificate[]): readonly Certificate[] {
  const found: Certificate[] = [];
  let open = [...new Set(intermediates)];
  for (let below: readonly Certificate[] = [leaf]; below.length > 0; ) {
    const above = open.filter((issuer) => below.some((certificate) => namesIssuer(certificate, issuer)));
    open = open.filter((certificate) => !above.includes(certificate));
    found.push(...above);
    below = above;
  }
  return found;
}
