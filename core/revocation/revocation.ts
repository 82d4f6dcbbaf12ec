// Decides whether the certificates of a path are revoked according to the loaded lists (RFC 5280 §6.3, complete lists only). The
// answer is computed for each request and never cached.

import type { Anchor, RevocationRule } from "../policy/policy.ts";
import { Refusal } from "../refusal.ts";
import type { Certificate } from "../x509/certificate.ts";
import { type Crl, formatTime } from "../x509/crl.ts";

/**
 * The loaded lists of each issuer, the newest first. The key is the issuer's folded name, because X.509 names are compared in this
 * form (RFC 5280 §7.1).
 */
export type RevocationLists = ReadonlyMap<string, readonly Crl[]>;

export const NO_LISTS: RevocationLists = new Map();

export function indexLists(lists: Iterable<Crl>): RevocationLists {
  const index = new Map<string, Crl[]>();
  for (const list of lists) index.set(list.foldedIssuer, [...(index.get(list.foldedIssuer) ?? []), list]);
  for (const ofIssuer of index.values()) ofIssuer.sort((a, b) => (isNewer(a, b) ? -1 : 1));
  return index;
}

/**
 * For each list that `checkRevocation` has used, the certificate whose key signed the list. This certificate is an anchor, or was
 * on a path to an anchor.
 */
const signers = new WeakMap<Crl, Certificate>();

/**
 * Returns the certificate whose key signed the list. Undefined if `checkRevocation` has not found this certificate on a path or
 * among the anchors yet.
 */
export function signerOnPath(list: Crl): Certificate | undefined {
  return signers.get(list);
}

/** True if `a` was issued after `b`. Compares `thisUpdate`, then `cRLNumber` if `thisUpdate` is the same second. */
export function isNewer(a: Crl, b: Crl): boolean {
  return a.thisUpdate > b.thisUpdate || (a.thisUpdate === b.thisUpdate && (a.number ?? 0n) > (b.number ?? 0n));
}

export interface RevocationExplanation {
  readonly lists: RevocationLists;
  /** Unix seconds. */
  readonly now: number;
  /** The anchors of the sender. A list may be signed by the key of one of these anchors, or by a key on the path. */
  readonly anchors?: readonly Pick<Anchor, "certificate">[];
}

/**
 * Looks up each certificate of a validated path, except the anchor, in the revocation lists. The leaf comes first in the path, and
 * the anchor last. An issuer may have several keys. For each of these keys, the newest list that the key signed is used.
 * - The keys of an issuer are the key in its certificate on the path, and the keys in other certificates that have the same subject
 * and are on the path or among the anchors. The issuer may have got a new key, or may sign its lists with a different key (RFC 5280
 * §6.3.3 f).
 * - If one of these lists contains the certificate, the request is refused under every rule, and even if the anchor has no rule.
 * Otherwise the sender could choose a path to an anchor without a rule.
 * - Under the rule `prefer`, a missing or outdated list does not refuse the request. The function then returns a description of
 * this fault for the log.
 * - A list that no key of the issuer signed counts as missing.
 * @throws Refusal `certificate_revoked`, `revocation_unknown`
 */
export function checkRevocation(
  path: readonly Certificate[],
  rule: RevocationRule | undefined,
  facts: RevocationExplanation,
): string | undefined {
  if (rule === undefined && facts.lists.size === 0) return undefined;
  let doubt: string | undefined;
  for (const [depth, certificate] of path.slice(0, -1).entries()) {
    const issuer = path[depth + 1] as Certificate;
    const found = findLists(certificate, issuer, path, facts);
    const revoking = found.newest.find(({ list }) => list.lists(certificate.serial));
    if (revoking !== undefined) throw revokedBy(revoking.list, certificate, depth);
    const fault = rule && faultOf(found, facts.now);
    if (fault !== undefined) doubt ??= `${fault} of ${issuer.subjectText}`;
  }
  if (doubt !== undefined && rule?.freshness === "require") throw new Refusal("revocation_unknown", { list: doubt });
  return doubt;
}

/**
 * Refuses a certificate that is in the newest list signed by the key of `issuer`. A missing list is accepted. Does not record the
 * signer of the list as an authority, because this function is also called for issuers that are on no validated path.
 * @throws Refusal `certificate_revoked`
 */
export function refuseListed(
  certificate: Certificate,
  issuer: Certificate,
  lists: RevocationLists,
  depth: number,
): void {
  const own = lists
    .get(issuer.foldedSubject)
    ?.find((list) => isCovered(certificate, list.distributionPoints) && list.isSignedBy(issuer));
  if (own?.lists(certificate.serial)) throw revokedBy(own, certificate, depth);
}

function revokedBy({ thisUpdate }: Crl, { subjectText, issuerText, serial }: Certificate, depth: number): Refusal {
  const revoked = { subject: subjectText, serial, depth };
  return new Refusal("certificate_revoked", { revoked, authority: issuerText, thisUpdate });
}

/** A list with the certificate whose key signed it. */
interface Signed {
  readonly list: Crl;
  readonly signer: Certificate;
}

interface Found {
  /**
   * For each key of the issuer, the newest list that this key signed. The newest of these lists comes first. Only lists that cover
   * the certificate are included.
   */
  readonly newest: readonly Signed[];
  /** The fault to report if no list in `newest` can show that the certificate is not revoked. */
  readonly without: string;
}

function findLists(
  certificate: Certificate,
  issuer: Certificate,
  path: readonly Certificate[],
  { lists, anchors = [] }: RevocationExplanation,
): Found {
  const named = lists.get(issuer.foldedSubject);
  if (named === undefined) return NONE;
  const signed: Signed[] = [];
  for (const list of named) {
    const signer = findSigner(list, issuer, path, anchors);
    if (signer === undefined) continue;
    signers.set(list, signer);
    signed.push({ list, signer });
  }
  const newest = signed.filter(({ list }) => isCovered(certificate, list.distributionPoints)).filter(isFirstOfItsKey);
  if (signed.some(({ signer }) => maySignLists(signer))) return { newest, without: MISSING };
  return { newest, without: maySignLists(issuer) ? "list without the signature" : "no cRLSign in the key usage" };
}

const MISSING = "missing list";
const NONE: Found = { newest: [], without: MISSING };

/**
 * Finds the signer of a list: the issuer, or another certificate with the issuer's name on the path or among the anchors. The
 * issuer counts as the signer even if its key usage lacks `cRLSign`. A list of such an issuer cannot show that a certificate is
 * good, but a certificate in the list is revoked.
 */
function findSigner(
  list: Crl,
  issuer: Certificate,
  path: readonly Certificate[],
  anchors: NonNullable<RevocationExplanation["anchors"]>,
): Certificate | undefined {
  const isOwn = list.isSignedBy(issuer);
  if (isOwn && maySignLists(issuer)) return issuer;
  const others = [...path.slice(1), ...anchors.map(({ certificate }) => certificate)];
  const other = others.find(
    (one) => one.foldedSubject === issuer.foldedSubject && maySignLists(one) && list.isSignedBy(one),
  );
  return other ?? (isOwn ? issuer : undefined);
}

function maySignLists({ keyUsage }: Certificate): boolean {
  return keyUsage?.cRLSign !== false;
}

function isFirstOfItsKey({ signer }: Signed, index: number, all: readonly Signed[]): boolean {
  return all.findIndex((other) => other.signer.spkiSha256 === signer.spkiSha256) === index;
}

/** A list with an issuing distribution point covers only the certificates that name the same point. */
function isCovered(certificate: Certificate, distributionPoints: readonly string[] | undefined): boolean {
  return (
    distributionPoints === undefined || distributionPoints.some((uri) => certificate.distributionPoints.includes(uri))
  );
}

/** Returns undefined if a current list shows that the certificate is not revoked. Otherwise says what is wrong with the lists. */
function faultOf({ newest, without }: Found, now: number): string | undefined {
  const usable = newest.filter(({ signer }) => maySignLists(signer));
  if (usable.some(({ list }) => list.thisUpdate <= now && now <= list.nextUpdate)) return undefined;
  const list = usable[0]?.list;
  if (list === undefined) return without;
  return now < list.thisUpdate
    ? `not yet valid list (thisUpdate ${formatTime(list.thisUpdate)})`
    : `stale list (nextUpdate ${formatTime(list.nextUpdate)})`;
}
