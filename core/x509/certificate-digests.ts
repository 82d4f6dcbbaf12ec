// Computes every SHA-256 digest that one certificate can have. For each ECDSA signature (r, s), anybody can compute another valid
// signature, (r, n - s) (SEC 1 §4.1.4). The certificate with the other signature has another digest.

import { sha256 } from "../crypto.ts";
import { cachedFor } from "../weak-cache.ts";
import type { Certificate } from "./certificate.ts";
import { type DerReader, formatDer, formatHex, readDer } from "./der.ts";
import * as TAG from "./der-tags.ts";

const ECDSA = "1.2.840.10045.4.3.";
/** The orders n of P-256, P-384 and P-521. */
const ORDERS = [
  BigInt("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
  BigInt(`0x${"f".repeat(48)}c7634d81f4372ddf581a0db248b0a77aecec196accc52973`),
  BigInt(`0x1${"f".repeat(65)}a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`),
];

/**
 * Returns the digest of the certificate. If its signature is ECDSA, also returns the digests that the certificate could have with
 * the other valid signature. The other signature depends on the curve of the issuer's key, which is not known here. Therefore, the
 * result has one such digest for each accepted curve.
 */
export const digestsOf = cachedFor((certificate: Certificate): readonly string[] => [
  certificate.sha256,
  ...otherDigests(certificate),
]);

function otherDigests({ base64, signatureAlgorithm }: Certificate): string[] {
  if (!signatureAlgorithm.startsWith(ECDSA)) return [];
  try {
    const { signed, r, s } = readDer(Buffer.from(base64, "base64"), readSignature);
    return ORDERS.filter((order) => s < order).map((order) => {
      const signature = formatDer(TAG.sequence, r, formatInteger(order - s));
      return sha256(formatDer(TAG.sequence, signed, formatDer(TAG.bitString, Buffer.of(0), signature)));
    });
  } catch {
    // The signature field does not contain an ECDSA signature.
    return [];
  }
}

/** Returns the DER that comes before the signature, the encoding of r, and the value of s. */
function readSignature(values: DerReader) {
  return values.members(TAG.sequence, (members) => {
    const tbs = members.read().encoding;
    const signed = Buffer.concat([tbs, members.read().encoding]);
    const [r, s] = readDer(members.bitOctets(), (signature) =>
      signature.members(TAG.sequence, (pair) => [pair.read(TAG.integer).encoding, pair.unsigned()] as const),
    );
    return { signed, r, s: BigInt(`0x${formatHex(s)}`) };
  });
}

function formatInteger(value: bigint): Buffer {
  const hex = value.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return formatDer(TAG.integer, Buffer.from(even >= "8" ? `00${even}` : even, "hex"));
}
