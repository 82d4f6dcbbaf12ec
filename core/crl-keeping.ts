// What a source of revocation lists gave, judged before it takes the place of what it gave before.

import type { Certificate } from "./certificate.ts";
import { type Crl, formatTime, parseCrl } from "./crl.ts";
import type { CrlContents } from "./crl-contents.ts";
import { isNewer, signerOnPath } from "./revocation.ts";
import { MAX_CRLS_OF_SOURCE } from "./wire.ts";

export interface CrlJudges {
  /** Certificates whose keys prove lists in their names: the anchors of the policy, and who signed lists before. */
  readonly authorities: readonly Certificate[];
  /** Of all lists of one source. */
  readonly maxBytes: number;
  /** Unix seconds. */
  readonly now: number;
}

/** The lists of a source from now on. */
export interface KeptCrls {
  /** The very array that was passed, where nothing changed. */
  readonly lists: readonly Crl[];
  /** Those that were not there before, without those in doubt. */
  readonly added: readonly Crl[];
  /** What was not taken, or is in doubt. */
  readonly faults: readonly string[];
  /** Whether a known key signed all of what was given. */
  readonly isProven: boolean;
}

/**
 * Judges each list by itself, so that one which is broken keeps back none beside it.
 * A list is proven when a key of a known authority of its name signed it, or one on the path of a certificate. Of proven lists
 * the newer one of the same key and scope stays, and nothing else takes its place. A list that is not proven stays beside them
 * until the source gives another: it may be anybody's, so neither its age nor its name counts. It has no effect but on
 * certificates whose own path proves it.
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
    if (!authorities.some(({ subjectKey }) => subjectKey === list.issuerKey)) return;
    inDoubt.add(list);
    throw new Error(`the list is not signed by the key of ${list.issuer}`);
  };

  for (const [index, der] of contents.ders.entries()) {
    try {
      take(kept.find((list) => Buffer.compare(list.der, der) === 0) ?? parseCrl(der));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      faults.push(contents.ders.length === 1 ? why : `list ${index + 1} of ${contents.ders.length}: ${why}`);
    }
  }
  const isProven = faults.length + unproven.length === 0;
  // What an answer that is not sound says nothing of stays.
  const given = [...proven, ...unproven];
  const isGiven = ({ issuerKey }: Crl) => given.some((list) => list.issuerKey === issuerKey);
  if (faults.length > 0) unproven.push(...kept.filter((list) => !isGiven(list)));
  const lists = withinLimits([...new Set([...proven, ...unproven])], judges.maxBytes, faults);
  const added = lists.filter((list) => !kept.includes(list));
  const isSame = added.length === 0 && lists.length === kept.length;
  return { lists: isSame ? kept : lists, added: added.filter((list) => !inDoubt.has(list)), faults, isProven };
}

export const NO_LIST = "it holds no revocation list";

/** The authority of its name whose key signed the list. */
function findSigner(list: Crl, authorities: readonly Certificate[]): Certificate | undefined {
  return authorities.find((authority) => authority.subjectKey === list.issuerKey && list.isSignedBy(authority));
}

/** @throws Error when the list must not replace the one kept */
function newerOf(list: Crl, kept: Crl, now: number): Crl {
  if (isNewer(kept, list)) throw new Error(`the list is older than the one kept (${formatTime(kept.thisUpdate)})`);
  if (!isNewer(list, kept)) return kept;
  // Where both are, what the newer one holds is revoked all the same.
  if (now > list.nextUpdate && now <= kept.nextUpdate) throw new Error("the list is out of date");
  return list;
}

/** Whether both are of one authority, about the same certificates. */
function isOfSameScope(a: Crl, b: Crl): boolean {
  return a.issuerKey === b.issuerKey && String(a.distributionPoints) === String(b.distributionPoints);
}

/** Those that come first, which are the proven ones. */
function withinLimits(lists: readonly Crl[], maxBytes: number, faults: string[]): readonly Crl[] {
  let bytes = 0;
  const fitting = lists.filter(({ der }, index) => {
    bytes += der.byteLength;
    return index < MAX_CRLS_OF_SOURCE && bytes <= maxBytes;
  });
  if (fitting.length < lists.length)
    faults.push(`${lists.length - fitting.length} lists are left out: with those kept they are too many, or too large`);
  return fitting;
}

/** Lists as they are kept: in DER, one after the other. One alone is the file that it was. */
export function formatCrls(lists: readonly Crl[]): Uint8Array {
  return Buffer.concat(lists.map(({ der }) => der));
}
