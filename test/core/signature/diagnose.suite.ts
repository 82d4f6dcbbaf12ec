// Tests the hint that the operator gets for a signature that does not match. If the sender made a common mistake, the hint names
// it. The hint contains no secret.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { performance } from "node:perf_hooks";
import { formatProblem } from "../../../core/decision/problem.ts";
import { describeRefusal } from "../../../core/decision/refusal-line.ts";
import { formatLogLine } from "../../../core/log-line.ts";
import type { Refusal } from "../../../core/refusal.ts";

import { DIAGNOSED_BODY_BYTES } from "../../../core/wire.ts";
import { type Cases, refusedLater } from "../../support/scenes/certificates.ts";
import {
  type Attempt,
  attempt,
  BODY,
  ED25519,
  EVENTS,
  type HmacScheme,
  KEY,
  NOW,
  OTHER_KEY,
} from "../../support/scenes/signature.ts";

type Bytes = string | Uint8Array<ArrayBuffer>;

/** Returns headers with a signature over `body` by the key `secret`. */
function signedBy(scheme: HmacScheme, secret: string | Buffer, body: Bytes = BODY): Record<string, string> {
  const { header, tag, signatures } = EVENTS[scheme];
  const prefixes: Partial<Record<HmacScheme, string>> = {
    slack: `v0:${NOW}:`,
    stripe: `${NOW}.`,
    svix: `msg_1.${NOW}.`,
    "standard-webhooks": `msg_1.${NOW}.`,
  };
  const mac = createHmac("sha256", secret)
    .update(prefixes[scheme] ?? "")
    .update(body);
  return { [header]: tag + mac.digest(signatures[0].length === 64 ? "hex" : "base64") };
}

async function mismatch(scheme: HmacScheme, changes: Attempt): Promise<Refusal> {
  const refusal = await refusedLater("signature_mismatch", attempt(scheme, changes));
  await tellsNoSecret(refusal, scheme, changes);
  return refusal;
}

const hintFor = async (scheme: HmacScheme, changes: Attempt) => (await mismatch(scheme, changes)).details["wouldMatch"];

/** Checks that neither the log nor the response contains the key in any form, or a signature that would be accepted. */
async function tellsNoSecret(
  refusal: Refusal,
  scheme: HmacScheme,
  { keys = [KEY], retired = [], headers, body = BODY }: Attempt,
) {
  const answer = formatProblem(refusal, "1");
  const told = `${formatLogLine(describeRefusal(refusal, { id: "1" }))} ${JSON.stringify(refusal)} ${refusal.stack}`;
  const texts = [...keys, ...retired].map((key) => key.replace(/^wh\w+_/, ""));
  const expected = texts.flatMap((key) =>
    [key, Buffer.from(key, "base64")].map((secret) => Object.values(signedBy(scheme, secret, body))[0] ?? ""),
  );
  const presented = Object.values(headers ?? {}).map(String);
  for (const secret of [...texts, ...expected, ...presented].map((text) => text.slice(-24))) {
    assert.ok(!told.includes(secret), `${secret} in ${told}`);
  }
  assert.doesNotMatch(await answer.text(), /would|key|retired/i);
}

/** The schemes in which the key is a text. */
const TEXT_SCHEMES = ["docusign", "github", "pagerduty", "slack", "stripe"] as const;

export const cases: Cases = {
  "a key that lost its = in copying, or gained one": async () => {
    for (const scheme of TEXT_SCHEMES) {
      const headers = signedBy(scheme, KEY);
      const hint = await hintFor(scheme, { keys: [OTHER_KEY, KEY.slice(0, -1)], headers });
      assert.equal(hint, "key 1 with = at its end");
      assert.equal(await hintFor(scheme, { keys: [`${KEY}=`], headers }), "key 0 without its last =");
    }
    const two = Buffer.alloc(16, 7).toString("base64");
    const headers = signedBy("docusign", two);
    assert.equal(await hintFor("docusign", { keys: [two.slice(0, -2)], headers }), "key 0 with == at its end");
    assert.equal(await hintFor("docusign", { keys: [two.slice(0, -1)], headers }), "key 0 with = at its end");
  },
  "a key that only one side decodes": async () => {
    const octets = Buffer.from(KEY, "base64");
    for (const scheme of TEXT_SCHEMES) {
      assert.equal(await hintFor(scheme, { headers: signedBy(scheme, octets) }), "key 0 decoded from base64");
    }
    for (const scheme of ["svix", "standard-webhooks"] as const) {
      const keys = [EVENTS[scheme].key];
      const bare = await hintFor(scheme, { keys, headers: signedBy(scheme, KEY) });
      assert.equal(bare, "key 0 as text, not decoded from base64");
      const whole = await hintFor(scheme, { keys, headers: signedBy(scheme, `whsec_${KEY}`) });
      assert.equal(whole, "key 0 as text, not decoded from base64, with whsec_");
    }
  },
  "a key with a quote left at one end": async () => {
    for (const scheme of TEXT_SCHEMES) {
      for (const key of [`"${KEY}`, `${KEY}'`, `"${KEY}'`]) {
        const hint = await hintFor(scheme, { keys: [key], headers: signedBy(scheme, KEY) });
        assert.equal(hint, "key 0 without the quotes at its ends");
      }
    }
  },
  "a body that was parsed and serialised again on the way": async () => {
    const value = { event: "order.paid", lines: [{ sku: "ä", quantity: 2 }], note: null };
    const [compact, pretty] = [JSON.stringify(value), JSON.stringify(value, null, 2)];
    for (const scheme of TEXT_SCHEMES) {
      const signedCompact = { headers: signedBy(scheme, KEY, compact), keys: [OTHER_KEY, KEY] };
      const one = await hintFor(scheme, { ...signedCompact, body: pretty });
      assert.equal(one, "key 1 over the body as JSON without spaces");
      const other = await hintFor(scheme, { headers: signedBy(scheme, KEY, pretty), body: compact });
      assert.equal(other, "key 0 over the body as JSON indented by two spaces");
    }
    const body = JSON.stringify(JSON.parse(BODY), null, 4);
    const headers = { "svix-signature": `v1a,${ED25519.signature}` };
    assert.equal(await hintFor("svix", { keys: [ED25519.key], headers, body }), undefined, "12.50 became 12.5");
  },
  "a body that is part of a larger buffer": async () => {
    const pretty = new TextEncoder().encode('{"a": 1}');
    const body = new Uint8Array([...pretty, ...pretty]).subarray(pretty.length);
    const hint = await hintFor("docusign", { headers: signedBy("docusign", KEY, '{"a":1}'), body });
    assert.equal(hint, "key 0 over the body as JSON without spaces");
  },
  "a key that is empty once it is decoded": async () => {
    const headers = signedBy("docusign", "");
    assert.equal(await hintFor("docusign", { keys: ["!".repeat(12)], headers }), "key 0 decoded from base64");
  },
  "a key that was retired": async () => {
    for (const scheme of TEXT_SCHEMES) {
      const attempted = { keys: [OTHER_KEY], retired: ["some-older-key", KEY] };
      assert.equal(await hintFor(scheme, attempted), "retired key 1");
    }
    const headers = { "webhook-signature": `v1a,${ED25519.signature}` };
    const hint = await hintFor("standard-webhooks", { keys: [ED25519.otherKey], retired: [ED25519.key], headers });
    assert.equal(hint, "retired key 0");
  },
  "nothing is guessed if nothing matches": async () => {
    for (const body of [BODY, "", "{", "null", "[]", "\xff", '"text"', "1", "{}"]) {
      for (const scheme of ["docusign", "svix"] as const) {
        const keys = [EVENTS[scheme].otherKey];
        const refusal = await mismatch(scheme, { keys, headers: signedBy(scheme, "nobody's key"), body });
        assert.deepEqual(refusal.details, { scheme, keys: 1, signatures: 1 });
      }
    }
  },
  "a signature that matches a repaired key is still refused, whatever other signatures the request has": async () => {
    const [good] = Object.values(signedBy("docusign", KEY)) as [string];
    const headers = { "x-docusign-signature-1": Buffer.alloc(32).toString("base64"), "x-docusign-signature-2": good };
    const hint = await hintFor("docusign", { keys: [KEY.slice(0, -1)], headers });
    assert.equal(hint, "key 0 with = at its end");
  },
  "no body makes the diagnosis expensive: large ones are skipped, deep ones are not indented": async () => {
    const large = "x".repeat(DIAGNOSED_BODY_BYTES + 1);
    const headers = signedBy("docusign", KEY, large);
    assert.equal(await hintFor("docusign", { keys: [KEY.slice(0, -1)], headers, body: large }), undefined);
    const fits = large.slice(1);
    const hint = await hintFor("docusign", {
      keys: [KEY.slice(0, -1)],
      headers: signedBy("docusign", KEY, fits),
      body: fits,
    });
    assert.equal(hint, "key 0 with = at its end");
    const depth = DIAGNOSED_BODY_BYTES / 2;
    const deep = "[".repeat(depth) + "]".repeat(depth);
    const start = performance.now();
    assert.equal(await hintFor("docusign", { headers: signedBy("docusign", "nobody's key"), body: deep }), undefined);
    const wide = `[${"[1],".repeat(DIAGNOSED_BODY_BYTES / 4 - 1)}1]`;
    assert.equal(await hintFor("docusign", { headers: signedBy("docusign", "nobody's key"), body: wide }), undefined);
    assert.ok(performance.now() - start < 20_000);
  },
  "keys beyond the limit are not tried": async () => {
    const keys = [...Array.from({ length: 4 }, (_, index) => `another-key-${index}`), KEY.slice(0, -1)];
    assert.equal(await hintFor("docusign", { keys, headers: signedBy("docusign", KEY) }), undefined);
    const retired = [...keys.slice(0, 4), KEY];
    assert.equal(await hintFor("docusign", { keys: [OTHER_KEY], retired }), undefined);
  },
};
