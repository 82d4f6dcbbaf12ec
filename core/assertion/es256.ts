// Verifies ES256 signatures (RFC 7518 §3.4) with node:crypto, which is faster, or with Web Crypto if the runtime's node:crypto
// accepts signatures only in DER. The choice is made once for each key. On Node, both verify on another thread, so that the main
// thread can do other work meanwhile.

import type { webcrypto } from "node:crypto";
import { KeyObject, verify } from "../crypto.ts";

/** The CryptoKey type of the runtime for which this file is compiled. */
type CryptoKey = Parameters<typeof crypto.subtle.verify>[1];
type Octets = Uint8Array<ArrayBuffer>;
type Verify = (signature: Octets, signed: Octets) => Promise<boolean>;

/** The algorithm parameters of Web Crypto. */
export const ES256 = { name: "ECDSA", hash: "SHA-256" };

const known = new WeakMap<CryptoKey, Verify>();

/**
 * Verifies `signature` over the octets `signed` with the public key `key`. `signature` is r and s, each with 32 octets. Resolves to
 * false if the signature is wrong, or if `key` is not a public key on P-256.
 */
export function verifyEs256(key: CryptoKey, signature: Octets, signed: Octets): Promise<boolean> {
  const verifyWith = known.get(key) ?? chooseFor(key);
  known.set(key, verifyWith);
  return verifyWith(signature, signed);
}

function chooseFor(key: CryptoKey): Verify {
  const { name, namedCurve } = key.algorithm as { readonly name: string; readonly namedCurve?: string };
  if (key.type !== "public" || name !== "ECDSA" || namedCurve !== "P-256") return () => Promise.resolve(false);
  return nativeFor(key) ?? ((signature, signed) => crypto.subtle.verify(ES256, key, signature, signed));
}

/**
 * Returns a function that verifies with node:crypto, which takes two thirds of the time of Web Crypto. Returns undefined if the
 * runtime's node:crypto does not accept signatures as r and s. In workerd, node:crypto accepts only DER.
 */
function nativeFor(key: CryptoKey): Verify | undefined {
  try {
    const native = { key: KeyObject.from(key as webcrypto.CryptoKey), dsaEncoding: "ieee-p1363" } as const;
    verify("sha256", new Uint8Array(), native, new Uint8Array(64));
    return (signature, signed) =>
      new Promise((resolve, reject) =>
        verify("sha256", signed, native, signature, (error, holds) => (error ? reject(error) : resolve(holds))),
      );
  } catch {
    return undefined;
  }
}
