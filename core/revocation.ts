// Whether the certificates of a path are revoked, by the lists that are loaded now (RFC 5280 §6.3, complete lists only).
// A verdict is made for each request and kept nowhere.

import type { Certificate } from "./certificate.ts";
import { type Crl, formatTime } from "./crl.ts";
import type { Anchor, RevocationRule } from "./policy.ts";
import { Refusal } from "./refusal.ts";

/** The loaded lists by the key of their issuer's name, the newest first. */
export type RevocationLists = ReadonlyMap<string, readonly Crl[]>;

export const NO_LISTS: RevocationLists = new Map();

export function indexLists(lists: Iterable<Crl>): RevocationLists {
  const index = new Map<string, Crl[]>();
  for (const list of lists) index.set(list.issuerKey, [...(index.get(list.issuerKey) ?? []), list]);
  for (const ofIssuer of index.values()) ofIssuer.sort((a, b) => (isNewer(a, b) ? -1 : 1));
  return index;
}

/** By list, an issuer on a path to an anchor whose key signed it. */
const signers = new WeakMap<Crl, Certificate>();

/** Who was seen to have signed the list, on the path of a certificate that was looked up in it. */
export function signerOnPath(list: Crl): Certificate | undefined {
  return signers.get(list);
}

/** Whether `a` was issued after `b`: by thisUpdate, and by cRLNumber where two lists are of one second. */
export function isNewer(a: Crl, b: Crl): boolean {
  return a.thisUpdate > b.thisUpdate || (a.thisUpdate === b.thisUpdate && (a.number ?? 0n) > (b.number ?? 0n));
}

export interface RevocationFacts {
  readonly lists: RevocationLists;
  /** Unix seconds. */
  readonly now: number;
  /** Beside the path, whose certificates may prove a list: the anchors of the sender. */
  readonly anchors?: readonly Pick<Anchor, "certificate">[];
}

/**
 * Looks up every certificate of a validated path, leaf first and anchor last, in the newest list of each key of its issuer. The
 * anchor itself is not looked up. The keys of an issuer are its own, and those that certificates of its name on the path or
 * among the anchors prove: it may have been given a new key, or sign its lists with another one (RFC 5280 §6.3.3 f).
 * What such a list holds is refused under every rule, and without one: it is the sender who chooses between anchors.
 * Under `prefer`, a list that is missing or not current is no refusal: what is in doubt is returned for the log. A list that no
 * key of the issuer signed says nothing, like one that is missing.
 * @throws Refusal `certificate_revoked`, `revocation_unknown`
 */
export function checkRevocation(
  path: readonly Certificate[],
  rule: RevocationRule | undefined,
  facts: RevocationFacts,
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
 * Refuses a certificate that the newest list of its issuer's own key holds. Says nothing where there is none, and remembers no signer:
 * nobody need have validated the path on which the two were met.
 * @throws Refusal `certificate_revoked`
 */
export function refuseListed(
  certificate: Certificate,
  issuer: Certificate,
  lists: RevocationLists,
  depth: number,
): void {
  const own = lists
    .get(issuer.subjectKey)
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
  /** Those about the certificate that a key of its issuer signed: of each key the newest, and the newest first. */
  readonly newest: readonly Signed[];
  /** What is wrong where there is none that may say that it is good. */
  readonly without: string;
}

function findLists(
  certificate: Certificate,
  issuer: Certificate,
  path: readonly Certificate[],
  { lists, anchors = [] }: RevocationFacts,
): Found {
  const named = lists.get(issuer.subjectKey);
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
 * The issuer, or another certificate of its name on the path or among the anchors. The issuer's own key counts also where its key usage
 * lacks cRLSign: such a list says of nothing that it is good, but what the issuer itself calls revoked is not passed over.
 */
function findSigner(
  list: Crl,
  issuer: Certificate,
  path: readonly Certificate[],
  anchors: NonNullable<RevocationFacts["anchors"]>,
): Certificate | undefined {
  const isOwn = list.isSignedBy(issuer);
  if (isOwn && maySignLists(issuer)) return issuer;
  const others = [...path.slice(1), ...anchors.map(({ certificate }) => certificate)];
  const other = others.find((one) => one.subjectKey === issuer.subjectKey && maySignLists(one) && list.isSignedBy(one));
  return other ?? (isOwn ? issuer : undefined);
}

function maySignLists({ keyUsage }: Certificate): boolean {
  return keyUsage?.cRLSign !== false;
}

function isFirstOfItsKey({ signer }: Signed, index: number, all: readonly Signed[]): boolean {
  return all.findIndex((other) => other.signer.spkiSha256 === signer.spkiSha256) === index;
}

/** A list with an issuing distribution point speaks of the certificates that name it, and of no others. */
function isCovered(certificate: Certificate, distributionPoints: readonly string[] | undefined): boolean {
  return (
    distributionPoints === undefined || distributionPoints.some((uri) => certificate.distributionPoints.includes(uri))
  );
}

/** Why no list says that the certificate is good now. */
function faultOf({ newest, without }: Found, now: number): string | undefined {
  const usable = newest.filter(({ signer }) => maySignLists(signer));
  if (usable.some(({ list }) => list.thisUpdate <= now && now <= list.nextUpdate)) return undefined;
  const list = usable[0]?.list;
  if (list === undefined) return without;
  return now < list.thisUpdate
    ? `not yet valid list (thisUpdate ${formatTime(list.thisUpdate)})`
    : `stale list (nextUpdate ${formatTime(list.nextUpdate)})`;
}
