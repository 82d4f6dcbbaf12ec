// DER to Crl: one certificate revocation list (RFC 5280 §5), with the serial numbers that it holds.
// Nothing here says that a list is current, or that the authority that it names signed it.

import { AsnParser } from "@peculiar/asn1-schema";
import { AlgorithmIdentifier } from "@peculiar/asn1-x509";
import { isAcceptedSignature, verifySignature } from "./algorithms.ts";
import type { Certificate } from "./certificate.ts";
import { checkEntryExtensions, readCrlExtensions } from "./crl-extensions.ts";
import { DerWalker, magnitudeStart, readDer, readTime } from "./der.ts";
import { formatDistinguishedName, nameKey, readName } from "./distinguished-name.ts";

/** The facts of one list. Times are Unix seconds. */
export interface Crl {
  /** The name of its issuer in canonical RFC 4514, and as the key for chaining (RFC 5280 §7.1). */
  readonly issuer: string;
  readonly issuerKey: string;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** cRLNumber, where it has one. */
  readonly number: bigint | undefined;
  /** URIs of its issuingDistributionPoint: it speaks only of certificates that name one of them. Undefined: of all. */
  readonly distributionPoints: readonly string[] | undefined;
  /** Serial numbers listed. */
  readonly size: number;
  readonly der: Uint8Array;
  /** Whether the list holds this serial number, in hex as Certificate has it. */
  lists(serial: string): boolean;
  /** Whether `issuer`'s key signed this list. Nothing else about the issuer is looked at. */
  isSignedBy(issuer: Certificate): boolean;
}

const V2 = Uint8Array.of(2, 1, 1);
const TAG = { integer: 0x02, bitString: 0x03, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30, extensions: 0xa0 };

/**
 * Reads a list from DER.
 * Refuses what RFC 5280 forbids, unknown critical extensions, delta, indirect and partitioned lists, and signature
 * algorithms that are not accepted. The entries are walked in place: as a tree of objects a million of them take
 * twenty seconds and 2.5 GB.
 * @throws Error
 */
export function parseCrl({ buffer, byteOffset, byteLength }: Uint8Array): Crl {
  const der = new Uint8Array(buffer, byteOffset, byteLength);
  const walker = new DerWalker(der);
  const { content, end } = walker.read(0, byteLength, TAG.sequence);
  if (end !== byteLength) throw new SyntaxError("trailing bytes after the list");
  const tbs = spanOf(walker.read(content, end, TAG.sequence));
  const algorithm = spanOf(walker.read(tbs.end, end, TAG.sequence));
  const bits = spanOf(walker.read(algorithm.end, end, TAG.bitString));
  if (bits.end !== end || der[bits.content] !== 0) throw new SyntaxError("the signature is malformed");
  const signed = der.subarray(tbs.start, tbs.end);
  const signature = der.subarray(bits.content + 1, bits.end);
  const { signatureAlgorithm, serials, ...facts } = readTbs(walker, tbs, der.subarray(algorithm.start, algorithm.end));
  // By the key's digest, which outlives the certificate objects that are parsed again.
  const signedBy = new Map<string, boolean>();
  return {
    ...facts,
    der,
    size: serials.size,
    lists: (serial) => serials.has(serialOctets(serial)),
    isSignedBy({ spkiSha256, publicKey }) {
      let verdict = signedBy.get(spkiSha256);
      if (verdict === undefined) {
        verdict = verifySignature(signatureAlgorithm, publicKey, signed, signature);
        signedBy.set(spkiSha256, verdict);
      }
      return verdict;
    },
  };
}

type Span = Readonly<Pick<DerWalker, "tag" | "start" | "content" | "end">>;

function spanOf({ tag, start, content, end }: DerWalker): Span {
  return { tag, start, content, end };
}

/** Tags of version, signature, issuer, thisUpdate, nextUpdate, revokedCertificates OPTIONAL, [0] crlExtensions OPTIONAL. */
const TBS_CERT_LIST = /^2,30,30,1[78],1[78](,30)?(,a0)?$/;

function readTbs(walker: DerWalker, tbs: Span, outerAlgorithm: Uint8Array) {
  const { bytes } = walker;
  const fields: Span[] = [];
  for (let at = tbs.content; at < tbs.end; at = walker.end) fields.push(spanOf(walker.read(at, tbs.end)));
  if (!TBS_CERT_LIST.test(fields.map(({ tag }) => tag.toString(16)).join())) {
    throw new SyntaxError("a field is missing or of another type, for example nextUpdate");
  }
  const [version, algorithm, issuer, thisUpdate, nextUpdate, ...rest] = fields as [
    Span,
    Span,
    Span,
    Span,
    Span,
    ...Span[],
  ];
  const der = ({ start, end }: Span) => bytes.subarray(start, end);
  const revoked = rest.find(({ tag }) => tag === TAG.sequence);
  const extensions = rest.find(({ tag }) => tag === TAG.extensions);
  if (Buffer.compare(der(version), V2) !== 0) throw new SyntaxError("not a v2 list");
  if (Buffer.compare(der(algorithm), outerAlgorithm) !== 0)
    throw new SyntaxError("the two signature algorithms differ");
  const { algorithm: signatureAlgorithm } = AsnParser.fromASN(readDer(outerAlgorithm), AlgorithmIdentifier);
  if (!isAcceptedSignature(signatureAlgorithm)) {
    throw new SyntaxError(`the signature algorithm ${signatureAlgorithm} is not accepted`);
  }
  const name = readName(readDer(der(issuer)));
  return {
    signatureAlgorithm,
    issuer: formatDistinguishedName(name),
    issuerKey: nameKey(name),
    ...readUpdates(der(thisUpdate), der(nextUpdate)),
    ...readCrlExtensions(extensions && bytes.subarray(extensions.content, extensions.end)),
    serials: revoked === undefined ? new Set<string>() : readSerials(walker, revoked),
  };
}

function readUpdates(thisUpdate: Uint8Array, nextUpdate: Uint8Array) {
  const times = { thisUpdate: readTime(readDer(thisUpdate)), nextUpdate: readTime(readDer(nextUpdate)) };
  if (times.nextUpdate <= times.thisUpdate) throw new SyntaxError("nextUpdate is not after thisUpdate");
  return times;
}

/**
 * Reads the entries: serial number, revocation date, extensions. When and why does not matter: what is listed is revoked.
 * The set holds the serials' octets as text of as many characters, the smallest key that hashes well.
 */
function readSerials(walker: DerWalker, revoked: Span): Set<string> {
  const { bytes } = walker;
  const serials = new Set<string>();
  for (let at = revoked.content; at < revoked.end; ) {
    const { content, end } = walker.read(at, revoked.end, TAG.sequence);
    walker.read(content, end, TAG.integer);
    serials.add(walker.text(magnitudeStart(bytes, walker.content, walker.end)));
    walker.read(walker.end, end);
    if (walker.tag !== TAG.utcTime && walker.tag !== TAG.generalizedTime) {
      throw new SyntaxError("an entry has no revocation date");
    }
    if (walker.end < end) checkEntryExtensions(walker, walker.end, end);
    at = end;
  }
  return serials;
}

function serialOctets(hex: string): string {
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex").toString("latin1");
}

/** Unix seconds as an instant in UTC. */
export function formatTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000", "");
}
