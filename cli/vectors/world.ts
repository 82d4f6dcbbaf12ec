// The edge and the origin of the test vectors: names, keys, policy, secrets. Everything here is public and protects nothing.

import { createECDH, hash } from "node:crypto";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import type { PolicyDocument, SenderDocument } from "../../core/policy/schema.ts";
import { formatPem } from "../../core/x509/certificate.ts";
import { ROOT } from "./certificates.ts";

export const ISSUER = "https://hooks.example.com";
export const AUDIENCE = "https://origin.example.com";
/** 2027-01-15T08:00:00Z. */
export const NOW = 1_800_000_000;

/** Makes a key pair. The private key is the digest of a sentence that anybody can read here. */
function testKey(kid: string): PrivateJwk {
  const pair = createECDH("prime256v1");
  pair.setPrivateKey(hash("sha256", `Countersign test vectors, not for use: ${kid}`, "buffer"));
  const point = pair.getPublicKey();
  return {
    kty: "EC",
    crv: "P-256",
    kid,
    x: point.subarray(1, 33).toString("base64url"),
    y: point.subarray(33).toString("base64url"),
    d: pair.getPrivateKey("base64url"),
  };
}

export const FIRST_KEY = testKey("test-vectors-first");
/** A second published key, as during a rotation. */
export const SECOND_KEY = testKey("test-vectors-second");
/** A key that is not published. */
export const STRANGER_KEY = testKey("test-vectors-stranger");

export const JWKS = { keys: [FIRST_KEY, SECOND_KEY].map(publicJwk) };

/** The secrets, by their names in the policy. */
export const SECRETS: Readonly<Record<string, string>> = {
  TEST_VECTORS_SIGNATURE: "test vectors, not for use",
  TEST_VECTORS_PASSWORD: "test vectors, not for use",
};

const signature: SenderDocument["signature"] = { scheme: "github", secrets: ["TEST_VECTORS_SIGNATURE"] };

/** The senders: one with only a certificate, one with every factor, one with only a signature. */
export const POLICY: PolicyDocument = {
  anchors: { "test-root": formatPem(ROOT) },
  senders: {
    acme: {
      certificates: [{ subject: { CN: "webhooks.acme.example", O: "Acme, Inc." } }],
      trust: { anchors: ["test-root"] },
    },
    mueller: {
      certificates: [{ subject: { CN: "ereignisse.mueller.example", O: "Müller & Söhne GmbH" } }],
      trust: { anchors: ["test-root"], platform: true },
      signature,
      basic: { username: "mueller", secret: "TEST_VECTORS_PASSWORD" },
    },
    initech: { signature },
  },
  routes: {
    "/hooks/acme/*": {
      senders: ["acme"],
      methods: ["GET", "POST", "PUT"],
      headers: ["X-Acme-Topic", "X-Acme-Tags", "X-Acme-Note"],
    },
    "/hooks/mueller": { senders: ["mueller"], methods: ["POST"] },
    "/hooks/initech": { senders: ["initech"], methods: ["POST"] },
  },
};
