// Checks that a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) has the only encoding that its type permits. A key with two encodings
// would have two digests, but a policy that denies the key names only one of them.

import type { KeyObject } from "node:crypto";
import { readAlgorithm } from "./algorithms.ts";
import { type DerReader, readDer } from "./der.ts";
import * as TAG from "./der-tags.ts";
import { isLowOrderPoint, isPublicPoint } from "./ed25519-point.ts";

const RSA = "1.2.840.113549.1.1.1";
const EC = "1.2.840.10045.2.1";
const ED25519 = "1.3.101.112";
const NULL = "0500";
/** The length of an uncompressed point, by the DER of the curve's OID: P-256, P-384 and P-521 (RFC 5480 §2.1.1.1 and §2.2). */
const POINT_OCTETS: ReadonlyMap<string, number> = new Map([
  ["06082a8648ce3d030107", 65],
  ["06052b81040022", 97],
  ["06052b81040023", 133],
]);
const OID_TAG = "06";
const UNCOMPRESSED = 0x04;

/**
 * Reads a SubjectPublicKeyInfo of any kind. Returns true for RSA, for a named curve with an uncompressed point, and for Ed25519.
 * The key must be written as its RFC says (RFC 3279 §2.3.1, RFC 5480 §2, RFC 8410 §4), and it must be possible that a signature
 * matches it.
 * @throws SyntaxError
 */
export function readPublicKey(values: DerReader): boolean {
  return values.members(TAG.sequence, (members) => {
    const { oid, parameters } = readAlgorithm(members);
    const key = members.bitOctets();
    // Not every runtime accepts a curve that is not named. Such a key is refused here, so that all runtimes refuse it.
    if (oid === EC && !parameters.startsWith(OID_TAG)) throw new SyntaxError("the curve of the key is not named");
    if (oid === RSA) return parameters === NULL && readDer(key, isOddRsaKey);
    if (oid === EC) return key.length === POINT_OCTETS.get(parameters) && key[0] === UNCOMPRESSED;
    return oid === ED25519 && parameters === "" && key.length === 32 && !isLowOrderPoint(key);
  });
}

/** The modulus must be odd, because it is a product of odd primes. The exponent must be odd, because it has an inverse. */
function isOddRsaKey(values: DerReader): boolean {
  return values.members(TAG.sequence, (members) =>
    [members.unsigned(), members.unsigned()].every((number) => (number.at(-1) as number) % 2 === 1),
  );
}

/**
 * Returns true if it is possible that a signature matches the key. The key must be of an accepted kind. Only Ed25519 keys are
 * checked here, because no runtime checks that such a key is a point on the curve.
 */
export function canMatch(key: KeyObject): boolean {
  if (key.asymmetricKeyType !== "ed25519") return true;
  return isPublicPoint(Buffer.from(String(key.export({ format: "jwk" }).x), "base64url"));
}
