// The extensions of a revocation list and of its entries (RFC 5280 §5.2 and §5.3): what of them changes the list's meaning.

import { AsnParser } from "@peculiar/asn1-schema";
import { Extension, IssuingDistributionPoint } from "@peculiar/asn1-x509";
import { Integer, Sequence } from "asn1js";
import { urisOf } from "./certificate-extensions.ts";
import { childrenOf, contentOctets, type DerWalker, formatHex, magnitudeStart, readDer } from "./der.ts";
import { MAX_SERIAL_OCTETS } from "./wire.ts";

const OID = {
  cRLNumber: "2.5.29.20",
  deltaCRLIndicator: "2.5.29.27",
  issuingDistributionPoint: "2.5.29.28",
  authorityKeyIdentifier: "2.5.29.35",
} as const;
/** authorityKeyIdentifier is a hint for finding the key, which here is that of the path. */
const UNDERSTOOD: ReadonlySet<string> = new Set(Object.values(OID));

export interface CrlExtensions {
  readonly number: bigint | undefined;
  readonly distributionPoints: readonly string[] | undefined;
}

/**
 * Reads the content of `[0] crlExtensions`.
 * @throws SyntaxError when one is repeated, malformed, critical and unknown, or makes the list of a kind that is not supported
 */
export function readCrlExtensions(der: Uint8Array | undefined): CrlExtensions {
  const values = new Map<string, Uint8Array>();
  for (const element of der === undefined ? [] : extensionsIn(der)) {
    const { extnID, critical, extnValue } = AsnParser.fromASN(element, Extension);
    if (values.has(extnID)) throw new SyntaxError(`extension ${extnID} is repeated`);
    if (critical && !UNDERSTOOD.has(extnID)) throw new SyntaxError(`critical extension ${extnID} is not understood`);
    values.set(extnID, new Uint8Array(extnValue.buffer));
  }
  if (values.has(OID.deltaCRLIndicator)) throw new SyntaxError("delta lists are not supported");
  const number = values.get(OID.cRLNumber);
  const scope = values.get(OID.issuingDistributionPoint);
  return {
    number: number && readNumber(number),
    distributionPoints: scope && readScope(scope),
  };
}

function extensionsIn(der: Uint8Array) {
  const list = readDer(der);
  if (!(list instanceof Sequence) || childrenOf(list).length === 0) {
    throw new SyntaxError("crlExtensions is not a SEQUENCE with members");
  }
  return childrenOf(list);
}

function readNumber(der: Uint8Array): bigint {
  const number = readDer(der);
  const octets = number instanceof Integer ? contentOctets(number) : new Uint8Array();
  const start = magnitudeStart(octets, 0, octets.byteLength);
  if (octets.byteLength - start > MAX_SERIAL_OCTETS) throw new SyntaxError("cRLNumber is over 20 octets");
  return BigInt(`0x${formatHex(octets.subarray(start))}`);
}

/**
 * A list that leaves out certificates, reasons or issuers says nothing of those, so it is refused rather than misread.
 * One that only names its own distribution point is accepted for the certificates that name the same point.
 */
function readScope(der: Uint8Array): string[] {
  const scope = AsnParser.fromASN(readDer(der), IssuingDistributionPoint);
  if (scope.indirectCRL) throw new SyntaxError("indirect lists are not supported");
  const isPart =
    scope.onlyContainsUserCerts ||
    scope.onlyContainsCACerts ||
    scope.onlyContainsAttributeCerts ||
    scope.onlySomeReasons !== undefined;
  if (isPart) throw new SyntaxError("partitioned lists are not supported");
  const uris = urisOf(scope.distributionPoint);
  if (uris.length === 0) throw new SyntaxError("issuingDistributionPoint names no URI");
  return uris;
}

const [BOOLEAN, OCTET_STRING, OBJECT_IDENTIFIER, SEQUENCE] = [0x01, 0x04, 0x06, 0x30] as const;
/** Contents of OBJECT IDENTIFIERs, a character an octet: 2.5.29 and the last arc. */
const CERTIFICATE_ISSUER = "\x55\x1d\x1d";
/** reasonCode, holdInstructionCode, invalidityDate: none of them makes a listed certificate less revoked. */
const UNDERSTOOD_IN_ENTRY: ReadonlySet<string> = new Set(["\x55\x1d\x15", "\x55\x1d\x17", "\x55\x1d\x18"]);

/**
 * Checks the extensions of one entry, from `start` to exactly `end`.
 * @throws SyntaxError
 */
export function checkEntryExtensions(walker: DerWalker, start: number, end: number): void {
  walker.read(start, end, SEQUENCE);
  if (walker.end !== end) throw new SyntaxError("an entry is malformed");
  for (let at = walker.content; at < end; at = walker.end) checkEntryExtension(walker, at, end);
}

/** SEQUENCE of extnID, critical DEFAULT FALSE, extnValue. Leaves the walker at its end. */
function checkEntryExtension(walker: DerWalker, start: number, limit: number): void {
  const { content, end } = walker.read(start, limit, SEQUENCE);
  const oid = walker.read(content, end, OBJECT_IDENTIFIER).text();
  const isCritical = walker.read(walker.end, end).tag === BOOLEAN;
  if (isCritical) {
    if (walker.text() !== "\xff") throw new SyntaxError("an entry is malformed");
    walker.read(walker.end, end);
  }
  if (walker.tag !== OCTET_STRING || walker.end !== end) {
    throw new SyntaxError("an entry is malformed");
  }
  if (oid === CERTIFICATE_ISSUER) throw new SyntaxError("indirect lists are not supported");
  if (isCritical && !UNDERSTOOD_IN_ENTRY.has(oid)) {
    throw new SyntaxError("a critical extension of an entry is not understood");
  }
}
