// Reads one certificate revocation list (RFC 5280 §5) from DER, with the serial numbers in it. Does not check that the list is
// current, or that the authority named as its issuer signed it.

import { isAcceptedSignature, isSameAlgorithm, isSignedWith, readAlgorithm } from "./algorithms.ts";
import type { Certificate } from "./certificate.ts";
import { checkEntryExtensions, NO_CRL_EXTENSIONS, readCrlExtensions } from "./crl-extensions.ts";
import { type DerReader, formatHex, readDer } from "./der.ts";
import { magnitudeStart } from "./der-primitives.ts";
import * as TAG from "./der-tags.ts";
import { foldName, formatDistinguishedName, readName } from "./distinguished-name.ts";

/** The contents of one list. Times are Unix seconds. */
export interface Crl {
  /** The issuer of the list in canonical RFC 4514, and the same name folded for comparison (RFC 5280 §7.1). */
  readonly issuer: string;
  readonly foldedIssuer: string;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** The `cRLNumber` of the list. Undefined if the list has none. */
  readonly number: bigint | undefined;
  /**
   * The URIs of the list's `issuingDistributionPoint`. The list covers only the certificates that name one of these URIs. Undefined
   * if the list covers all certificates of its issuer.
   */
  readonly distributionPoints: readonly string[] | undefined;
  /** The number of serial numbers in the list. */
  readonly size: number;
  readonly der: Uint8Array;
  /** True if the list contains this serial number. `serial` is in hex, in the form of `Certificate.serial`. */
  lists(serial: string): boolean;
  /** True if `issuer`'s key signed this list. Checks nothing else of the issuer. */
  isSignedBy(issuer: Certificate): boolean;
}

/** The content of the version field for version 2. The field contains the version minus one. */
const V2 = "01";

/**
 * Reads a list from DER. Refuses what RFC 5280 forbids, unknown critical extensions, and signature algorithms that are not
 * accepted. Also refuses delta lists, indirect lists, and lists that cover only some kinds of certificates or only some reasons.
 * Accepts entries with a negative serial number or an invalid date. Reads the entries in place, because a tree of objects for a
 * million entries takes twenty seconds and 2.5 GB.
 * @throws SyntaxError
 */
export function parseCrl({ buffer, byteOffset, byteLength }: Uint8Array): Crl {
  const der = new Uint8Array(buffer, byteOffset, byteLength);
  const { signatureAlgorithm, signed, signature, serials, ...facts } = readDer(der, readSigned, { hasOddTimes: true });
  // The keys of this map are digests of issuers' public keys. The certificate object is not the key of the map, because the same
  // certificate may be parsed again as a different object.
  const signedBy = new Map<string, boolean>();
  return {
    ...facts,
    der,
    size: serials.size,
    lists: (serial) => serials.has(serialOctets(serial)),
    isSignedBy({ spkiSha256, publicKey }) {
      let verdict = signedBy.get(spkiSha256);
      if (verdict === undefined) {
        verdict = isSignedWith(signatureAlgorithm, publicKey, signed, signature);
        signedBy.set(spkiSha256, verdict);
      }
      return verdict;
    },
  };
}

/** Reads a CertificateList: the signed part, the algorithm, the signature. */
function readSigned(values: DerReader) {
  return values.members(TAG.sequence, (members) => {
    const { algorithm, ...facts } = members.members(TAG.sequence, readTbs);
    const signed = members.encoding;
    if (!isSameAlgorithm(algorithm, readAlgorithm(members))) {
      throw new SyntaxError("the two signature algorithms differ");
    }
    return { ...facts, signatureAlgorithm: algorithm.oid, signed, signature: members.bitOctets() };
  });
}

/**
 * Reads a TBSCertList, in the order of its members (RFC 5280 §5.1). Requires `nextUpdate`, because a list without it never expires.
 */
function readTbs(tbs: DerReader) {
  if (!tbs.nextIs(TAG.integer) || formatHex(tbs.unsigned()) !== V2) throw new SyntaxError("not a v2 list");
  const algorithm = readAlgorithm(tbs);
  if (!isAcceptedSignature(algorithm.oid)) {
    throw new SyntaxError(`the signature algorithm ${algorithm.oid} is not accepted`);
  }
  const issuer = readName(tbs);
  if (issuer.length === 0) throw new SyntaxError("the list names no issuer");
  const [thisUpdate, nextUpdate] = [tbs.time(), tbs.time()];
  if (nextUpdate <= thisUpdate) throw new SyntaxError("nextUpdate is not after thisUpdate");
  const serials = new Set<string>();
  if (tbs.nextIs(TAG.sequence)) tbs.each(TAG.sequence, (entries) => serials.add(readEntry(entries)));
  return {
    algorithm,
    issuer: formatDistinguishedName(issuer),
    foldedIssuer: foldName(issuer),
    thisUpdate,
    nextUpdate,
    serials,
    ...(tbs.hasMore ? tbs.members(TAG.constructed(0), readCrlExtensions) : NO_CRL_EXTENSIONS),
  };
}

/**
 * Reads an entry: serial number, revocation date, extensions. A date that is malformed is accepted, because the listed certificate
 * and the other entries must still count as revoked. Returns the serial number as text with one character for each octet, because
 * this is the smallest key that hashes well.
 */
function readEntry(entries: DerReader): string {
  return entries.members(TAG.sequence, (entry) => {
    const serial = readSerial(entry);
    entry.skipTime();
    if (entry.hasMore) checkEntryExtensions(entry);
    return serial;
  });
}

/** Accepts negative numbers. Some authorities listed negative numbers, and the other entries of such a list must still count. */
function readSerial(entry: DerReader): string {
  const { bytes, start, end } = entry.read(TAG.integer);
  const isNegative = (bytes[start] as number) >= 0x80;
  return isNegative ? `${NEGATIVE}${entry.latin1()}` : entry.latin1(magnitudeStart(bytes, start, end));
}

/**
 * The first character of the text for a negative number. The text for a non-negative number begins with this character only if the
 * number is zero, and then has no other character. So two numbers never have the same text.
 */
const NEGATIVE = "\0";

function serialOctets(hex: string): string {
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex").toString("latin1");
}

/** Writes Unix seconds as a time in UTC. */
export function formatTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000", "");
}
