// Tests signatures by the keys of an edge. Signatures that WebCrypto makes and jose accepts must be accepted. All other signatures
// must be refused.

import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import fc from "fast-check";
import { CompactSign, compactVerify, importJWK } from "jose";
import { verifyEs256 } from "../../../core/assertion/es256.ts";
import type { Cases, Fixtures } from "../../support/scenes/certificates.ts";

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** Imports the first key of an edge. */
async function importPair({ keys }: Fixtures, set: "signing" | "foreign" = "signing") {
  const { d, kty, crv, x, y } = keys[set].keys[0] as Fixtures["keys"]["signing"]["keys"][number];
  const privateKey = await crypto.subtle.importKey("jwk", { kty, crv, x, y, d }, ECDSA, false, ["sign"]);
  const publicKey = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, ECDSA, true, ["verify"]);
  return { privateKey, publicKey };
}

export const cases: Cases = {
  "verifyEs256() accepts what its private key signed, and what jose signed with this key": async (fixtures) => {
    const { privateKey, publicKey: key } = await importPair(fixtures);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
        const signed = Uint8Array.from(bytes);
        const signature = new Uint8Array(await crypto.subtle.sign(ECDSA, privateKey, signed));
        assert.equal(await verifyEs256(key, signature, signed), true);
      }),
      { numRuns: 30 },
    );
    const jwk = { ...(fixtures.keys.signing.keys[0] as object), alg: "ES256" };
    const token = await new CompactSign(new TextEncoder().encode("payload"))
      .setProtectedHeader({ alg: "ES256" })
      .sign(await importJWK(jwk));
    const end = token.lastIndexOf(".");
    const signature = Buffer.from(token.slice(end + 1), "base64url");
    assert.equal(await verifyEs256(key, signature, Buffer.from(token.slice(0, end))), true);
  },
  "verifyEs256() refuses other octets, another key, and a signature with any bit changed": async (fixtures) => {
    const { privateKey, publicKey: key } = await importPair(fixtures);
    const foreign = await importPair(fixtures, "foreign");
    const signed = new TextEncoder().encode("eyJhbGciOiJFUzI1NiJ9.cGF5bG9hZA");
    const signature = new Uint8Array(await crypto.subtle.sign(ECDSA, privateKey, signed));
    await compactVerify(`${new TextDecoder().decode(signed)}.${Buffer.from(signature).toString("base64url")}`, key);
    assert.equal(await verifyEs256(key, signature, signed), true);
    assert.equal(await verifyEs256(foreign.publicKey, signature, signed), false);
    assert.equal(await verifyEs256(key, signature, signed.subarray(1)), false);
    assert.equal(await verifyEs256(key, signature, new Uint8Array()), false);
    for (const at of signed.keys()) {
      assert.equal(await verifyEs256(key, signature, signed.with(at, (signed[at] ?? 0) ^ 1)), false);
    }
    for (const at of signature.keys()) {
      for (const bit of [1, 0x80]) {
        assert.equal(await verifyEs256(key, signature.with(at, (signature[at] ?? 0) ^ bit), signed), false);
      }
    }
  },
  "verifyEs256() refuses signatures of another length or form": async (fixtures) => {
    const { privateKey, publicKey: key } = await importPair(fixtures);
    const signed = new TextEncoder().encode("text");
    const signature = new Uint8Array(await crypto.subtle.sign(ECDSA, privateKey, signed));
    const [r, s] = [signature.subarray(0, 32), signature.subarray(32)];
    const integer = (octets: Uint8Array) => {
      const value = (octets[0] ?? 0) < 0x80 ? octets : Uint8Array.of(0, ...octets);
      return [0x02, value.length, ...value];
    };
    const pair = [...integer(r), ...integer(s)];
    const others = [
      new Uint8Array(),
      signature.subarray(0, 63),
      signature.subarray(1),
      Uint8Array.of(...signature, 0),
      Uint8Array.of(0, ...signature),
      Uint8Array.of(0, ...r, 0, ...s),
      // OpenSSL writes a signature in this form, which is DER.
      Uint8Array.of(0x30, pair.length, ...pair),
      new Uint8Array(64),
      new Uint8Array(64).fill(0xff),
      Uint8Array.of(...r, ...new Uint8Array(32)),
      Uint8Array.of(...s, ...r),
    ];
    for (const other of others) assert.equal(await verifyEs256(key, other, signed), false, other.join());
  },
  "verifyEs256() refuses keys that are not public keys of P-256, even if they made the signature": async (fixtures) => {
    const { privateKey, publicKey } = await importPair(fixtures);
    const signed = new TextEncoder().encode("text");
    const own = new Uint8Array(await crypto.subtle.sign(ECDSA, privateKey, signed));
    assert.equal(await verifyEs256(publicKey, own, signed), true);
    assert.equal(await verifyEs256(privateKey, own, signed), false);
    const { kty, crv, x, y } = fixtures.keys.signing.keys[0] as Fixtures["keys"]["signing"]["keys"][number];
    const ecdh = { name: "ECDH", namedCurve: "P-256" };
    const agreeing = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, ecdh, true, []);
    assert.equal(await verifyEs256(agreeing, own, signed), false);
    const others = [
      { name: "ECDSA", namedCurve: "P-384", hash: "SHA-256" },
      { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: "SHA-256" },
      { name: "HMAC", hash: "SHA-256" },
    ];
    for (const algorithm of others) {
      const made = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair | CryptoKey;
      const [signer, verifier] = "privateKey" in made ? [made.privateKey, made.publicKey] : [made, made];
      const signature = new Uint8Array(await crypto.subtle.sign(algorithm, signer, signed));
      assert.equal(await crypto.subtle.verify(algorithm, verifier, signature, signed), true);
      assert.equal(await verifyEs256(verifier, signature, signed), false, algorithm.name);
    }
  },
  "verifyEs256() uses node:crypto on Node, and WebCrypto if node:crypto does not accept the key or the signature":
    async (fixtures) => {
      const { privateKey, publicKey } = await importPair(fixtures);
      const signed = new TextEncoder().encode("text");
      const signature = new Uint8Array(await crypto.subtle.sign(ECDSA, privateKey, signed));
      const isWorkerd = navigator.userAgent === "Cloudflare-Workers";
      assert.equal(await countWebCrypto(() => verifyEs256(publicKey, signature, signed)), isWorkerd ? 1 : 0);
      const { from } = KeyObject;
      KeyObject.from = () => {
        throw new TypeError("not here");
      };
      try {
        const { publicKey: other } = await importPair(fixtures);
        assert.equal(await countWebCrypto(() => verifyEs256(other, signature, signed)), 1);
        assert.equal(await verifyEs256(other, signature, signed.subarray(1)), false);
      } finally {
        KeyObject.from = from;
      }
    },
};

/** Requires that `verify` resolves to true. Returns how often it called the function of WebCrypto. */
async function countWebCrypto(verify: () => Promise<boolean>): Promise<number> {
  const { subtle } = crypto;
  let calls = 0;
  const original = subtle.verify;
  subtle.verify = (...given) => {
    calls += 1;
    return original.apply(subtle, given);
  };
  try {
    assert.equal(await verify(), true);
  } finally {
    subtle.verify = original;
  }
  return calls;
}
