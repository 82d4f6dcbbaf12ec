// Tests which signature algorithm verifies with which kind of key. node:crypto made the signatures, all over the same text.

import assert from "node:assert/strict";
import { createPublicKey, type KeyObject } from "node:crypto";
import { costOfVerifying, isAcceptedKey, isAcceptedSignature, isSignedWith } from "../../../core/x509/algorithms.ts";
import type { Cases } from "../../support/scenes/certificates.ts";

const SIGNED = new TextEncoder().encode("signed text");
const SPKI = {
  p256: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEw6iFYKg0d8mPAW/Jscs84s21ehvOtwDTomAL+TvqXMF5cpA3HG4wWLrpXDGJSqRCXXEBSGjCClDJoLfDI9Q9Aw==",
  ed25519: "MCowBQYDK2VwAyEANO8ssLY0PvwO1GYaswbY+vv1XxQyC1ZJuah91toxl7g=",
  x25519: "MCowBQYDK2VuAyEAlSVeXrr0YyTiNsHXxcUpVDNqNjWs1PQTq+FH0/xxCkg=",
};
const ECDSA = {
  "1.2.840.10045.4.3.2":
    "MEUCIQDhPapzbjFQi1D4MLoMggZ2k9xzQDMGzWqdtGDqaFA0vQIgWFHn+qF1R9FV1rKdm+lyK53C/eVuPhNl5Z0zDrwyvrc=",
  "1.2.840.10045.4.3.3":
    "MEYCIQCsxXYx8eUrqOTS2uHgY4m5ZMRjg9BhEnxvH31fPKkIbQIhAOy/QGgtrIAdiZ+yIic2d5tjLBfHw9Na9dYzMOfxtgrM",
  "1.2.840.10045.4.3.4":
    "MEYCIQD3d9A26PGs1CqfeCZhX+3L6nBD7IhvqqHNP0LWgxk4ZwIhAL6GUTlJqchAHxYYhiON1STUOThdQ9jqQBs5bekK8jR4",
};
const ED25519 = "1.3.101.112";
const ED25519_SIGNATURE = "bHADzMdBIUDpaJuj43dDUbZ44I8TkDjskSNRanAYsouGhEoNyRrCcwtLmF9Gq2/3wgig3kBnFrYywl9S+IOMAg==";
/**
 * OIDs of other algorithms, in this order: RSA with SHA-256, SHA-384 and SHA-512, ECDSA with SHA-1, RSA with SHA-1, RSASSA-PSS, and
 * an OID of no algorithm.
 */
const OTHERS = [
  "1.2.840.113549.1.1.11",
  "1.2.840.113549.1.1.12",
  "1.2.840.113549.1.1.13",
  "1.2.840.10045.4.1",
  "1.2.840.113549.1.1.5",
  "1.2.840.113549.1.1.10",
  "1.2.3.4",
];

/** Returns a key object that has only these properties. */
const keyWith = (asymmetricKeyType: string | undefined, asymmetricKeyDetails?: KeyObject["asymmetricKeyDetails"]) =>
  ({ asymmetricKeyType, asymmetricKeyDetails }) as KeyObject;
const rsa = (modulusLength: number, publicExponent = 65537n) => keyWith("rsa", { modulusLength, publicExponent });
const onCurve = (namedCurve: string) => keyWith("ec", { namedCurve });

const decode = (base64: string) => Uint8Array.from(Buffer.from(base64, "base64"));
const keyOf = (name: keyof typeof SPKI) =>
  createPublicKey({ key: Buffer.from(SPKI[name], "base64"), format: "der", type: "spki" });

export const cases: Cases = {
  "isSignedWith() verifies only with the named algorithm": () => {
    const oids = [...Object.keys(ECDSA), ED25519, ...OTHERS];
    for (const [made, signature] of [...Object.entries(ECDSA), [ED25519, ED25519_SIGNATURE] as const]) {
      const key = keyOf(made === ED25519 ? "ed25519" : "p256");
      for (const oid of oids) {
        assert.equal(isSignedWith(oid, key, SIGNED, decode(signature)), oid === made, `${made} as ${oid}`);
      }
    }
  },
  "isSignedWith() verifies RSA only with the named hash": async () => {
    const rsaWith = (hash: string) => ({ name: "RSASSA-PKCS1-v1_5", hash });
    const made = { modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), ...rsaWith("SHA-256") };
    const { privateKey, publicKey } = (await crypto.subtle.generateKey(made, true, [
      "sign",
      "verify",
    ])) as CryptoKeyPair;
    const pkcs8 = (await crypto.subtle.exportKey("pkcs8", privateKey)) as ArrayBuffer;
    const spki = Buffer.from((await crypto.subtle.exportKey("spki", publicKey)) as ArrayBuffer);
    const key = createPublicKey({ key: spki, format: "der", type: "spki" });
    const oids = [...Object.keys(ECDSA), ED25519, ...OTHERS];
    for (const [hash, named] of [
      ["SHA-256", "1.2.840.113549.1.1.11"],
      ["SHA-384", "1.2.840.113549.1.1.12"],
      ["SHA-512", "1.2.840.113549.1.1.13"],
    ] as const) {
      const signer = await crypto.subtle.importKey("pkcs8", pkcs8, rsaWith(hash), false, ["sign"]);
      const signature = new Uint8Array(await crypto.subtle.sign("RSASSA-PKCS1-v1_5", signer, SIGNED));
      for (const oid of oids) assert.equal(isSignedWith(oid, key, SIGNED, signature), oid === named, `${hash} ${oid}`);
    }
  },
  "isSignedWith() returns false for octets that are not a signature": () => {
    for (const signature of [new Uint8Array(), Uint8Array.of(0x30), new Uint8Array(64), new Uint8Array(500)]) {
      for (const oid of Object.keys(ECDSA)) assert.equal(isSignedWith(oid, keyOf("p256"), SIGNED, signature), false);
      assert.equal(isSignedWith(ED25519, keyOf("ed25519"), SIGNED, signature), false);
    }
    // If the runtime cannot use a key, no signature verifies with it.
    assert.equal(isSignedWith("1.2.840.10045.4.3.2", onCurve("prime256v1"), SIGNED, new Uint8Array(64)), false);
  },
  "isAcceptedSignature() is true for the algorithms that verify": () => {
    for (const oid of [...Object.keys(ECDSA), ED25519, ...OTHERS.slice(0, 3)]) assert.ok(isAcceptedSignature(oid), oid);
    for (const oid of OTHERS.slice(3)) assert.ok(!isAcceptedSignature(oid), oid);
  },
  "isAcceptedKey() accepts keys for signatures, and no keys for key agreement": () => {
    assert.deepEqual([isAcceptedKey(keyOf("p256")), isAcceptedKey(keyOf("ed25519"))], [true, true]);
    assert.equal(isAcceptedKey(keyOf("x25519")), false);
    for (const type of ["ed448", "x448", "dsa", "rsa-pss", "dh", undefined])
      assert.ok(!isAcceptedKey(keyWith(type)), `${type}`);
  },
  "isAcceptedKey() accepts RSA from 2048 to 8192 bits, with an exponent from 3 to 32 bits": () => {
    for (const bits of [2048, 4096, 8192]) assert.ok(isAcceptedKey(rsa(bits)), `${bits}`);
    for (const bits of [0, 1024, 2047, 8193]) assert.ok(!isAcceptedKey(rsa(bits)), `${bits}`);
    for (const exponent of [3n, 65537n, 2n ** 32n - 1n]) assert.ok(isAcceptedKey(rsa(2048, exponent)), `${exponent}`);
    for (const exponent of [0n, 1n, 2n, 2n ** 32n]) assert.ok(!isAcceptedKey(rsa(2048, exponent)), `${exponent}`);
    assert.ok(!isAcceptedKey(keyWith("rsa")));
  },
  "isAcceptedKey() accepts three named curves": () => {
    for (const curve of ["prime256v1", "secp384r1", "secp521r1"]) assert.ok(isAcceptedKey(onCurve(curve)), curve);
    for (const curve of ["secp256k1", "prime239v1", ""]) assert.ok(!isAcceptedKey(onCurve(curve)), curve);
    assert.ok(!isAcceptedKey(keyWith("ec")));
  },
  "costOfVerifying() counts curves with slow code, and RSA keys of unusual size": () => {
    const curves = ["prime256v1", "secp384r1", "secp521r1"].map((curve) => costOfVerifying(onCurve(curve)));
    assert.deepEqual(curves, [1, 10, 25]);
    assert.deepEqual(
      [2048, 4096, 4097].map((bits) => costOfVerifying(rsa(bits))),
      [1, 1, 4],
    );
    assert.deepEqual([costOfVerifying(keyOf("ed25519")), costOfVerifying(keyWith("ed25519"))], [1, 1]);
  },
};
