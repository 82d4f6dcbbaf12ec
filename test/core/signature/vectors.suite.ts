// Tests signatures that other programs computed: published vectors, and signatures by OpenSSL over an event of these tests.

import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import fc from "fast-check";
import { SIGNATURE_SCHEME_NAMES, type SignatureSchemeName } from "../../../core/signature/schemes.ts";
import { importSignatureKey, SignedRequest, verifyWebhookSignature } from "../../../core/signature/verify.ts";
import { type Cases, refusedLater } from "../../support/scenes/certificates.ts";
import { attempt, ED25519, EVENTS, NOW, SCHEMES } from "../../support/scenes/signature.ts";

const ENVELOPE =
  '{"event":"envelope-sent","apiVersion":"v2.1","data":{"envelopeId":"11111111-2222-3333-4444-555555555555","status":"sent","emailSubject":"Please sign this document","userId":"99999999-8888-7777-6666-555555555555"}}';
const COMMAND =
  "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

const VECTORS: readonly {
  readonly scheme: SignatureSchemeName;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly now?: number;
}[] = [
  {
    scheme: "docusign",
    key: "6d5b9f8a-2c44-4a7e-9b31-3f0e1d2c5a9c",
    headers: { "X-DocuSign-Signature-1": "pIJlMnjy4GTTMVTa8IIpWiM4b8HmP+8qYoa3jPx/zCQ=" },
    body: ENVELOPE,
  },
  {
    scheme: "docusign",
    key: "6d5b9f8a-2c44-4a7e-9b31-3f0e1d2c5a9c",
    headers: { "X-DocuSign-Signature-1": "luftNupekYB9JqqII+6dHdZd8kuup7kDvRC6/fWUQf0=" },
    body: "",
  },
  {
    scheme: "docusign",
    key: "6d5b9f8a-2c44-4a7e-9b31-3f0e1d2c5a9c",
    headers: { "X-DocuSign-Signature-1": "3LsFZjZT0N61GsHXFZEj2SN4DmgEe+rfs1ZD796/HbU=" },
    body: "héllo, 🦀 world!",
  },
  {
    scheme: "docusign",
    key: "00000000-0000-0000-0000-000000000000",
    headers: { "X-DocuSign-Signature-1": "/H+hDmayNt2QohkBOPy1SEdouGGRGialuyKO3JCoRHU=" },
    body: ENVELOPE,
  },
  {
    scheme: "meta",
    key: "test_app_secret",
    headers: { "X-Hub-Signature-256": "sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756" },
    body: '{"object":"whatsapp_business_account","entry":[]}',
  },
  {
    scheme: "github",
    key: "It's a Secret to Everybody",
    headers: { "X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" },
    body: "Hello, World!",
  },
  {
    scheme: "slack",
    key: "8f742231b10e8888abcd99yyyzzz85a5",
    headers: {
      "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
      "X-Slack-Request-Timestamp": "1531420618",
    },
    body: COMMAND,
    now: 1_531_420_618,
  },
  ...(["webhook", "svix"] as const).map((name) => ({
    scheme: name === "svix" ? ("svix" as const) : ("standard-webhooks" as const),
    key: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    headers: {
      [`${name}-id`]: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      [`${name}-timestamp`]: "1614265330",
      [`${name}-signature`]: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    body: '{"test": 2432232314}',
    now: 1_614_265_330,
  })),
];

function verifyVector({ scheme, key, headers, body, now = 0 }: (typeof VECTORS)[number]) {
  const keys = { scheme, keys: [importSignatureKey(scheme, key)], accounts: new Map(), retired: [] };
  return verifyWebhookSignature(keys, new SignedRequest(new Headers(headers), new TextEncoder().encode(body), now));
}

export const cases: Cases = {
  "the events of the tests cover every scheme": () => {
    assert.deepEqual([...SCHEMES, "discord"].sort(), [...SIGNATURE_SCHEME_NAMES].sort());
  },
  "verifyWebhookSignature() agrees with published vectors": async () => {
    for (const vector of VECTORS) assert.equal(await verifyVector(vector), "hmac", JSON.stringify(vector));
  },
  "verifyWebhookSignature() refuses published vectors over other bytes with the same meaning": async () => {
    for (const vector of VECTORS.filter(({ body }) => body.startsWith("{"))) {
      const body = JSON.stringify(JSON.parse(vector.body), null, 1);
      await refusedLater("signature_mismatch", verifyVector({ ...vector, body }));
    }
  },
  "verifyWebhookSignature() agrees with OpenSSL in every scheme": async () => {
    for (const scheme of SCHEMES) {
      const { header, tag, signatures, otherKey } = EVENTS[scheme];
      assert.equal(await attempt(scheme), "hmac", scheme);
      const headers = { [header]: tag + signatures[1] };
      assert.equal(await attempt(scheme, { keys: [otherKey], headers }), "hmac", scheme);
    }
  },
  "verifyWebhookSignature() verifies bytes, not text": async () => {
    const body = Uint8Array.from([0xff, 0xfe, 0, 0x80, 0x61, 0x62, 0x63, 0x0d, 0x0a]);
    const headers = {
      "x-hub-signature-256": "sha256=a5faed54acdf83086e22c320af3f6423e625ef460b4a08068dbbdc2152786a3a",
    };
    assert.equal(await attempt("github", { body, headers }), "hmac");
    assert.equal(await attempt("github", { body: new Uint8Array([1, ...body]).subarray(1), headers }), "hmac");
  },
  "Ed25519 agrees with OpenSSL, together with HMAC and alone": async () => {
    const header = (...signatures: string[]) => ({ "webhook-signature": signatures.join(" ") });
    const hmac = `v1,${EVENTS.svix.signatures[0]}`;
    const v1a = `v1a,${ED25519.signature}`;
    const { key, otherKey } = EVENTS["standard-webhooks"];
    const run = (keys: string[], ...signatures: string[]) =>
      attempt("standard-webhooks", { keys, headers: header(...signatures) });
    assert.equal(await run([ED25519.key], v1a), "ed25519");
    assert.equal(await run([ED25519.otherKey, ED25519.key], v1a), "ed25519");
    assert.equal(await run([ED25519.key], `v1a,${ED25519.otherSignature}`, v1a), "ed25519");
    assert.equal(await run([ED25519.key], hmac, v1a), "ed25519");
    assert.equal(await run([ED25519.key, key], hmac, v1a), "ed25519");
    assert.equal(await run([key, ED25519.key], hmac, v1a), "hmac");
    assert.equal(await run([otherKey, ED25519.key], hmac, v1a), "ed25519");
    await refusedLater("signature_mismatch", run([ED25519.otherKey], v1a));
    await refusedLater("signature_key_unknown", run([key], v1a));
    await refusedLater("signature_key_unknown", run([ED25519.key], hmac));
  },
  "Ed25519 signatures of this test verify over any id, time and body, and over no other": async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const point = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
    const keys = [`whpk_${point.toString("base64")}`];
    const id = fc.stringMatching(/^[!-\-/-~]{1,40}$/);
    await fc.assert(
      fc.asyncProperty(id, fc.nat(NOW), fc.uint8Array({ maxLength: 200 }), async (name, now, bytes) => {
        const body = new Uint8Array(bytes);
        const signature = sign(null, Buffer.concat([Buffer.from(`${name}.${now}.`), body]), privateKey);
        const headers = {
          "svix-id": name,
          "svix-timestamp": String(now),
          "svix-signature": `v1a,${signature.toString("base64")}`,
        };
        assert.equal(await attempt("svix", { keys, headers, body, now }), "ed25519");
        const longer = new Uint8Array([...body, 0]);
        await refusedLater("signature_mismatch", attempt("svix", { keys, headers, body: longer, now }));
      }),
      { numRuns: 50 },
    );
  },
};
