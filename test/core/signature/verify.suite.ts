// Tests which signatures are accepted: during a rotation of keys, by account, by version and by time. Also tests which headers are
// needed.

import assert from "node:assert/strict";
import { signatureHeaderNames } from "../../../core/signature/schemes.ts";
import { importSignatureKey, SignedRequest, verifyWebhookSignature } from "../../../core/signature/verify.ts";
import { type Cases, refusedLater } from "../../support/scenes/certificates.ts";
import {
  attempt,
  BODY,
  ED25519,
  EVENTS,
  type HmacScheme,
  headersOf,
  NOW,
  OTHER_KEY,
  SCHEMES,
} from "../../support/scenes/signature.ts";

/** Returns headers that contain two signatures of the same body, by `KEY` (0) and by `OTHER_KEY` (1), in this order. */
function bothSignatures(scheme: HmacScheme, order: readonly (0 | 1)[]): Record<string, string> {
  const { header, tag, signatures, separator } = EVENTS[scheme];
  if (scheme === "docusign") {
    return Object.fromEntries(order.map((which, at) => [`x-docusign-signature-${at + 1}`, signatures[which]]));
  }
  if (scheme === "stripe") return { [header]: `t=${NOW},${order.map((which) => `v1=${signatures[which]}`).join()}` };
  return { [header]: order.map((which) => tag + signatures[which]).join(separator) };
}

const SEVERAL = SCHEMES.filter(
  (scheme) => !["meta", "github", "slack", "zoom", "twitch", "x", "asana"].includes(scheme),
);

export const cases: Cases = {
  "during a rotation, any key and any signature may be the one that matches": async () => {
    for (const scheme of SCHEMES) {
      const { key, otherKey } = EVENTS[scheme];
      for (const keys of [
        [key, otherKey],
        [otherKey, key],
      ])
        assert.equal(await attempt(scheme, { keys }), "hmac", scheme);
    }
    for (const scheme of SEVERAL) {
      const { key, otherKey } = EVENTS[scheme];
      for (const order of [[0, 1] as const, [1, 0] as const]) {
        const headers = bothSignatures(scheme, order);
        for (const keys of [[key], [otherKey], [key, otherKey]]) {
          assert.equal(await attempt(scheme, { keys, headers }), "hmac", `${scheme} ${order}`);
        }
      }
    }
  },
  "Docusign's hundredth header and hundredth key are tried": async () => {
    const [signature] = EVENTS.docusign.signatures;
    const filler = (index: number) => Buffer.alloc(32, index).toString("base64");
    const names = Array.from({ length: 100 }, (_, index) => `x-docusign-signature-${index + 1}`);
    const headers = Object.fromEntries(names.map((name, index) => [name, index < 99 ? filler(index) : signature]));
    const keys = [...Array.from({ length: 99 }, (_, index) => `another-key-${index}`), EVENTS.docusign.key];
    assert.equal(await attempt("docusign", { headers, keys }), "hmac");
  },
  "Docusign's numbered headers are read until a number is missing": async () => {
    const [signature] = EVENTS.docusign.signatures;
    const headers = { "x-docusign-signature-1": null, "x-docusign-signature-2": signature };
    await refusedLater("signature_missing", attempt("docusign", { headers }));
    const gap = { "x-docusign-signature-3": "not read" };
    assert.equal(await attempt("docusign", { headers: gap }), "hmac");
    assert.deepEqual(
      signatureHeaderNames("docusign", headersOf("docusign", gap)).filter((name) => name.endsWith("-3")),
      [],
    );
  },
  "Docusign's account selects the keys, in any letter case; an account without its own keys has the common ones":
    async () => {
      const { key } = EVENTS.docusign;
      const id = "8b2e4cf1-0000-4000-8000-00000000000a";
      const accounts = { [id]: [key], other: [OTHER_KEY] };
      assert.equal(await attempt("docusign", { keys: [], accounts }), "hmac");
      assert.equal(await attempt("docusign", { keys: [OTHER_KEY], accounts }), "hmac");
      assert.equal(await attempt("docusign", { accounts: { other: [OTHER_KEY] } }), "hmac");
      const none = { "x-docusign-accountid": null };
      assert.equal(await attempt("docusign", { accounts: { other: [OTHER_KEY] }, headers: none }), "hmac");
    },
  "Docusign's account gives no access: only its own keys count, and without a key it is refused": async () => {
    const { key } = EVENTS.docusign;
    const id = "8b2e4cf1-0000-4000-8000-00000000000a";
    const crossed = attempt("docusign", { keys: [key], accounts: { [id]: [OTHER_KEY] } });
    assert.equal((await refusedLater("signature_mismatch", crossed)).details["account"], id);
    const refusal = await refusedLater(
      "signature_key_unknown",
      attempt("docusign", { keys: [], accounts: { b: [key] } }),
    );
    assert.deepEqual(refusal.details, { scheme: "docusign", account: id });
    await refusedLater("signature_key_unknown", attempt("docusign", { keys: [], accounts: { [id]: [] } }));
    for (const account of ["a, b", `${id}, ${id}`, "a b", "ä", "x".repeat(65)]) {
      const headers = { "x-docusign-accountid": account };
      const refusal = attempt("docusign", { headers, accounts: { b: [key] } });
      const { details } = await refusedLater("signature_malformed", refusal);
      assert.deepEqual(details, { cause: "x-docusign-accountid is not exactly one id" });
    }
  },
  "a mismatch reports to the operator how much was compared": async () => {
    const headers = { "svix-signature": `v1,${EVENTS.svix.signatures[0]} v1a,${ED25519.signature}` };
    const keys = [EVENTS.svix.otherKey, ED25519.otherKey];
    const both = await refusedLater("signature_mismatch", attempt("svix", { keys, headers }));
    assert.deepEqual(both.details, { scheme: "svix", keys: 2, signatures: 2 });
    const encoded = { ...headers, "content-encoding": "br" };
    const { details } = await refusedLater("signature_mismatch", attempt("svix", { keys, headers: encoded }));
    assert.deepEqual(details, { scheme: "svix", keys: 2, signatures: 2, contentEncoding: "br" });
  },
  "a key of one kind is not tried with signatures of the other kind": async () => {
    const hmac = await refusedLater("signature_key_unknown", attempt("svix", { keys: [ED25519.key] }));
    assert.deepEqual(hmac.details, { scheme: "svix" });
    const headers = { "svix-signature": `v1a,${ED25519.signature}` };
    await refusedLater("signature_key_unknown", attempt("svix", { keys: [EVENTS.svix.key], headers }));
    const keys = [EVENTS.svix.otherKey, ED25519.key];
    assert.equal((await refusedLater("signature_mismatch", attempt("svix", { keys }))).details["keys"], 1);
  },
  "verifyWebhookSignature() skips unknown versions if there is also a known one": async () => {
    const [hex] = EVENTS.pagerduty.signatures;
    const own = { "x-pagerduty-signature": `v2=${"ab".repeat(64)},v1=${hex},v3=x` };
    assert.equal(await attempt("pagerduty", { headers: own }), "hmac");
    const { header, tag, signatures } = EVENTS.stripe;
    const test = { [header]: `${tag}${signatures[0]},v0=${"cd".repeat(32)}` };
    assert.equal(await attempt("stripe", { headers: test }), "hmac");
    const standard = { "svix-signature": `v2,AAAA v1,${EVENTS.svix.signatures[0]}` };
    assert.equal(await attempt("svix", { headers: standard }), "hmac");
  },
  "verifyWebhookSignature() accepts times up to five minutes away, in the past and in the future": async () => {
    for (const scheme of ["slack", "zoom", "stripe", "standard-webhooks", "svix", "twitch"] as const) {
      for (const now of [NOW - 300, NOW, NOW + 300]) assert.equal(await attempt(scheme, { now }), "hmac");
      for (const now of [NOW - 301, NOW + 301, 0]) {
        const refusal = await refusedLater("signature_stale", attempt(scheme, { now }));
        assert.deepEqual(refusal.details, { timestamp: NOW, now });
      }
    }
    for (const scheme of ["docusign", "meta", "github", "pagerduty", "x"] as const) {
      assert.equal(await attempt(scheme, { now: 0 }), "hmac");
    }
  },
  "signatureHeaderNames() names exactly the headers that verification reads": async () => {
    for (const scheme of SCHEMES) {
      const headers = headersOf(scheme, { "content-type": "application/json", authorization: "Basic x", "x-1": "x" });
      const names = signatureHeaderNames(scheme, headers);
      const { header, others } = EVENTS[scheme];
      assert.deepEqual([...names].sort(), [header, ...Object.keys(others)].sort());
      const forwarded = new Headers(names.map((name) => [name, headers.get(name) ?? ""]));
      const keys = { scheme, keys: [importSignatureKey(scheme, EVENTS[scheme].key)], accounts: new Map(), retired: [] };
      const body = new TextEncoder().encode(BODY);
      assert.equal(await verifyWebhookSignature(keys, new SignedRequest(forwarded, body, NOW)), "hmac");
      assert.deepEqual(signatureHeaderNames(scheme, new Headers()), []);
    }
  },
};
