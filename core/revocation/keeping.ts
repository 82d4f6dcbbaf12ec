// Decides which of the kept revocation lists are replaced when a source answers again.

import { messageOf } from "../failure-chain.ts";
import { MAX_CRLS_OF_SOURCE } from "../wire.ts";
import type { Certificate } from "../x509/certificate.ts";
import { type Crl, formatTime, parseCrl } from "../x509/crl.ts";
import type { CrlContents } from "../x509/crl-contents.ts";
import { isNewer, signerOnPath } from "./revocation.ts";

export interface CrlJudges {
  /**
   * The certificates whose keys may verify lists: the anchors of the policy, and earlier signers of lists. A certificate verifies a
   * list only if its subject is the issuer of the list.
   */
  readonly authorities: readonly Certificate[];
  /** The limit in bytes for all lists of one source together. */
  readonly maxBytes: number;
  /** Unix seconds. */
  readonly now: number;
}

/** The lists to keep for a source. */
export interface KeptCrls {
  /** If nothing changed, this is the same array object that was passed to `keepCrls`. */
  readonly lists: readonly Crl[];
  /**
   * Lists that are new and not in doubt. A list is in doubt if it names a known authority as its issuer, but no known key of this
   * authority signed it.
   */
  readonly added: readonly Crl[];
  /** The reasons why lists were not kept, or are in doubt. */
  readonly faults: readonly string[];
  /** True if known keys signed every list of the answer, and the answer has no fault. */
  readonly isProven: boolean;
}

/**
 * Decides about each list of an answer separately, so that a broken list does not affect the others.
 * - A list is proven if its signer is a known authority with the list's issuer name, or a certificate on a certification path that
 * was verified.
 * - Of proven lists with the same key and scope, the newer one is kept. Nothing else replaces a proven list.
 * - An unproven list is kept in addition, whatever its age or name, until the source sends other lists. It must not replace any
 * list, because anybody may have made it. It has an effect on a certificate only if the signer of the list is on the certification
 * path of this certificate.
 */
export function keepCrls(contents: CrlContents, kept: readonly Crl[], judges: CrlJudges): KeptCrls {
  const { authorities, now } = judges;
  const faults = [...contents.faults];
  if (contents.ders.length === 0 && faults.length === 0) faults.push(NO_LIST);
  const keyOf = (list: Crl) => (findSigner(list, authorities) ?? signerOnPath(list))?.spkiSha256;
  let proven = kept.filter((list) => keyOf(list) !== undefined);
  const unproven: Crl[] = [];
  const inDoubt = new Set<Crl>();

  const take = (list: Crl): void => {
    if (now < list.thisUpdate) throw new Error("the list is not yet valid");
    const key = keyOf(list);
    if (key !== undefined) {
      const rival = proven.find((other) => isOfSameScope(list, other) && keyOf(other) === key);
      const chosen = rival === undefined ? list : newerOf(list, rival, now);
      proven = [...proven.filter((other) => other !== rival), chosen];
      return;
    }
    unproven.push(list);
    if (!authorities.some(({ foldedSubject }) => foldedSubject === list.foldedIssuer)) return;
    inDoubt.add(list);
    throw new Error(`the list is not signed by the key of ${list.issuer}`);
  };

  for (const [index, der] of contents.ders.entries()) {
    try {
      take(kept.find((list) => Buffer.compare(list.der, der) === 0) ?? parseCrl(der));
    } catch (error) {
      const why = messageOf(error);
      faults.push(contents.ders.length === 1 ? why : `list ${index + 1} of ${contents.ders.length}: ${why}`);
    }
  }
  const isProven = faults.length + unproven.length === 0;
  // If the answer has faults, it may lack the lists of an issuer by mistake. So a kept list stays if the answer has no list of the
  // same issuer.
  const given = [...proven, ...unproven];
  const isGiven = ({ foldedIssuer }: Crl) => given.some((list) => list.foldedIssuer === foldedIssuer);
  if (faults.length > 0) unproven.push(...kept.filter((list) => !isGiven(list)));
  const lists = withinLimits([...new Set([...proven, ...unproven])], judges.maxBytes, faults);
  const added = lists.filter((list) => !kept.includes(list));
  const isSame = added.length === 0 && lists.length === kept.length;
  return { lists: isSame ? kept : lists, added: added.filter((list) => !inDoubt.has(list)), faults, isProven };
}

export const NO_LIST = "it holds no revocation list";

/** Finds the authority with the list's issuer name whose key signed the list. */
function findSigner(list: Crl, authorities: readonly Certificate[]): Certificate | undefined {
  return authorities.find((authority) => authority.foldedSubject === list.foldedIssuer && list.isSignedBy(authority));
}

/** @throws Error if `list` must not replace `kept` */
function newerOf(list: Crl, kept: Crl, now: number): Crl {
  if (isNewer(kept, list)) throw new Error(`the list is older than the one kept (${formatTime(kept.thisUpdate)})`);
  if (!isNewer(list, kept)) return kept;
  // A list that is out of date must not replace a list that is current. If both are out of date, the newer list is used, because
  // its entries are still revoked.
  if (now > list.nextUpdate && now <= kept.nextUpdate) throw new Error("the list is out of date");
  return list;
}

/** True if both lists have the same issuer and cover the same certificates. */
function isOfSameScope(a: Crl, b: Crl): boolean {
  return a.foldedIssuer === b.foldedIssuer && String(a.distributionPoints) === String(b.distributionPoints);
}

/** Keeps the first lists, up to the limits. Proven lists come first. */
function withinLimits(lists: readonly Crl[], maxBytes: number, faults: string[]): readonly Crl[] {
  let bytes = 0;
  const fitting = lists.filter(({ der }, index) => {
    bytes += der.byteLength;
    return index < MAX_CRLS_OF_SOURCE && bytes <= maxBytes;
  });
  if (fitting.length < lists.length)
    faults.push(
      `${lists.length - fitting.length} lists are left out: together with those kept they are too many, or too large`,
    );
  return fitting;
}

/**
 * Returns lists in the form in which they are stored: their DER, concatenated. A single list gives the same file as in earlier
 * versions.
 */
export function formatCrls(lists: readonly Crl[]): Uint8Array {
  return Buffer.concat(lists.map(({ der }) => der));
}
