// Tests public keys as certificates encode them: the canonical encoding of each kind of key, and which points are valid keys.

import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { readDer } from "../../../core/x509/der.ts";
import { isLowOrderPoint, isPublicPoint } from "../../../core/x509/ed25519-point.ts";
import { canMatch, readPublicKey } from "../../../core/x509/public-key.ts";
import { encode, oid, sequence, TAG, type Tlv, tlv } from "../../support/certificates/der-edit.ts";
import type { Cases } from "../../support/scenes/certificates.ts";

const [RSA, EC, ED25519, X25519] = ["1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "1.3.101.112", "1.3.101.110"].map(
  oid,
) as [Tlv, Tlv, Tlv, Tlv];
const CURVES = { "1.2.840.10045.3.1.7": 65, "1.3.132.0.34": 97, "1.3.132.0.35": 133 };
const NULL = tlv(TAG.null);

/** Is true if a key with these parameters is in the canonical encoding for its kind. */
const isPlain = (algorithm: readonly Tlv[], key: Uint8Array | readonly number[]) =>
  readDer(encode(sequence(sequence(...algorithm), tlv(TAG.bitString, [0, ...key]))), readPublicKey);

const point = (size: number, first = 4) => [first, ...Array<number>(size - 1).fill(7)];
const rsaKey = (modulus: number, exponent: number) =>
  encode(sequence(tlv(TAG.integer, [1, modulus]), tlv(TAG.integer, [exponent])));

/** Returns 32 octets. They begin with the given octets, and the others are zero. */
const octets = (...first: number[]) => Uint8Array.from({ length: 32 }, (_, index) => first[index] ?? 0);
/** Returns y = p − 1 + `more` in 255 bits. `sign` is 0 or 0x80 and becomes the highest bit. */
const nearModulus = (more: number, sign = 0) =>
  Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 0xec + more : index === 31 ? 0x7f | sign : 0xff));
const fromHex = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
/** The two canonical y coordinates of the points of order eight: y and −y. */
const ORDER_EIGHT = [
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
].map(fromHex);
/** Public keys from RFC 8032 §7.1. */
const KEYS = [
  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
].map(fromHex);

export const cases: Cases = {
  "readPublicKey() accepts named curves with an uncompressed point": () => {
    for (const [curve, size] of Object.entries(CURVES)) {
      const named = [EC, oid(curve)];
      assert.ok(isPlain(named, point(size)), curve);
      for (const other of [size - 1, size + 1, ...Object.values(CURVES).filter((one) => one !== size)])
        assert.ok(!isPlain(named, point(other)), `${curve} ${other}`);
      for (const first of [0, 2, 3, 6, 7]) assert.ok(!isPlain(named, point(size, first)), `${curve} ${first}`);
    }
    assert.ok(!isPlain([EC, oid("1.3.132.0.10")], point(65)));
  },
  "readPublicKey() refuses a curve that is not named": () => {
    for (const parameters of [[], [NULL], [sequence(oid("1.2.840.10045.3.1.7"))]]) {
      assert.throws(() => isPlain([EC, ...parameters], point(65)), { message: "the curve of the key is not named" });
    }
  },
  "readPublicKey() accepts RSA with NULL and odd numbers": () => {
    assert.ok(isPlain([RSA, NULL], rsaKey(3, 5)));
    for (const [modulus, exponent] of [
      [2, 5],
      [3, 4],
      [2, 4],
    ] as const)
      assert.ok(!isPlain([RSA, NULL], rsaKey(modulus, exponent)));
    for (const parameters of [[], [oid("1.2.3")], [sequence()]])
      assert.ok(!isPlain([RSA, ...parameters], rsaKey(3, 5)));
    for (const key of [
      [],
      [5, 0],
      encode(sequence(tlv(TAG.integer, [3]))),
      encode(sequence(tlv(TAG.integer, [3]), tlv(TAG.integer, [0xff]))),
    ])
      assert.throws(() => isPlain([RSA, NULL], key), SyntaxError);
  },
  "readPublicKey() accepts Ed25519 without parameters, in 32 octets": () => {
    const [key = octets()] = KEYS;
    assert.ok(isPlain([ED25519], key));
    assert.ok(!isPlain([ED25519, NULL], key));
    assert.ok(!isPlain([ED25519], key.subarray(1)) && !isPlain([ED25519], [...key, 7]) && !isPlain([ED25519], []));
    assert.ok(!isPlain([ED25519], octets(1)));
  },
  "readPublicKey() accepts no other kind of key": () => {
    const [key = octets()] = KEYS;
    assert.ok(!isPlain([X25519], key) && !isPlain([oid("1.2.3")], key) && !isPlain([oid("1.2.3"), NULL], rsaKey(3, 5)));
  },
  "isPublicPoint() accepts keys with either sign of x": () => {
    for (const key of KEYS) {
      assert.ok(isPublicPoint(key) && isPublicPoint(key.with(31, (key[31] as number) ^ 0x80)));
      assert.ok(!isLowOrderPoint(key));
    }
  },
  "isPublicPoint() refuses points of low order, with which everybody can sign": () => {
    const low = [octets(0), octets(1), nearModulus(0), nearModulus(1), nearModulus(2), ...ORDER_EIGHT];
    for (const point of low) {
      for (const sign of [0, 0x80]) {
        const signed = point.with(31, (point[31] as number) | sign);
        assert.deepEqual(
          [isLowOrderPoint(signed), isPublicPoint(signed)],
          [true, false],
          Buffer.from(signed).toString("hex"),
        );
      }
    }
  },
  "isPublicPoint() refuses values that are not a point, exceed the field, or have another length": () => {
    // About half of the small numbers are the y coordinate of a point on the curve.
    const points = [3, 4, 5, 6, 9, 10, 14, 15, 16, 18];
    for (let y = 2; y <= 18; y += 1) assert.equal(isPublicPoint(octets(y)), points.includes(y), `${y}`);
    for (let more = 3; more <= 19; more += 1) {
      const signed = nearModulus(more);
      assert.deepEqual([isLowOrderPoint(signed), isPublicPoint(signed)], [false, false]);
    }
    const [key = octets()] = KEYS;
    for (const other of [key.subarray(1), Uint8Array.of(...key, 0), Uint8Array.of()]) assert.ok(!isPublicPoint(other));
    assert.ok(isLowOrderPoint(Uint8Array.of()));
  },
  "canMatch() checks that an Ed25519 key is a point, and accepts other keys unchecked": ({ certificates }) => {
    const ed25519 = (octets: Uint8Array) =>
      createPublicKey({
        key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(octets).toString("base64url") },
        format: "jwk",
      });
    for (const key of KEYS) assert.ok(canMatch(ed25519(key)));
    assert.ok(!canMatch(ed25519(octets(2))) && !canMatch(ed25519(octets(1))));
    for (const name of ["root", "rsaRoot", "p384Root"] as const)
      assert.ok(canMatch(parseCertificate(certificates[name]).publicKey), name);
  },
};
