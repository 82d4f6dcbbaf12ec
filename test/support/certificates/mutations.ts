// Makes random damage to a certificate: to its octets or to its tree of DER values. The certificate keeps its old signature or gets
// a new one.

import { sign } from "node:crypto";
import fc from "fast-check";
import { ECDSA_SHA256 } from "../fixtures/issue.ts";
import {
  concat,
  decode,
  encode,
  fromBase64,
  members,
  oid,
  sequence,
  TAG,
  type Tlv,
  tlv,
  toBase64,
} from "./der-edit.ts";
import { FIELD, readParts } from "./edit.ts";

/** A function that returns damaged octets. The same input always gives the same result. */
type Damage = (der: Uint8Array) => Uint8Array;

const TAGS = [...Object.values(TAG), 0x00, 0x05, 0x0a, 0x1f, 0x24, 0x80, 0x82, 0xa0, 0xa3, 0xbf, 0xff];
const LENGTHS = [0x00, 0x01, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x84, 0x88, 0xff];
const tags = fc.constantFrom(...TAGS);
const anywhere = fc.nat(0xffff);

const flips: fc.Arbitrary<Damage> = fc
  .array(fc.tuple(anywhere, fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 })
  .map((changes) => (der) => {
    const changed = der.slice();
    for (const [at, mask] of changes) changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ mask;
    return changed;
  });
const cut: fc.Arbitrary<Damage> = anywhere.map((at) => (der) => der.subarray(0, at % der.length));
const repeat: fc.Arbitrary<Damage> = fc.tuple(anywhere, anywhere).map(([from, size]) => (der) => {
  const start = from % der.length;
  const end = Math.min(der.length, start + 1 + (size % 64));
  return concat(der.subarray(0, end), der.subarray(start, end), der.subarray(end));
});
/** Changes the identifier octet of a DER value, or the first octet of its length. */
const header = (octets: fc.Arbitrary<number>, shift: 0 | 1): fc.Arbitrary<Damage> =>
  fc.tuple(anywhere, octets).map(([nth, octet]) => (der) => {
    const offsets = headersOf(der);
    const changed = der.slice();
    changed[(offsets[nth % offsets.length] ?? 0) + shift] = octet;
    return changed;
  });
/** Changes the tree of DER values. Afterwards, the lengths are corrected. */
const tree: fc.Arbitrary<Damage> = fc
  .tuple(anywhere, fc.constantFrom("replace", "remove", "repeat"), tags, fc.uint8Array({ maxLength: 12 }))
  .map(([nth, kind, tag, content]) => (der) => {
    const root = decode(der);
    const places = placesIn(members(root));
    const [siblings, at] = places[nth % places.length] as Place;
    const old = siblings[at] as Tlv;
    siblings.splice(at, 1, ...(kind === "replace" ? [{ tag, content }] : kind === "repeat" ? [old, old] : []));
    return encode(root);
  });

export const damages: fc.Arbitrary<Damage> = fc.oneof(
  flips,
  cut,
  repeat,
  header(tags, 0),
  header(fc.constantFrom(...LENGTHS), 1),
  tree,
);

/**
 * Damages the TBSCertificate of a certificate. Returns the certificate with a new signature of the issuer over the damaged part.
 */
export function damageSigned(base64: string, signer: { readonly keyPem: string }, damage: Damage): Uint8Array {
  const tbs = damage(encode(sequence(...readParts(base64).tbs)));
  const signature = sign("sha256", tbs, signer.keyPem);
  const rest = [ECDSA_SHA256.identifier, tlv(TAG.bitString, concat(Uint8Array.of(0), signature))].map(encode);
  const body = concat(tbs, ...rest);
  const whole = encode(tlv(TAG.octetString, body));
  whole[0] = TAG.sequence;
  return whole;
}

export const damageUnsigned = (base64: string, damage: Damage): Uint8Array => damage(fromBase64(base64));

const COMMON_NAME = encode(oid("2.5.4.3"));
const BASIC_CONSTRAINTS = encode(oid("2.5.29.19"));
const isEncoded = (node: Tlv | undefined, expected: Uint8Array) =>
  node !== undefined && Buffer.compare(encode(node), expected) === 0;

/**
 * Returns the texts of all commonName attributes in the subject. This test code reads them itself, because no library can load
 * every damaged certificate.
 */
export function commonNamesOf(der: Uint8Array): string[] {
  const tbs = members(members(decode(der))[0]);
  const attributes = members(tbs[FIELD.subject]).flatMap(members).map(members);
  return attributes
    .filter(([type]) => isEncoded(type, COMMON_NAME))
    .map(([, value]) => Buffer.from((value as Tlv).content as Uint8Array).toString());
}

/** Is true if the extension `basicConstraints` of the certificate says that it is a CA. */
export function isMarkedCa(der: Uint8Array): boolean {
  const extension = readParts(toBase64(der))
    .extensions.map(members)
    .find(([type]) => isEncoded(type, BASIC_CONSTRAINTS));
  const [cA] = members(decode(extension?.at(-1)?.content as Uint8Array));
  // DER allows only one octet for TRUE (0xff). BER allows every octet except 0. OpenSSL and this function accept all that BER
  // allows.
  return cA?.tag === TAG.boolean && (cA.content as Uint8Array)[0] !== 0;
}

type Place = readonly [siblings: Tlv[], at: number];

function placesIn(siblings: Tlv[]): Place[] {
  return siblings.flatMap((node, at): Place[] => [
    [siblings, at],
    ...(node.content instanceof Uint8Array ? [] : placesIn(node.content)),
  ]);
}

/** Returns the offset of each DER value in an intact certificate, including the values inside extensions. */
function headersOf(der: Uint8Array, start = 0, end = der.length): number[] {
  const offsets: number[] = [];
  for (let at = start; at < end; ) {
    const size = der[at + 1] ?? 0;
    const content = at + 2 + (size < 0x80 ? 0 : size & 0x7f);
    const length = size < 0x80 ? size : der.subarray(at + 2, content).reduce((sum, octet) => sum * 256 + octet, 0);
    const tag = der[at] ?? 0;
    offsets.push(at);
    // The OCTET STRING of an extension contains DER. This inner DER may be another OCTET STRING, as in the extension for key
    // identifiers.
    const holdsMore = (tag & 0x20) !== 0 || (tag === TAG.octetString && isOneValue(der, content, content + length));
    if (holdsMore) offsets.push(...headersOf(der, content, content + length));
    at = content + length;
  }
  return offsets;
}

const isOneValue = (der: Uint8Array, start: number, end: number): boolean =>
  end - start > 2 && [0x30, 0x03, 0x04].includes(der[start] ?? 0) && start + 2 + (der[start + 1] ?? 0) === end;
