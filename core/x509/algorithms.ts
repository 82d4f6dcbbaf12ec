// Decides which keys and signature algorithms are accepted for client certificates, CAs and revocation lists.

import type { KeyObject } from "node:crypto";
import { verify } from "../crypto.ts";
import { MAX_RSA_BITS, MIN_RSA_BITS } from "../wire.ts";
import { type DerReader, formatHex } from "./der.ts";
import * as TAG from "./der-tags.ts";

/**
 * The accepted signature algorithms by OID: RSASSA-PKCS1-v1_5 and ECDSA with SHA-256, -384 or -512, and Ed25519. RSASSA-PSS is not
 * accepted, because its hash is in parameters that default to SHA-1.
 */
const ACCEPTED_SIGNATURES: ReadonlyMap<string, readonly [keyType: string, hash: string | null]> = new Map([
  ["1.2.840.113549.1.1.11", ["rsa", "sha256"]],
  ["1.2.840.113549.1.1.12", ["rsa", "sha384"]],
  ["1.2.840.113549.1.1.13", ["rsa", "sha512"]],
  ["1.2.840.10045.4.3.2", ["ec", "sha256"]],
  ["1.2.840.10045.4.3.3", ["ec", "sha384"]],
  ["1.2.840.10045.4.3.4", ["ec", "sha512"]],
  ["1.3.101.112", ["ed25519", null]],
]);
/**
 * The accepted curves, each with the time to verify a signature on it, as a multiple of the time for P-256. Most crypto libraries
 * have optimised code only for P-256.
 */
const ACCEPTED_CURVES: ReadonlyMap<string, number> = new Map([
  ["prime256v1", 1],
  ["secp384r1", 10],
  ["secp521r1", 25],
]);
const USUAL_RSA_BITS = 4096;
const COST_OF_LARGE_RSA = 4;

export interface AlgorithmIdentifier {
  readonly oid: string;
  /** The DER of the algorithm's parameters in hex. Empty if there are none. */
  readonly parameters: string;
}

/** Reads an AlgorithmIdentifier (RFC 5280 §4.1.1.2). @throws SyntaxError */
export function readAlgorithm(values: DerReader): AlgorithmIdentifier {
  return values.members(TAG.sequence, (members) => ({
    oid: members.oid(),
    parameters: members.hasMore ? formatHex(members.read().encoding) : "",
  }));
}

export function isSameAlgorithm(a: AlgorithmIdentifier, b: AlgorithmIdentifier): boolean {
  return a.oid === b.oid && a.parameters === b.parameters;
}

/** True if signatures with the algorithm of this OID are accepted. */
export function isAcceptedSignature(oid: string): boolean {
  return ACCEPTED_SIGNATURES.has(oid);
}

/** True if `key` made `signature` over `signed` with the algorithm of this OID. */
export function isSignedWith(oid: string, key: KeyObject, signed: Uint8Array, signature: Uint8Array): boolean {
  const accepted = ACCEPTED_SIGNATURES.get(oid);
  if (accepted === undefined || accepted[0] !== key.asymmetricKeyType) return false;
  try {
    return verify(accepted[1], signed, key, signature);
  } catch {
    // Node and workerd throw if the bytes do not have the form of a signature.
    return false;
  }
}

/**
 * Limits the exponent of an RSA key, because verifying a signature takes one squaring for each bit of the exponent. The exponents
 * in use are 3 and 65537.
 */
function isCheapExponent(exponent: bigint): boolean {
  return exponent >= 3n && exponent < 2n ** 32n;
}

export function isAcceptedKey({ asymmetricKeyType, asymmetricKeyDetails: details }: KeyObject): boolean {
  if (asymmetricKeyType === "rsa") {
    const { modulusLength = 0, publicExponent = 0n } = details ?? {};
    return modulusLength >= MIN_RSA_BITS && modulusLength <= MAX_RSA_BITS && isCheapExponent(publicExponent);
  }
  if (asymmetricKeyType === "ec") return ACCEPTED_CURVES.has(String(details?.namedCurve));
  return asymmetricKeyType === "ed25519";
}

/** Returns the time to verify a signature with this key, as a multiple of the time for P-256 (about 0.05 ms). */
export function costOfVerifying({ asymmetricKeyDetails: details }: KeyObject): number {
  if ((details?.modulusLength ?? 0) > USUAL_RSA_BITS) return COST_OF_LARGE_RSA;
  return ACCEPTED_CURVES.get(String(details?.namedCurve)) ?? 1;
}
