// Whether the certificates of a path are revoked, by the lists that are loaded now (RFC 5280 §6.3, complete lists only).
// A verdict is made for each request and kept nowhere.

import type { Certificate } from "./certificate.ts";
import { type Crl, formatTime } from "./crl.ts";
import type { RevocationRule } from "./policy.ts";
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
}

/**
 * Looks up every certificate of a validated path, leaf first and anchor last, in the newest list that the key of the
 * certificate above it signed. The anchor itself is not looked up.
 * What such a list holds is refused under every rule, and without one: it is the sender who chooses between anchors.
 * Under `prefer`, a list that is missing or not current is no refusal: what is in doubt is returned for the log.
 * A list in an issuer's name that the issuer may not or did not sign is refused under either: somebody replaced it.
 * @throws Refusal `certificate_revoked`, `revocation_unknown`
 */
export function checkRevocation(
  path: readonly Certificate[],
  rule: RevocationRule | undefined,
  { lists, now }: RevocationFacts,
): string | undefined {
  if (rule === undefined && lists.size === 0) return undefined;
  let first: Fault | undefined;
  for (const [depth, certificate] of path.slice(0, -1).entries()) {
    const issuer = path[depth + 1] as Certificate;
    const found = findList(certificate, issuer, lists);
    if (found.list?.lists(certificate.serial)) {
      const revoked = { subject: certificate.subjectText, serial: certificate.serial, depth };
      const { thisUpdate } = found.list;
      throw new Refusal("certificate_revoked", { revoked, authority: issuer.subjectText, thisUpdate });
    }
    const fault = rule && (found.forgery ?? faultOf(found.list, now));
    if (fault !== undefined && (first === undefined || fault.isForged)) {
      first = { ...fault, what: `${fault.what} of ${issuer.subjectText}` };
    }
  }
  if (first?.isForged || (first && rule?.freshness === "require"))
    throw new Refusal("revocation_unknown", { list: first.what });
  return first?.what;
}

/** Why a list cannot answer. */
interface Fault {
  readonly what: string;
  /** Not a matter of time: it is not the issuer's list at all. */
  readonly isForged: boolean;
}

interface Found {
  /** The newest one about this certificate that its issuer's key signed. */
  readonly list: Crl | undefined;
  readonly forgery: Fault | undefined;
}

function findList(certificate: Certificate, issuer: Certificate, lists: RevocationLists): Found {
  const named = lists.get(issuer.subjectKey) ?? [];
  const signed = named.filter((list) => list.isSignedBy(issuer));
  for (const list of signed) signers.set(list, issuer);
  const list = signed.find(({ distributionPoints }) => isCovered(certificate, distributionPoints));
  if (named.length === 0) return { list, forgery: undefined };
  const forged = (what: string) => ({ list, forgery: { what, isForged: true } });
  if (issuer.keyUsage?.cRLSign === false) return forged("no cRLSign in the key usage");
  return signed.length === 0 ? forged("list without the signature") : { list, forgery: undefined };
}

/** A list with an issuing distribution point speaks of the certificates that name it, and of no others. */
function isCovered(certificate: Certificate, distributionPoints: readonly string[] | undefined): boolean {
  return (
    distributionPoints === undefined || distributionPoints.some((uri) => certificate.distributionPoints.includes(uri))
  );
}

function faultOf(list: Crl | undefined, now: number): Fault | undefined {
  const late = (what: string): Fault => ({ what, isForged: false });
  if (list === undefined) return late("missing list");
  if (now > list.nextUpdate) return late(`stale list (nextUpdate ${formatTime(list.nextUpdate)})`);
  if (now < list.thisUpdate) return late(`not yet valid list (thisUpdate ${formatTime(list.thisUpdate)})`);
  return undefined;
}
