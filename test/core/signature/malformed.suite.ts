// Tests signature headers of the wrong form: signatures that are cut, written differently or repeated, and times and tags in
// another form.

import assert from "node:assert/strict";
import { signatureHeaderNames } from "../../../core/signature/schemes.ts";
import { MAX_EVENT_ID_CHARACTERS } from "../../../core/wire.ts";
import { type Cases, refusedLater } from "../../support/scenes/certificates.ts";
import { attempt, ED25519, EVENTS, type HmacScheme, headersOf, NOW, SCHEMES } from "../../support/scenes/signature.ts";

const STANDARD = ["standard-webhooks", "svix"] as const;

const signatureHeader = (scheme: HmacScheme, value: string) => ({ [EVENTS[scheme].header]: value });

/** Checks that each value of the signature header is refused. If a value is not refused, the error of the test names it. */
async function malformed(scheme: HmacScheme, ...values: readonly string[]): Promise<void> {
  for (const value of values) {
    const run = attempt(scheme, { headers: signatureHeader(scheme, value) });
    await refusedLater("signature_malformed", run).catch((error) => {
      throw new Error(`${scheme}: ${JSON.stringify(value)}`, { cause: error });
    });
  }
}

/**
 * Returns texts that are similar to a signature: cut, too long, or with a different letter case, different bits or different
 * padding.
 */
function respellings(signature: string): string[] {
  const isHex = signature.length === 64;
  const middle = signature.length / 2;
  const common = [
    "",
    signature.slice(0, 1),
    signature.slice(0, 2),
    signature.slice(0, middle),
    signature.slice(0, -1),
    signature.slice(0, -2),
    signature.slice(1),
    signature + signature,
    `${signature}00`,
    `${signature}A`,
    `${signature}=`,
    `${signature};`,
    `"${signature}"`,
    `0x${signature}`,
    `${signature.slice(0, middle)} ${signature.slice(middle)}`,
    `${signature.slice(0, middle)}\t${signature.slice(middle)}`,
    `${signature.slice(0, middle)}%${signature.slice(middle + 1)}`,
    `${signature.slice(0, middle)}é${signature.slice(middle + 1)}`,
  ];
  if (isHex) return [...common, signature.toUpperCase(), Buffer.from(signature, "hex").toString("base64")];
  const unpadded = signature.replace(/=+$/, "");
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const last = digits.indexOf(unpadded.slice(-1));
  return [
    ...common,
    unpadded,
    `${unpadded}===`,
    `${unpadded}%3D`,
    unpadded.slice(0, -1) + digits[last ^ 1] + signature.slice(unpadded.length),
    `${signature.slice(0, 5)}-${signature.slice(6)}`,
    `${signature.slice(0, 5)}_${signature.slice(6)}`,
    Buffer.from(signature, "base64").toString("hex"),
  ];
}

export const cases: Cases = {
  "verifyWebhookSignature() accepts only one text for each signature": async () => {
    for (const scheme of SCHEMES) {
      const { tag, signatures } = EVENTS[scheme];
      await malformed(scheme, ...respellings(signatures[0]).map((text) => tag + text));
    }
    for (const scheme of STANDARD) {
      const whole = `v1,${EVENTS[scheme].signatures[0]}`;
      await malformed(scheme, ...respellings(ED25519.signature).map((text) => `v1a,${text}`));
      await malformed(scheme, ...respellings(ED25519.signature).map((text) => `${whole} v1a,${text}`));
    }
  },
  "a good signature does not excuse a bad one": async () => {
    for (const scheme of ["pagerduty", "stripe", ...STANDARD] as const) {
      const { tag, signatures } = EVENTS[scheme];
      const separator = scheme === "svix" || scheme === "standard-webhooks" ? " " : ",";
      const version = tag.slice(tag.lastIndexOf("v"));
      const bad = [
        version,
        version + signatures[1].slice(0, -4),
        `${separator}v9=x`,
        "v9",
        "=",
        "x y",
        `v1;${signatures[1]}`,
      ];
      await malformed(scheme, ...bad.map((text) => tag + signatures[0] + separator + text));
    }
    const [one, two] = EVENTS.docusign.signatures;
    for (const text of ["", two.slice(0, -1), `${two}, ${two}`, "x"]) {
      const headers = { "x-docusign-signature-1": one, "x-docusign-signature-2": text };
      await refusedLater("signature_malformed", attempt("docusign", { headers }));
    }
  },
  "verifyWebhookSignature() refuses another tag, and a missing tag": async () => {
    for (const scheme of SCHEMES.filter((name) => EVENTS[name].tag !== "")) {
      const { signatures, tag } = EVENTS[scheme];
      const [signature] = signatures;
      const start = tag.slice(0, tag.search(/\w+[=,]$/));
      const tags = [
        "",
        "v9=",
        "v9,",
        "sha1=",
        "SHA256=",
        "Sha256=",
        "V1=",
        "V0=",
        "V1,",
        "v1:",
        "=",
        ",",
        "v1 =",
        "v1a=",
      ];
      await malformed(scheme, ...tags.map((other) => start + other + signature));
    }
    await malformed("slack", `v1=${EVENTS.slack.signatures[0]}`);
    await malformed("pagerduty", `v0=${EVENTS.pagerduty.signatures[0]}`, `v2=${EVENTS.pagerduty.signatures[0]}`);
  },
  "verifyWebhookSignature() refuses a repeated signature": async () => {
    for (const scheme of SCHEMES) {
      const { tag, signatures, others } = EVENTS[scheme];
      const value = tag + signatures[0];
      await malformed(scheme, `${value}, ${value}`, `${value},${value}`, `${value} ${value}`, `${value},`, `,${value}`);
      await malformed(scheme, `${value}, ${tag}${signatures[1]}`);
      for (const [name, other] of Object.entries(others)) {
        if (name === "x-docusign-accountid") continue;
        await refusedLater("signature_malformed", attempt(scheme, { headers: { [name]: `${other}, ${other}` } }));
      }
    }
    const [signature] = EVENTS.docusign.signatures;
    const headers = { "x-docusign-signature-2": signature };
    await refusedLater("signature_malformed", attempt("docusign", { headers }));
  },
  "verifyWebhookSignature() refuses joined headers in any order": async () => {
    const [hex] = EVENTS.pagerduty.signatures;
    await malformed("pagerduty", `v2=ab, v1=${hex}`, `v1=${hex}, v2=ab`);
    const [stripe] = EVENTS.stripe.signatures;
    await malformed("stripe", `t=${NOW}, v1=${stripe}`, `t=${NOW},v1=${stripe}, v0=ab`);
    const [standard] = EVENTS.svix.signatures;
    await malformed("svix", `v2,ab, v1,${standard}`, `v1,${standard}, v2,ab`);
  },
  "verifyWebhookSignature() refuses a request without a required header, and names it": async () => {
    for (const scheme of SCHEMES) {
      const required = Object.keys(EVENTS[scheme].others).filter((name) => !/accountid|digest/.test(name));
      for (const header of [EVENTS[scheme].header, ...required]) {
        const refusal = await refusedLater("signature_missing", attempt(scheme, { headers: { [header]: null } }));
        assert.deepEqual(refusal.details, { header });
        if (header !== EVENTS[scheme].header || scheme !== "docusign") {
          await refusedLater("signature_malformed", attempt(scheme, { headers: { [header]: "" } }));
        }
      }
    }
  },
  "verifyWebhookSignature() refuses a time that is not in canonical form": async () => {
    const n = String(NOW);
    const texts = [
      "",
      "x",
      `+${n}`,
      `-${n}`,
      `0${n}`,
      `${n}.0`,
      `${n}.`,
      `${n}e0`,
      `0x${NOW.toString(16)}`,
      `${n} ${n}`,
    ];
    texts.push(`${n}000000000000`, "NaN", "Infinity", "\u00b9700000000", `${n}n`, "1_700_000_000");
    for (const text of texts) {
      await refusedLater("signature_malformed", attempt("slack", { headers: { "x-slack-request-timestamp": text } }));
      await refusedLater("signature_malformed", attempt("svix", { headers: { "svix-timestamp": text } }));
      await malformed("stripe", `t=${text},v1=${EVENTS.stripe.signatures[0]}`);
    }
    const v1 = `v1=${EVENTS.stripe.signatures[0]}`;
    await malformed("stripe", v1, `t=${n},t=${n},${v1}`, `t=${n},${v1},t=${n}`, `t=${n}`, `t=${n},`, `T=${n},${v1}`);
    await refusedLater("signature_stale", attempt("stripe", { headers: { "stripe-signature": `t=0,${v1}` } }));
  },
  "verifyWebhookSignature() refuses more signatures than the limit, also behind the edge": async () => {
    const filler = (index: number) => Buffer.alloc(32, index);
    const names = Array.from({ length: 101 }, (_, index) => `x-docusign-signature-${index + 1}`);
    const entries = names.map((name, index) => [name, filler(index).toString("base64")]);
    const headers = { ...Object.fromEntries(entries), ...signatureHeader("docusign", EVENTS.docusign.signatures[0]) };
    await refusedLater("signature_malformed", attempt("docusign", { headers }));
    const more = { ...headers, "x-docusign-signature-102": "x" };
    const forwarded = signatureHeaderNames("docusign", headersOf("docusign", more));
    assert.deepEqual(
      forwarded.filter((name) => /signature-\d/.test(name)),
      names,
    );

    const list = (count: number, write: (index: number) => string) => Array.from({ length: count }, (_, i) => write(i));
    const hex = (index: number) => `v1=${filler(index).toString("hex")}`;
    const base64 = (index: number) => `v1,${filler(index).toString("base64")}`;
    await malformed("pagerduty", list(17, hex).join(), list(17, () => "v2=a").join());
    await malformed("svix", list(17, base64).join(" "));
    await malformed("stripe", `t=${NOW},${list(16, hex).join()}`);
    const many = signatureHeader("pagerduty", `${list(15, hex).join()},v1=${EVENTS.pagerduty.signatures[0]}`);
    assert.equal(await attempt("pagerduty", { headers: many }), "hmac");
  },
  "verifyWebhookSignature() refuses two different times, at any place in the header": async () => {
    const v1 = `v1=${EVENTS.stripe.signatures[0]}`;
    await malformed("stripe", `t=${NOW},t=${NOW + 1},${v1}`, `t=${NOW + 1},${v1},t=${NOW}`);
  },
  "verifyWebhookSignature() accepts an id of 256 characters, and none that is longer": async () => {
    const withId = (length: number) => attempt("svix", { headers: { "svix-id": "m".repeat(length) } });
    // The id is accepted, but the signature is over another id. So the refusal says that the signature does not match.
    await refusedLater("signature_mismatch", withId(MAX_EVENT_ID_CHARACTERS));
    await refusedLater("signature_malformed", withId(MAX_EVENT_ID_CHARACTERS + 1));
  },
  "verifyWebhookSignature() reports to the operator what is wrong with the headers": async () => {
    const [hex] = EVENTS.pagerduty.signatures;
    const numbered = Array.from({ length: 101 }, (_, index) => [
      `x-docusign-signature-${index + 1}`,
      Buffer.alloc(32, index).toString("base64"),
    ]);
    const listed = Array.from({ length: 17 }, (_, index) => `v1=${Buffer.alloc(32, index).toString("hex")}`);
    const ed25519 = Array.from({ length: 5 }, (_, index) => `v1a,${Buffer.alloc(64, index).toString("base64")}`);
    const faults: readonly (readonly [cause: string, HmacScheme, Readonly<Record<string, string>>])[] = [
      ["an element is not of its form", "pagerduty", { "x-pagerduty-signature": `v1=${hex},v9` }],
      ["no signature of a known version", "pagerduty", { "x-pagerduty-signature": "v9=abc" }],
      ["a signature is cut, too long or not canonical", "slack", { "x-slack-signature": "v0=abc" }],
      ["not x-authorization-digest: HMACSHA256", "docusign", { "x-authorization-digest": "none" }],
      ["over 100 signatures", "docusign", Object.fromEntries(numbered)],
      ["over 16 signatures", "pagerduty", { "x-pagerduty-signature": listed.join() }],
      ["over 4 of Ed25519", "svix", { "svix-signature": ed25519.join(" ") }],
      ["a signature is repeated", "pagerduty", { "x-pagerduty-signature": `v1=${hex},v1=${hex}` }],
      ["not exactly one time in the form of the scheme", "slack", { "x-slack-request-timestamp": "now" }],
      ["svix-id is not of its form", "svix", { "svix-id": "a.b" }],
    ];
    for (const [cause, scheme, headers] of faults) {
      assert.deepEqual((await refusedLater("signature_malformed", attempt(scheme, { headers }))).details, { cause });
    }
  },
  "verifyWebhookSignature() accepts four Ed25519 signatures together with others": async () => {
    const others = Array.from({ length: 3 }, (_, index) => `v1a,${Buffer.alloc(64, index).toString("base64")}`);
    const headers = { "svix-signature": [...others, `v1a,${ED25519.signature}`].join(" "), "svix-id": "msg_1" };
    const keys = [ED25519.key, EVENTS.svix.key];
    assert.equal(await attempt("svix", { headers: { ...headers }, keys }).catch(String), "ed25519");
  },
  "verifyWebhookSignature() refuses an algorithm other than HMAC with SHA-256": async () => {
    for (const value of ["HMACSHA512", "hmacsha256", "none", "", "HMACSHA256, HMACSHA256", "HMACSHA256,"]) {
      await refusedLater("signature_malformed", attempt("docusign", { headers: { "x-authorization-digest": value } }));
    }
    assert.equal(await attempt("docusign", { headers: { "x-authorization-digest": null } }), "hmac");
  },
};
