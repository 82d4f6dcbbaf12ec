// Finds the certification path from a leaf to one of the anchors. The intermediates are unordered and not trusted.

import type { Anchor, DenyList } from "../policy/policy.ts";
import { Refusal, refusalOf, resultOf } from "../refusal.ts";
import { checkRevocation, type RevocationLists, refuseListed } from "../revocation/revocation.ts";
import type { Certificate } from "../x509/certificate.ts";
import { isInDate } from "../x509/certificate.ts";
import type { ClientCertificate } from "../x509/client-certificate.ts";
import { namesIssuer } from "../x509/issuance.ts";
import { findAuthorities } from "./authorities.ts";
import { IssuedSignatures } from "./issued-signatures.ts";
import { checkIssuer } from "./issuer.ts";
import { recall, remember } from "./presented-again.ts";

export interface Path {
  readonly anchor: Anchor;
  /** CA certificates from the leaf's issuer up to the anchor. */
  readonly issuers: readonly Certificate[];
  /**
   * Describes the revocation list that was missing or not current. It is set only if the anchor's rule accepts certificates without
   * a current list.
   */
  readonly revocation: string | undefined;
}

export interface PathLimits {
  /** The largest number of CA certificates that a path may have, the anchor included. */
  readonly maxChainDepth: number;
  readonly deny: DenyList;
  /** The revocation lists that are loaded now. */
  readonly lists: RevocationLists;
  /** Unix seconds. */
  readonly now: number;
  /** The signatures verified so far. All searches of one request share them. */
  readonly signatures?: IssuedSignatures;
}

/**
 * The limit of issuers that one search tries. A real path needs a handful. Without the limit, the owner of a CA below an anchor
 * could make ten CAs that sign one another, and the search would try a huge number of paths.
 */
const MAX_ISSUERS_TRIED = 20;

/**
 * Searches depth first, anchors before intermediates, and returns the first path on which every check passes. Uses only
 * intermediates that an anchor certified, directly or through other intermediates. Therefore, it never tries certificates that a
 * stranger signed himself.
 * @throws Refusal for the first revocation fault, otherwise for the first other fault, otherwise `issuer_unknown`
 */
export function findPath(client: ClientCertificate, anchors: readonly Anchor[], facts: PathLimits): Path {
  return findAgain(client, anchors, facts) ?? search(client, anchors, facts);
}

/**
 * Returns the path that was found earlier for the same certificates, if it is still valid. Dates, denials, depth and revocation are
 * checked each time. If a check fails, returns undefined, and the search that follows reports the reason.
 */
function findAgain(client: ClientCertificate, anchors: readonly Anchor[], limits: PathLimits): Path | undefined {
  const known = recall(client, anchors)?.path;
  if (known === undefined || known.issuers.length > limits.maxChainDepth) return undefined;
  const { anchor, issuers, certified } = known;
  for (const issuer of issuers) {
    if (!isInDate(issuer, limits.now) || limits.deny.holds(issuer, certified)) return undefined;
  }
  if (anchor.revocation === undefined && limits.lists.size === 0) return { anchor, issuers, revocation: undefined };
  const path = resultOf(() => complete(anchor, [client.leaf, ...issuers], anchors, limits));
  return path instanceof Refusal ? undefined : path;
}

/**
 * Completes a validated path: `path` starts with the leaf and ends with the anchor. Checks that no certificate on the path is
 * revoked. If other anchors certified this anchor, looks this anchor up in the revocation lists of those anchors too. Otherwise a
 * revoked CA could be the end of a path.
 * @throws Refusal
 */
function complete(
  anchor: Anchor,
  path: readonly Certificate[],
  anchors: readonly Anchor[],
  { lists, now }: PathLimits,
): Path {
  for (const certifier of anchor.certifiers) refuseListed(anchor.certificate, certifier, lists, path.length - 1);
  const revocation = checkRevocation(path, anchor.revocation, { lists, now, anchors });
  return { anchor, issuers: path.slice(1), revocation };
}

function search(client: ClientCertificate, anchors: readonly Anchor[], facts: PathLimits): Path {
  const { deny, signatures = new IssuedSignatures() } = facts;
  const authorities = findAuthorities(client, anchors, signatures);
  const holds = (issuer: Certificate) => deny.holds(issuer, authorities.certified);
  const limits = { ...facts, signatures, deny: { holds } };
  let tried = 0;
  let failure: Refusal | undefined;
  /**
   * The revocation fault of a path that reached an anchor. If there is one, it is thrown instead of the fault of a path that
   * reached no anchor, because the revocation fault says more.
   */
  let revocationFailure: Refusal | undefined;

  /** `below` starts with the leaf and ends with the certificate whose issuer is searched for. */
  const isUsable = (issuer: Certificate, below: readonly Certificate[]): boolean => {
    const top = below[below.length - 1] as Certificate;
    if (!namesIssuer(top, issuer) || below.some(({ spkiSha256 }) => spkiSha256 === issuer.spkiSha256)) return false;
    tried += 1;
    if (tried > MAX_ISSUERS_TRIED) return false;
    const fault = refusalOf(() => tryIssuer(issuer, below, limits));
    failure ??= fault;
    return fault === undefined;
  };

  const reach = (anchor: Anchor, below: readonly Certificate[]): Path | undefined => {
    const path = resultOf(() => complete(anchor, [...below, anchor.certificate], anchors, limits));
    if (!(path instanceof Refusal)) return path;
    revocationFailure ??= path;
    return undefined;
  };

  const extend = (below: readonly Certificate[]): Path | undefined =>
    firstOf(anchors, (anchor) => (isUsable(anchor.certificate, below) ? reach(anchor, below) : undefined)) ??
    firstOf(authorities.certified, (issuer) => (isUsable(issuer, below) ? extend([...below, issuer]) : undefined));

  const path = extend([client.leaf]);
  if (path !== undefined) {
    const { anchor, issuers } = path;
    const isFirstTried = failure === undefined && revocationFailure === undefined && authorities.failure === undefined;
    if (isFirstTried) remember(client, anchors, { path: { anchor, issuers, certified: authorities.certified } });
    return path;
  }
  throw (
    revocationFailure ??
    failure ??
    authorities.failure ??
    new Refusal("issuer_unknown", {
      intermediates: client.intermediates.length,
      anchors: anchors.map(({ name }) => name),
    })
  );
}

/** Returns the first result of `attempt`. The candidates after it are not tried. */
function firstOf<T>(candidates: readonly T[], attempt: (candidate: T) => Path | undefined): Path | undefined {
  for (const candidate of candidates) {
    const path = attempt(candidate);
    if (path !== undefined) return path;
  }
  return undefined;
}

/** Checks that a path of this length is allowed, and then checks the issuer with `checkIssuer`. @throws Refusal */
export function tryIssuer(issuer: Certificate, below: readonly Certificate[], limits: PathLimits): void {
  if (below.length > limits.maxChainDepth) {
    throw new Refusal("chain_too_deep", { depth: below.length, maxChainDepth: limits.maxChainDepth });
  }
  checkIssuer(issuer, below, limits);
}
