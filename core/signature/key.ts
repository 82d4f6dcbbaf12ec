// A key that verifies signatures. Its value is only in closures, so that `JSON.stringify` and `console.log` do not show it.

import { createHmac, createPublicKey, timingSafeEqual, verify } from "../crypto.ts";
import { isPublicPoint } from "../x509/ed25519-point.ts";
import type { PresentedSignatures, SignatureMethod } from "./read.ts";

declare const imported: unique symbol;

/** A key that verifies signatures. `importSignatureKey` makes it from a configured text. */
export interface SignatureKey {
  readonly [imported]: true;
  readonly method: SignatureMethod;
  /**
   * True if the key made one of the presented signatures. For HMAC, all signatures are compared, each in constant time. For
   * Ed25519, only the first `limit` signatures are verified.
   */
  readonly madeOneOf: (presented: PresentedSignatures, body: Uint8Array, limit?: number) => boolean;
  /** The secret of an HMAC key, only for diagnosis and for the answer to a challenge. @internal */
  readonly secret: () => Buffer | undefined;
}

/**
 * The buffers for the expected signature and for a presented signature, both as text. Signatures are compared as text, because each
 * has exactly one spelling. All comparisons may share the buffers, because no comparison begins before the previous one ends.
 * Decoding the signatures, or new buffers for each comparison, would add a quarter to the time of the HMAC over a small body.
 */
const EXPECTED = { hex: Buffer.alloc(64), base64: Buffer.alloc(44) };
const PRESENTED = { hex: Buffer.alloc(64), base64: Buffer.alloc(44) };

/** Makes a key for HMAC-SHA256 (RFC 2104) from any octets. @internal */
export function makeHmacKey(secret: Buffer): SignatureKey {
  const madeOneOf = ({ hmac, encoding, prefix }: PresentedSignatures, body: Uint8Array) => {
    const [expected, presented] = [EXPECTED[encoding], PRESENTED[encoding]];
    // Passes the octets instead of a KeyObject, because workerd takes a fifth longer with a KeyObject.
    const mac = createHmac("sha256", secret);
    if (prefix !== "") mac.update(prefix);
    expected.write(mac.update(body).digest(encoding), "latin1");
    let isFound = false;
    for (const signature of hmac) {
      const isWhole = presented.write(signature, "latin1") === presented.length;
      isFound = (timingSafeEqual(presented, expected) && isWhole) || isFound;
    }
    return isFound;
  };
  return { method: "hmac", madeOneOf, secret: () => secret } as unknown as SignatureKey;
}

/**
 * Makes a key for Ed25519 (RFC 8032). `point` is the public key, which has 32 octets. @throws SyntaxError if no signature can match
 * it
 * @internal
 */
export function makeEd25519Key(point: Buffer): SignatureKey {
  if (!isPublicPoint(point)) throw new SyntaxError("not an Ed25519 key that can sign");
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: point.toString("base64url") },
    format: "jwk",
  });
  const madeOneOf = (presented: PresentedSignatures, body: Uint8Array, limit?: number) => {
    const content = contentOf(presented, body);
    // Constant time is not needed, because nothing here is secret. node:crypto takes two thirds of the time of Web Crypto, and
    // imports keys synchronously.
    return presented.ed25519.slice(0, limit).some((signature) => verify(null, content, key, signature));
  };
  return { method: "ed25519", madeOneOf, secret: () => undefined } as unknown as SignatureKey;
}

const joined = new WeakMap<PresentedSignatures, readonly [body: Uint8Array, content: Buffer]>();

/** Returns the signed content in one buffer. The buffer is made only once for all keys. */
function contentOf(presented: PresentedSignatures, body: Uint8Array): Buffer {
  const [known, whole] = joined.get(presented) ?? [];
  if (known === body && whole !== undefined) return whole;
  const content = Buffer.concat([Buffer.from(presented.prefix), body]);
  joined.set(presented, [body, content]);
  return content;
}
