// Which of the intermediates that a sender presents an anchor vouches for. It comes before every other check of them:
// a stranger can sign as many certificates for himself as he likes, but none in the name of an anchor.

import type { Certificate } from "./certificate.ts";
import { IssuedSignatures } from "./issued-signatures.ts";
import { checkSignature, namesIssuer } from "./path-checks.ts";
import type { Anchor } from "./policy.ts";
import { recall, remember } from "./presented-again.ts";
import type { ClientCertificate } from "./presented-certificate.ts";
import { type Refusal, refusalOf } from "./refusal.ts";

export interface Authorities {
  /** Signed by an anchor, or by another of these. Nothing else is said of them. */
  readonly certified: readonly Certificate[];
  /** The first signature that is missing on the way from an anchor to the leaf, where the names chain. */
  readonly failure: Refusal | undefined;
}

/** Signatures verified in one search. Ten intermediates of an honest sender need about as many. */
const MAX_SIGNATURES = 20;

/** Verifies from the anchors down, so that only keys of anchors and of whom they certified are ever used. */
export function findAuthorities(
  client: ClientCertificate,
  anchors: readonly Anchor[],
  signatures: IssuedSignatures,
): Authorities {
  const certified: Certificate[] = [];
  let failure: Refusal | undefined;
  let verified = 0;
  const isSigned = (certificate: Certificate, issuer: Certificate): boolean => {
    if (!namesIssuer(certificate, issuer) || verified >= MAX_SIGNATURES) return false;
    verified += 1;
    const fault = refusalOf(() => checkSignature(certificate, issuer, signatures));
    failure ??= fault;
    return fault === undefined;
  };
  let open = namedIntermediates(client);
  for (let issuers = anchors.map(({ certificate }) => certificate); issuers.length > 0; ) {
    const found = open.filter((certificate) => issuers.some((issuer) => isSigned(certificate, issuer)));
    open = open.filter((certificate) => !found.includes(certificate));
    certified.push(...found);
    issuers = found;
  }
  return { certified, failure };
}

/**
 * What an anchor vouches for of what was presented beside the leaf, from the leaf upwards. The order does not follow the sender's, who
 * would otherwise make a hundred sets of five certificates.
 */
export function vouchedIntermediates(client: ClientCertificate, anchors: readonly Anchor[]): readonly Certificate[] {
  const known = recall(client, anchors)?.vouched;
  if (known !== undefined) return known;
  const { certified } = findAuthorities(client, anchors, new IssuedSignatures());
  const vouched = climb(
    client.leaf,
    certified.toSorted((a, b) => (a.sha256 < b.sha256 ? -1 : 1)),
  );
  remember(client, anchors, { vouched });
  return vouched;
}

/** Of certificates of CAs those that certified this one, not counting others of its own key. */
export function findCertifiers(certificate: Certificate, authorities: readonly Certificate[]): readonly Certificate[] {
  return authorities.filter(
    (one) => one.spkiSha256 !== certificate.spkiSha256 && namesIssuer(certificate, one) && certificate.isSignedBy(one),
  );
}

const named = new WeakMap<ClientCertificate, readonly Certificate[]>();

/** The intermediates to which the names lead from the leaf, each once. They are the same for every anchor. */
function namedIntermediates(client: ClientCertificate): readonly Certificate[] {
  const found = named.get(client) ?? climb(client.leaf, client.intermediates);
  named.set(client, found);
  return found;
}

/** Those to which the names lead from the leaf, each once. */
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
