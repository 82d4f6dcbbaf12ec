// ES256 signatures (RFC 7518 §3.4), verified by the quickest means of the runtime, which is found out once for each key.

import { KeyObject, verify, type webcrypto } from "node:crypto";

/** In the type of the runtime for which this is compiled. */
type CryptoKey = Parameters<typeof crypto.subtle.verify>[1];
type Octets = Uint8Array<ArrayBuffer>;
type Verify = (signature: Octets, signed: Octets) => boolean | Promise<boolean>;

/** As Web Crypto names it. */
export const ES256 = { name: "ECDSA", hash: "SHA-256" };

const known = new WeakMap<CryptoKey, Verify>();

/** Whether the key made this signature (r and s, 32 octets each) over these octets. A key that is no public one of P-256 made none. */
export function verifyEs256(key: CryptoKey, signature: Octets, signed: Octets): boolean | Promise<boolean> {
  const verifyWith = known.get(key) ?? chooseFor(key);
  known.set(key, verifyWith);
  return verifyWith(signature, signed);
}

function chooseFor(key: CryptoKey): Verify {
  const { name, namedCurve } = key.algorithm as { readonly name: string; readonly namedCurve?: string };
  if (key.type !== "public" || name !== "ECDSA" || namedCurve !== "P-256") return () => false;
  return nativeFor(key) ?? ((signature, signed) => crypto.subtle.verify(ES256, key, signature, signed));
}

/** node:crypto takes two thirds of WebCrypto's time. Undefined where it does not take r and s: workerd's reads DER alone. */
function nativeFor(key: CryptoKey): Verify | undefined {
  try {
    const native = { key: KeyObject.from(key as webcrypto.CryptoKey), dsaEncoding: "ieee-p1363" } as const;
    const verifyWith = (signature: Octets, signed: Octets) => verify("sha256", signed, native, signature);
    verifyWith(new Uint8Array(64), new Uint8Array());
    return verifyWith;
  } catch {
    return undefined;
  }
}
