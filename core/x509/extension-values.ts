// Reads the values of the extensions that RFC 5280 defines for certificates and lists. Extensions that decide nothing must have the
// right form too, because an authority that signs malformed extensions did not check what it signs.

import { type DerReader, formatHex } from "./der.ts";
import { readTime } from "./der-primitives.ts";
import * as TAG from "./der-tags.ts";
import { readRelativeName } from "./distinguished-name.ts";
import { readLocation, readLocations } from "./general-name.ts";

/** Reads BasicConstraints. The members are `cA` DEFAULT FALSE and `pathLenConstraint` OPTIONAL. */
export function readBasicConstraints(values: DerReader) {
  return values.members(TAG.sequence, (members) => {
    const isCa = members.nextIs(TAG.boolean) && members.boolean();
    const pathLength = members.hasMore ? Number(`0x${formatHex(members.unsigned())}`) : undefined;
    return { isCa, pathLength };
  });
}

export function readKeyUsage(values: DerReader) {
  const bit = values.namedBits();
  return { digitalSignature: bit(0), keyCertSign: bit(5), cRLSign: bit(6) };
}

export function readExtendedKeyUsage(values: DerReader): string[] {
  return values.list(TAG.sequence, (usages) => usages.oid());
}

export function readSubjectKeyId(values: DerReader): string {
  return formatHex(values.read(TAG.octetString).content);
}

/**
 * Returns the key identifier in hex. The members are [0] `keyIdentifier` OPTIONAL, then [1] `authorityCertIssuer` and [2]
 * `authorityCertSerialNumber`. The last two members are both present or both absent.
 */
export function readAuthorityKeyId(values: DerReader): string | undefined {
  return values.members(TAG.sequence, (members) => {
    const keyId = members.nextIs(TAG.primitive(0)) ? formatHex(members.read(TAG.primitive(0)).content) : undefined;
    if (members.hasMore) {
      readLocations(members, TAG.constructed(1));
      members.skipInteger(TAG.primitive(2));
    }
    return keyId;
  });
}

/**
 * Returns the URIs of `cRLDistributionPoints` or `freshestCRL`. Leaves out points that cover only some revocation reasons, and
 * points whose list is issued by another authority.
 */
export function readDistributionPoints(values: DerReader): string[] {
  return values.list(TAG.sequence, readDistributionPoint).flat();
}

/** The members are [0] `distributionPoint`, [1] `reasons`, [2] `cRLIssuer`, all OPTIONAL. A point must not have only reasons. */
function readDistributionPoint(points: DerReader): string[] {
  return points.members(TAG.sequence, (members) => {
    const uris = members.nextIs(TAG.constructed(0)) ? readDistributionPointName(members) : undefined;
    const isSomeReasons = members.nextIs(TAG.primitive(1));
    if (isSomeReasons) members.namedBits(TAG.primitive(1));
    const isOfAnother = members.nextIs(TAG.constructed(2));
    if (isOfAnother) readLocations(members, TAG.constructed(2));
    if (uris === undefined && !isOfAnother) throw new SyntaxError("a distribution point names no list");
    return isSomeReasons || isOfAnother ? [] : (uris ?? []);
  });
}

/** Returns the URIs of a `[0] DistributionPointName`, a choice of [0] `fullName` and [1] `nameRelativeToCRLIssuer`. */
export function readDistributionPointName(values: DerReader): string[] {
  return values.members(TAG.constructed(0), (choice) => {
    if (choice.nextIs(TAG.constructed(0))) return readLocations(choice, TAG.constructed(0));
    readRelativeName(choice, TAG.constructed(1));
    return [];
  });
}

const QUALIFIER = { cps: "1.3.6.1.5.5.7.2.1", userNotice: "1.3.6.1.5.5.7.2.2" };

/** Reads `certificatePolicies`. Returns true if RFC 5280 §4.2.1.4 defines every qualifier in it. */
export function readCertificatePolicies(values: DerReader): boolean {
  const seen = new Set<string>();
  const isKnown = values.list(TAG.sequence, (policies) =>
    policies.members(TAG.sequence, (members) => {
      const oid = members.oid();
      if (seen.has(oid)) throw new SyntaxError(`policy ${oid} is repeated`);
      seen.add(oid);
      return members.hasMore ? members.list(TAG.sequence, readQualifier).every(Boolean) : true;
    }),
  );
  return isKnown.every(Boolean);
}

function readQualifier(qualifiers: DerReader): boolean {
  return qualifiers.members(TAG.sequence, (members) => {
    const oid = members.oid();
    if (oid === QUALIFIER.cps) members.read(TAG.ia5).content;
    else if (oid === QUALIFIER.userNotice) members.members(TAG.sequence, skipUserNotice);
    else members.read();
    return oid === QUALIFIER.cps || oid === QUALIFIER.userNotice;
  });
}

/** Skips a UserNotice. The members are `noticeRef` OPTIONAL and `explicitText` OPTIONAL. */
function skipUserNotice(notice: DerReader): void {
  if (notice.nextIs(TAG.sequence)) {
    notice.members(TAG.sequence, (reference) => {
      skipDisplayText(reference);
      reference.members(TAG.sequence, (numbers) => {
        while (numbers.hasMore) numbers.skipInteger();
      });
    });
  }
  if (notice.hasMore) skipDisplayText(notice);
}

const DISPLAY_TEXTS: ReadonlySet<number> = new Set([TAG.ia5, TAG.visible, TAG.bmp, TAG.utf8]);

function skipDisplayText(values: DerReader): void {
  if (!DISPLAY_TEXTS.has(values.read().tag)) throw new SyntaxError("a notice is no text");
}

/** Extensions whose values are not used, by OID. Only their form is checked. */
export const FORMS: ReadonlyMap<string, (values: DerReader) => void> = new Map([
  // `privateKeyUsagePeriod`: [0] `notBefore`, [1] `notAfter`.
  ["2.5.29.16", skipPrivateKeyUsagePeriod],
  // `subjectDirectoryAttributes`: each attribute is an OID and a SET of any values.
  ["2.5.29.9", (values) => skipAll(values, (members) => [members.oid(), members.list(TAG.set, (set) => set.read())])],
  // `issuerAltName`: GeneralNames.
  ["2.5.29.18", (values) => void readLocations(values, TAG.sequence)],
  // `policyMappings`: each mapping has two OIDs.
  ["2.5.29.33", (values) => skipAll(values, (members) => [members.oid(), members.oid()])],
  // `freshestCRL`: the same form as `cRLDistributionPoints`.
  ["2.5.29.46", (values) => void readDistributionPoints(values)],
  // `authorityInfoAccess` and `subjectInfoAccess`: each description has an OID and a GeneralName.
  ["1.3.6.1.5.5.7.1.1", skipAccessDescriptions],
  ["1.3.6.1.5.5.7.1.11", skipAccessDescriptions],
]);

/** Reads a SEQUENCE of SEQUENCEs. `skip` reads the members of each inner SEQUENCE. */
function skipAll(values: DerReader, skip: (members: DerReader) => unknown): void {
  values.list(TAG.sequence, (each) => each.members(TAG.sequence, skip));
}

function skipAccessDescriptions(values: DerReader): void {
  skipAll(values, (members) => [members.oid(), readLocation(members)]);
}

function skipPrivateKeyUsagePeriod(values: DerReader): void {
  values.members(TAG.sequence, (members) => {
    for (const tag of [TAG.primitive(0), TAG.primitive(1)])
      if (members.nextIs(tag)) readTime(members.read(tag).latin1());
  });
}
