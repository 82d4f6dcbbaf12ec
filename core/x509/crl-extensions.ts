// Reads the extensions of a revocation list and of its entries (RFC 5280 §5.2 and §5.3). Uses only the extensions that change the
// meaning of the list or of an entry.

import { MAX_SERIAL_OCTETS } from "../wire.ts";
import { type DerReader, formatHex } from "./der.ts";
import * as TAG from "./der-tags.ts";
import { readExtensions, readValue } from "./extension.ts";
import * as OID from "./extension-oids.ts";
import { FORMS, readAuthorityKeyId, readDistributionPointName } from "./extension-values.ts";

/**
 * The extensions that may be critical. `authorityKeyIdentifier` may be critical although nothing uses its value. The value is only
 * a hint for finding the signer's key, and this key is already known from the certification path.
 */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  OID.cRLNumber,
  OID.deltaCRLIndicator,
  OID.issuingDistributionPoint,
  OID.authorityKeyIdentifier,
]);

export interface CrlExtensions {
  readonly number: bigint | undefined;
  readonly distributionPoints: readonly string[] | undefined;
}

export const NO_CRL_EXTENSIONS: CrlExtensions = { number: undefined, distributionPoints: undefined };

/**
 * Reads `crlExtensions`.
 * @throws SyntaxError if an extension is repeated, malformed, or critical and unknown, or if the kind of list is not supported
 */
export function readCrlExtensions(values: DerReader): CrlExtensions {
  const extensions = readExtensions(values);
  for (const [oid, { isCritical }] of extensions) {
    if (isCritical && !UNDERSTOOD.has(oid)) throw new SyntaxError(`critical extension ${oid} is not understood`);
  }
  if (extensions.has(OID.deltaCRLIndicator)) throw new SyntaxError("delta lists are not supported");
  for (const [oid, read] of FORMS) readValue(extensions, oid, read);
  readValue(extensions, OID.authorityKeyIdentifier, readAuthorityKeyId);
  return {
    number: readValue(extensions, OID.cRLNumber, readNumber),
    distributionPoints: readValue(extensions, OID.issuingDistributionPoint, readScope),
  };
}

function readNumber(values: DerReader): bigint {
  const octets = values.unsigned();
  if (octets.byteLength > MAX_SERIAL_OCTETS) throw new SyntaxError("cRLNumber is over 20 octets");
  return BigInt(`0x${formatHex(octets)}`);
}

/**
 * The tags in IssuingDistributionPoint that restrict a list to some certificates, reasons or issuers, in the order of the members.
 */
const ONLY_USER_CERTS = TAG.primitive(1);
const ONLY_CA_CERTS = TAG.primitive(2);
const ONLY_SOME_REASONS = TAG.primitive(3);
const INDIRECT = TAG.primitive(4);
const ONLY_ATTRIBUTE_CERTS = TAG.primitive(5);

/**
 * Returns the URIs of the list's distribution point. Refuses a list that is restricted to some certificates, reasons or issuers,
 * because such a list says nothing about the other certificates, reasons or issuers. Accepts a list that only names its
 * distribution point, for the certificates that name the same point.
 */
function readScope(values: DerReader): string[] {
  return values.members(TAG.sequence, (members) => {
    const uris = members.nextIs(TAG.constructed(0)) ? readDistributionPointName(members) : [];
    const isSet = (tag: number) => members.nextIs(tag) && members.boolean(tag);
    const isOfSomeCertificates = [isSet(ONLY_USER_CERTS), isSet(ONLY_CA_CERTS)].includes(true);
    // A list for only some reasons is refused below, so the reasons are not read.
    const isOfSomeReasons = members.nextIs(ONLY_SOME_REASONS);
    if (isSet(INDIRECT)) throw new SyntaxError("indirect lists are not supported");
    if (isSet(ONLY_ATTRIBUTE_CERTS) || isOfSomeReasons || isOfSomeCertificates) {
      throw new SyntaxError("restricted lists are not supported");
    }
    if (uris.length === 0) throw new SyntaxError("issuingDistributionPoint names no URI");
    return uris;
  });
}

/**
 * The content of `certificateIssuer`'s OBJECT IDENTIFIER (2.5.29.29), with one character for each octet. The keys of `ENTRY_FORMS`
 * have the same form.
 */
const CERTIFICATE_ISSUER = "\x55\x1d\x1d";
/**
 * Checks the form of `reasonCode`, `holdInstructionCode` and `invalidityDate`. Their values are not used, because a listed
 * certificate is revoked in any case.
 */
const ENTRY_FORMS: ReadonlyMap<string, (values: DerReader) => void> = new Map([
  ["\x55\x1d\x15", (values) => void values.read(TAG.enumerated)],
  ["\x55\x1d\x17", (values) => void values.read(TAG.oid)],
  ["\x55\x1d\x18", (values) => values.skipTime()],
]);

/**
 * Reads the extensions of one entry in place, because a list may have a million entries. Accepts an empty SEQUENCE, because some
 * libraries write it although RFC 5280 forbids it.
 * @throws SyntaxError
 */
export function checkEntryExtensions(entry: DerReader): void {
  // Most entries have only one extension. So the set of OIDs is made only if there is a second extension.
  let seen: Set<string> | undefined;
  entry.members(TAG.sequence, (extensions) => {
    while (extensions.hasMore) {
      const oid = extensions.members(TAG.sequence, checkEntryExtension);
      if (seen?.has(oid)) throw new SyntaxError("an extension of an entry is repeated");
      if (extensions.hasMore) seen = (seen ?? new Set()).add(oid);
    }
  });
}

/** Reads one extension, and returns its OID. The members are `extnID`, `critical` DEFAULT FALSE, and `extnValue`. */
function checkEntryExtension(members: DerReader): string {
  const oid = members.read(TAG.oid).latin1();
  const isCritical = members.nextIs(TAG.boolean) && members.boolean();
  members.read(TAG.octetString);
  if (oid === CERTIFICATE_ISSUER) throw new SyntaxError("indirect lists are not supported");
  const read = ENTRY_FORMS.get(oid);
  if (read !== undefined) members.held(read);
  else if (isCritical) throw new SyntaxError("a critical extension of an entry is not understood");
  return oid;
}
