// Finds the intermediates, presented or in the policy, that an anchor certified. This search comes before every other check of
// intermediates, because a stranger can sign any number of certificates for himself, but none with the key of an anchor.

import type { Anchor } from "../policy/policy.ts";
import { type Refusal, refusalOf } from "../refusal.ts";
import type { Certificate } from "../x509/certificate.ts";
import type { ClientCertificate } from "../x509/client-certificate.ts";
import { descend, namesIssuer } from "../x509/issuance.ts";
import { IssuedSignatures } from "./issued-signatures.ts";
import { checkSignature } from "./issuer.ts";
import { recall, remember } from "./presented-again.ts";

export interface Authorities {
  /** CA certificates that an anchor or another certificate of this list signed. Nothing else about them is checked. */
  readonly certified: readonly Certificate[];
  /** The first signature that does not verify although the names of the two certificates chain. */
  readonly failure: Refusal | undefined;
}

/** Limit of signatures verified in one search. An honest sender with a chain of ten intermediates needs ten. */
const MAX_SIGNATURES = 20;

/** Starts at the anchors and goes down, so that only keys of anchors, and keys that an anchor certified, verify signatures. */
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
 * Returns the presented intermediates that an anchor certified, from the leaf's issuer upwards. Those on one level are sorted by
 * digest. Otherwise one sender could turn five certificates into more than a hundred lists, in different orders.
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

const named = new WeakMap<ClientCertificate, readonly Certificate[]>();

/**
 * The intermediates that the issuer names lead to from the leaf, each once. If the policy has no intermediates, the result does
 * not depend on the anchors, so it is kept.
 */
function namedIntermediates(client: ClientCertificate, anchors: readonly Anchor[]): readonly Certificate[] {
  const ofPolicy = anchors.flatMap(({ intermediates }) => intermediates);
  if (ofPolicy.length > 0) return climb(client.leaf, [...client.intermediates, ...ofPolicy]);
  const found = named.get(client) ?? climb(client.leaf, client.intermediates);
  named.set(client, found);
  return found;
}

/** The certificates that the issuer names lead to from the leaf, each once. */
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
