// SubjectPublicKeyInfo (RFC 5280 §4.1.2.7): whether a key is written in the one way that its kind has. A key with two
// spellings has two digests, and a policy that denies it names one.

import type { KeyObject } from "node:crypto";
import { readAlgorithm } from "./algorithms.ts";
import { type DerReader, readDer } from "./der.ts";
import { TAG } from "./der-tags.ts";
import { isLowOrderPoint, isPublicPoint } from "./ed25519-point.ts";

const RSA = "1.2.840.113549.1.1.1";
const EC = "1.2.840.10045.2.1";
const ED25519 = "1.3.101.112";
const NULL = "0500";
/** The octets of an uncompressed point by the DER of the curve's OID: P-256, P-384 and P-521 (RFC 5480 §2.1.1.1 and §2.2). */
const POINT_OCTETS: ReadonlyMap<string, number> = new Map([
  ["06082a8648ce3d030107", 65],
  ["06052b81040022", 97],
  ["06052b81040023", 133],
]);
const OID_TAG = "06";
const UNCOMPRESSED = 0x04;

/**
 * Reads a SubjectPublicKeyInfo of any kind. True for RSA, for a curve by its name with an uncompressed point, and for
 * Ed25519, each as its RFC writes it (3279 §2.3.1, 5480 §2, 8410 §4), unless no signature can match.
 * @throws SyntaxError
 */
export function readPublicKey(values: DerReader): boolean {
  return values.members(TAG.sequence, (members) => {
    const { oid, parameters } = readAlgorithm(members);
    const key = members.bitOctets();
    // Not every runtime can hold such a key: refused here, it is refused alike by all.
    if (oid === EC && !parameters.startsWith(OID_TAG)) throw new SyntaxError("the curve of the key is not named");
    if (oid === RSA) return parameters === NULL && readDer(key, isOddRsaKey);
    if (oid === EC) return key.length === POINT_OCTETS.get(parameters) && key[0] === UNCOMPRESSED;
    return oid === ED25519 && parameters === "" && key.length === 32 && !isLowOrderPoint(key);
  });
}

/** A product of odd primes, and an exponent with an inverse, are odd. */
function isOddRsaKey(values: DerReader): boolean {
  return values.members(TAG.sequence, (members) =>
    [members.unsigned(), members.unsigned()].every((number) => (number.at(-1) as number) % 2 === 1),
  );
}

/** Whether any signature can match a key that is accepted: of Ed25519, no runtime looks whether it is a point. */
export function canMatch(key: KeyObject): boolean {
  if (key.asymmetricKeyType !== "ed25519") return true;
  return isPublicPoint(Buffer.from(String(key.export({ format: "jwk" }).x), "base64url"));
}
