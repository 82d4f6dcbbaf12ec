// Tests one request on a route with many senders that only sign. Each part of the request is read only once. Nevertheless, the
// sender that made the signature is found.

import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { admitBySignature, findCandidates } from "../../../core/admission/admit.ts";
import { importSecrets } from "../../../core/admission/secrets.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { Refusal } from "../../../core/refusal.ts";
import type { SignatureSchemeName } from "../../../core/signature/schemes.ts";
import { importSignatureKey, methodOf, type SignatureKey, SignedRequest } from "../../../core/signature/verify.ts";
import { MAX_FURTHER_ED25519 } from "../../../core/wire.ts";
import { type Cases, policyDocument, refusedLater } from "../../support/scenes/certificates.ts";
import { BODY, ED25519, EVENTS, headersOf, KEY, NOW, OTHER_KEY } from "../../support/scenes/signature.ts";

const body = new TextEncoder().encode(BODY);

/** Headers that count how often they are read. */
class CountedHeaders extends Headers {
  reads = 0;

  override get(name: string): string | null {
    this.reads += 1;
    return super.get(name);
  }
}

const keysOf = (scheme: SignatureSchemeName, ...keys: SignatureKey[]) => ({
  scheme,
  keys,
  accounts: new Map(),
  retired: [],
});

/** Returns a key that matches no signature and records the limit of each call. */
function countedKey(method: "hmac" | "ed25519" = "hmac") {
  const limits: (number | undefined)[] = [];
  const madeOneOf: SignatureKey["madeOneOf"] = (_, __, limit) => {
    limits.push(limit);
    return false;
  };
  return { limits, key: { method, madeOneOf, secret: () => undefined } as unknown as SignatureKey };
}

export const cases: Cases = {
  "SignedRequest reads the headers of a scheme once, even if they are malformed or missing": () => {
    for (const change of [{}, { "x-docusign-signature-1": "cut" }, { "x-docusign-signature-1": null }]) {
      const headers = new CountedHeaders(headersOf("docusign", change));
      const request = new SignedRequest(headers, body, NOW);
      const first = request.presented("docusign");
      const { reads } = headers;
      assert.ok(reads > 0);
      for (let sender = 0; sender < 50; sender += 1) assert.equal(request.presented("docusign"), first);
      assert.equal(headers.reads, reads);
    }
  },
  "SignedRequest reads the headers that two schemes share once": () => {
    const request = new SignedRequest(headersOf("github"), body, NOW);
    assert.equal(request.presented("meta"), request.presented("github"));
    assert.notEqual(request.presented("slack"), request.presented("github"));
    assert.ok(request.presented("slack") instanceof Refusal);
  },
  "SignedRequest verifies with a key once for each scheme": () => {
    const { limits, key } = countedKey();
    const request = new SignedRequest(headersOf("github"), body, NOW);
    for (let sender = 0; sender < 50; sender += 1)
      assert.equal(methodOf(keysOf("github", key, key), request), undefined);
    assert.equal(limits.length, 1);
    const own = importSignatureKey("github", KEY);
    for (let sender = 0; sender < 3; sender += 1) assert.equal(methodOf(keysOf("github", own), request), "hmac");
  },
  "SignedRequest distinguishes the signatures of one scheme from those of another": () => {
    const key = importSignatureKey("github", KEY);
    const both = new Headers([...headersOf("github", { "x-hub-signature-256": null }), ...headersOf("slack")]);
    both.set("x-hub-signature-256", EVENTS.github.tag + EVENTS.github.signatures[1]);
    const request = new SignedRequest(both, body, NOW);
    assert.equal(methodOf(keysOf("github", key), request), undefined);
    assert.equal(methodOf(keysOf("slack", key), request), "hmac");
  },
  "senders with the same secret share one key": (fixtures) => {
    const github = (...secrets: string[]) => ({ signature: { scheme: "github", secrets } });
    const senders = { a: github("ONE"), b: github("TWO"), c: github("OTHER") };
    const routes = { "/hooks": { senders: ["a", "b", "c"], methods: ["POST"] } };
    const policy = compilePolicy({ ...policyDocument(fixtures), senders, routes });
    const secrets = importSecrets(policy, (name) => (name === "OTHER" ? OTHER_KEY : KEY));
    const [a, b, c] = policy.senders.map((sender) => secrets.get(sender)?.signature?.keys[0]);
    assert.equal(a, b);
    assert.notEqual(a, c);
  },
  "each Ed25519 key verifies the first signature, and all keys together verify a limited number of further ones":
    () => {
      const scheme = "standard-webhooks";
      const signatures = [ED25519.signature, ED25519.otherSignature];
      const headers = headersOf(scheme, { "webhook-signature": signatures.map((text) => `v1a,${text}`).join(" ") });
      const request = new SignedRequest(headers, body, NOW);
      const asked = Array.from({ length: MAX_FURTHER_ED25519 + 2 }, () => {
        const { limits, key } = countedKey("ed25519");
        assert.equal(methodOf(keysOf(scheme, key), request), undefined);
        return limits[0];
      });
      assert.deepEqual(asked, [...Array(MAX_FURTHER_ED25519).fill(2), 1, 1]);
      // The first signature is checked with every key, so its key is found. The limit for checks of the second signature is used
      // up, so its key is not found.
      const methodWith = (key: string) => methodOf(keysOf(scheme, importSignatureKey(scheme, key)), request);
      assert.equal(methodWith(ED25519.key), "ed25519");
      assert.equal(methodWith(ED25519.otherKey), undefined);
      const fresh = new SignedRequest(headers, body, NOW);
      assert.equal(methodOf(keysOf(scheme, importSignatureKey(scheme, ED25519.otherKey)), fresh), "ed25519");
    },
  "HMAC keys verify without a limit, and do not use up the limit of Ed25519": () => {
    const scheme = "standard-webhooks";
    const signatures = [ED25519.signature, ED25519.otherSignature];
    const headers = headersOf(scheme, { "webhook-signature": signatures.map((text) => `v1a,${text}`).join(" ") });
    const request = new SignedRequest(headers, body, NOW);
    for (let asked = 0; asked <= MAX_FURTHER_ED25519; asked += 1) {
      const { limits, key } = countedKey("hmac");
      assert.equal(request.isSignedBy(key, scheme), false);
      assert.deepEqual(limits, [undefined]);
    }
    assert.equal(request.isSignedBy(importSignatureKey(scheme, ED25519.otherKey), scheme), true);
  },
  "an Ed25519 key verifies each body by its own content": () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const point = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("base64");
    const key = importSignatureKey("svix", `whpk_${point}`);
    const prefix = `msg_1.${NOW}.`;
    const presented = {
      hmac: [],
      ed25519: [sign(null, Buffer.from(`${prefix}two`), privateKey)],
      encoding: "base64" as const,
      prefix,
    };
    assert.equal(key.madeOneOf(presented, Buffer.from("one")), false);
    assert.equal(key.madeOneOf(presented, Buffer.from("two")), true);
    assert.equal(key.madeOneOf(presented, Buffer.from("one")), false);
    assert.equal(key.madeOneOf(presented, Buffer.from("two"), 0), false);
  },
  "fifty senders that only sign are distinguished, and a stranger is refused for the first sender": async (
    fixtures,
  ) => {
    const names = Array.from({ length: 50 }, (_, index) => `sender-${index}`);
    const senders = Object.fromEntries(
      names.map((name) => [name, { signature: { scheme: "github", secrets: [name.toUpperCase().replace("-", "_")] } }]),
    );
    const routes = { "/hooks": { senders: names, methods: ["POST"] } };
    const policy = compilePolicy({ ...policyDocument(fixtures), senders, routes });
    const admit = (own: number) => {
      const evidence = {
        certificate: undefined,
        headers: headersOf("github"),
        facts: { deny: policy.deny, lists: new Map(), now: NOW },
        secrets: importSecrets(policy, (name) => (name === `SENDER_${own}` ? KEY : `${OTHER_KEY}${name}`)),
        receivedAt: NOW,
      };
      return admitBySignature(findCandidates(policy.routes[0]?.senders ?? [], evidence), body, evidence);
    };
    for (const own of [0, 24, 49]) assert.equal((await admit(own)).sender.name, `sender-${own}`);
    const { details } = await refusedLater("signature_mismatch", admit(50));
    assert.deepEqual(details, { scheme: "github", keys: 1, signatures: 1 });
  },
};
