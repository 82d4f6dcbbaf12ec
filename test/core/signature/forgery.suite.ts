// Tests signatures that the sender did not make for this body: altered signatures, signatures over other bytes, and signatures by
// another key.

import assert from "node:assert/strict";
import fc from "fast-check";
import { Refusal } from "../../../core/refusal.ts";
import { makeHmacKey } from "../../../core/signature/key.ts";
import { SIGNATURE_SCHEMES } from "../../../core/signature/schemes.ts";
import { type Cases, refusedLater } from "../../support/scenes/certificates.ts";
import { attempt, BODY, ED25519, EVENTS, type HmacScheme, NOW, SCHEMES } from "../../support/scenes/signature.ts";

const signatureHeader = (scheme: HmacScheme, value: string) => ({ [EVENTS[scheme].header]: value });

/** The code of the refusal if `body` is not the signed body. Some schemes accept only a body that begins with a brace. */
const codeOf = (scheme: HmacScheme, body: Uint8Array) =>
  SIGNATURE_SCHEMES[scheme].hasObject && body[0] !== 0x7b ? "signature_malformed" : "signature_mismatch";

export const cases: Cases = {
  "verifyWebhookSignature() refuses a body with any byte changed, cut or added": async () => {
    const bytes = new TextEncoder().encode(BODY);
    for (const scheme of SCHEMES) {
      for (const at of bytes.keys()) {
        const body = Uint8Array.from(bytes);
        body[at] = (body[at] ?? 0) ^ 1;
        await refusedLater(codeOf(scheme, body), attempt(scheme, { body }));
      }
      for (const body of ["", ` ${BODY}`, `${BODY}\n`, BODY.slice(0, -1), `${BODY}\0`, BODY.replace("12.50", "12.5")]) {
        await refusedLater(codeOf(scheme, new TextEncoder().encode(body)), attempt(scheme, { body }));
      }
    }
  },
  "verifyWebhookSignature() refuses a signature with any bit changed": async () => {
    for (const scheme of SCHEMES) {
      const { signatures, tag } = EVENTS[scheme];
      const encoding = signatures[0].length === 64 ? "hex" : "base64";
      for (let bit = 0; bit < 256; bit += 5) {
        const octets = Buffer.from(signatures[0], encoding);
        octets[bit >> 3] = (octets[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const headers = signatureHeader(scheme, tag + octets.toString(encoding));
        await refusedLater("signature_mismatch", attempt(scheme, { headers }));
      }
    }
  },
  "verifyWebhookSignature() refuses the signature of one scheme under the headers of another": async () => {
    const [hex] = EVENTS.meta.signatures;
    await refusedLater(
      "signature_missing",
      attempt("pagerduty", { headers: { "x-pagerduty-signature": null, ...signatureHeader("meta", `sha256=${hex}`) } }),
    );
    await refusedLater("signature_mismatch", attempt("slack", { headers: { "x-slack-signature": `v0=${hex}` } }));
    await refusedLater(
      "signature_mismatch",
      attempt("stripe", { headers: { "stripe-signature": `t=${NOW},v1=${hex}` } }),
    );
  },
  "verifyWebhookSignature() refuses every other key": async () => {
    for (const scheme of SCHEMES) {
      const { otherKey, tag, signatures } = EVENTS[scheme];
      const refusal = await refusedLater("signature_mismatch", attempt(scheme, { keys: [otherKey] }));
      assert.deepEqual(refusal.details, { scheme, keys: 1, signatures: 1 });
      const headers = signatureHeader(scheme, tag + signatures[1]);
      await refusedLater("signature_mismatch", attempt(scheme, { headers }));
      await refusedLater("signature_key_unknown", attempt(scheme, { keys: [] }));
      await refusedLater("signature_key_unknown", attempt(scheme, { keys: [], retired: [otherKey] }));
    }
  },
  "a signature that is cut gets nothing from the one compared before it (CVE-2024-21491)": () => {
    const key = makeHmacKey(Buffer.from(EVENTS.github.key));
    const body = new TextEncoder().encode(BODY);
    const [signature] = EVENTS.github.signatures;
    const compare = (...hmac: string[]) => key.madeOneOf({ hmac, ed25519: [], encoding: "hex", prefix: "" }, body);
    assert.equal(compare(signature), true);
    for (const cut of ["", signature.slice(0, 1), signature.slice(0, -1)]) assert.equal(compare(cut), false);
  },
  "verifyWebhookSignature() refuses a time that was not signed": async () => {
    for (const now of [NOW + 1, NOW - 1]) {
      await refusedLater(
        "signature_mismatch",
        attempt("slack", { headers: { "x-slack-request-timestamp": String(now) } }),
      );
      const stripe = `t=${now},v1=${EVENTS.stripe.signatures[0]}`;
      await refusedLater("signature_mismatch", attempt("stripe", { headers: { "stripe-signature": stripe } }));
      for (const name of ["webhook", "svix"]) {
        const scheme = name === "svix" ? "svix" : "standard-webhooks";
        await refusedLater("signature_mismatch", attempt(scheme, { headers: { [`${name}-timestamp`]: String(now) } }));
        await refusedLater("signature_mismatch", attempt(scheme, { headers: { [`${name}-id`]: "msg_2" } }));
      }
    }
  },
  "verifyWebhookSignature() refuses an id with which the signed text would be ambiguous": async () => {
    for (const id of ["msg.1", ".", "msg_1.1700000000", "a b", "a, b", "", "é", "x".repeat(257)]) {
      for (const name of ["webhook", "svix"] as const) {
        const scheme = name === "svix" ? "svix" : "standard-webhooks";
        await refusedLater("signature_malformed", attempt(scheme, { headers: { [`${name}-id`]: id } }));
      }
    }
    // The signed text is `id.timestamp.body`. With an additional dot before the body, the signed text differs, so the signature
    // must not match.
    const moved = { "svix-id": "msg_1", "svix-timestamp": String(NOW) };
    await refusedLater("signature_mismatch", attempt("svix", { headers: moved, body: `.${BODY}` }));
  },
  "random headers never verify, and none crash": async () => {
    const pieces = fc.constantFrom(
      ...["v1=", "v0=", "v1,", "v1a,", "t=", "sha256=", ",", ", ", " ", "=", "1700000000", "x", "A", "\t", "é"],
      ...SCHEMES.flatMap((scheme) => EVENTS[scheme].signatures.map((signature) => signature.slice(0, -1))),
      ED25519.otherSignature,
    );
    const values = fc.oneof(
      fc.array(pieces, { maxLength: 6 }).map((list) => list.join("")),
      fc.string({ maxLength: 80 }),
    );
    const run = async (scheme: HmacScheme, list: readonly string[], bytes: Uint8Array) => {
      const names = [EVENTS[scheme].header, ...Object.keys(EVENTS[scheme].others), "x-docusign-signature-2"];
      const headers = Object.fromEntries(names.map((name, index) => [name, toFieldValue(list[index] ?? "")]));
      const keys = scheme in { svix: 1, "standard-webhooks": 1 } ? [EVENTS[scheme].key, ED25519.key] : undefined;
      return await attempt(scheme, { headers, body: new Uint8Array(bytes), ...(keys && { keys }) });
    };
    const inputs = [fc.constantFrom(...SCHEMES), fc.array(values, { maxLength: 5 }), fc.uint8Array()] as const;
    await fc.assert(
      fc.asyncProperty(...inputs, async (scheme, list, bytes) => {
        const outcome = await run(scheme, list, bytes).catch((error: unknown) => error);
        assert.ok(outcome instanceof Refusal, String(outcome));
        assert.match(outcome.code, /^signature_(missing|malformed|stale|mismatch)$/);
      }),
      { numRuns: 1500 },
    );
  },
};

/** Returns a text that Headers accepts as a value: without line breaks, and with characters of Latin-1 only. */
function toFieldValue(text: string): string {
  return text.replace(/[^\t -~\x80-\xff]/g, "?");
}
