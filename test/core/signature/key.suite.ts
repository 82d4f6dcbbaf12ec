// Tests the configuration of signature keys: which keys are accepted, which are refused, and that no text contains a key.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { SIGNATURE_SCHEME_NAMES } from "../../../core/signature/schemes.ts";
import { importSignatureKey } from "../../../core/signature/verify.ts";
import { character } from "../../support/arbitraries.ts";
import type { Cases } from "../../support/scenes/certificates.ts";
import { ED25519, EVENTS, KEY, SCHEMES } from "../../support/scenes/signature.ts";

const TEXT = SCHEMES.filter((scheme) => !/svix|standard/.test(scheme));
const ENCODED = ["standard-webhooks", "svix"] as const;

/** Returns for each scheme the fault that is reported for this secret, or "" if there is none. */
function faults(
  schemes: typeof SIGNATURE_SCHEME_NAMES | readonly (typeof SCHEMES)[number][],
  secret: string,
): string[] {
  return schemes.map((scheme) => {
    try {
      importSignatureKey(scheme, secret);
    } catch (error) {
      assert.ok(error instanceof SyntaxError, `${scheme}: ${error}`);
      const told = `${error.message} ${JSON.stringify(error)} ${error.cause ?? ""}`;
      for (let at = 0; at + 6 <= secret.length; at++) assert.ok(!told.includes(secret.slice(at, at + 6)), told);
      return error.message;
    }
    return "";
  });
}

function refusedAs(pattern: RegExp, schemes: Parameters<typeof faults>[0], ...secrets: readonly string[]): void {
  for (const secret of secrets) {
    for (const fault of faults(schemes, secret)) assert.match(fault, pattern, JSON.stringify(secret));
  }
}

const octets = (length: number) => Buffer.alloc(length, 0xa5).toString("base64");

export const cases: Cases = {
  "importSignatureKey() accepts keys as senders show them": () => {
    for (const scheme of SCHEMES) {
      for (const key of [EVENTS[scheme].key, EVENTS[scheme].otherKey]) {
        assert.equal(importSignatureKey(scheme, key).method, "hmac");
      }
    }
    for (const key of [
      "It's a Secret to Everybody",
      "12 letters !",
      "schlüssel-aus-text",
      '"starts with a quote',
      'ends with a quote"',
      'has "quotes" within',
      'has "quotes at its end"',
      '"Quotes" at its start',
      KEY,
    ]) {
      assert.deepEqual(
        faults(TEXT, key),
        TEXT.map(() => ""),
        key,
      );
    }
    for (const scheme of ENCODED) {
      assert.equal(importSignatureKey(scheme, ED25519.key).method, "ed25519");
      for (const length of [24, 25, 26, 32, 64, 75]) {
        assert.equal(importSignatureKey(scheme, `whsec_${octets(length)}`).method, "hmac");
        assert.equal(importSignatureKey(scheme, octets(length)).method, "hmac", "without the prefix");
      }
    }
  },
  "importSignatureKey() refuses characters that copying leaves around a key": () => {
    for (const key of [KEY, `whsec_${KEY}`, ED25519.key]) {
      const spaced = ["\n", "\r\n", " ", "\t", "\u00a0", "\ufeff", "\u2028"].flatMap((space) => [
        key + space,
        space + key,
      ]);
      refusedAs(/white space at an end/, SCHEMES, ...spaced);
      refusedAs(/in quotes/, SCHEMES, `"${key}"`, `'${key}'`, `\`${key}\``);
      refusedAs(/control character/, SCHEMES, `${key}\0${key}`, `${key}\n${key}`, `a\u0085${key}`, `\ud800${key}`);
    }
  },
  "importSignatureKey() names the prefix of signatures, which is not part of a key": () => {
    refusedAs(/begins with v1, which is a prefix of signatures: omit it/, ENCODED, `v1,whsec_${KEY}`, `v1,${KEY}`);
    refusedAs(/begins with v1a, which is a prefix/, ENCODED, `v1a,${ED25519.key}`);
  },
  "importSignatureKey() refuses keys that are empty or short": () => {
    refusedAs(/empty/, SCHEMES, "");
    refusedAs(/fewer than 12 characters/, TEXT, "x", "11-letters!");
    refusedAs(/fewer than 24 octets/, ENCODED, "whsec_", "whsec_AAAA", `whsec_${octets(23)}`, octets(23));
    refusedAs(/32 octets/, ENCODED, "whpk_", `whpk_${octets(31)}`, `whpk_${octets(33)}`, `whpk_${octets(64)}`);
  },
  "importSignatureKey() refuses Ed25519 keys with which no signature, or every signature, verifies": () => {
    const keyOf = (hex: string) => `whpk_${Buffer.from(hex.padEnd(64, "0"), "hex").toString("base64")}`;
    const flipped = (hex: string) =>
      keyOf(`${hex.slice(0, 62)}${(Number.parseInt(hex.slice(62), 16) ^ 0x80).toString(16)}`);
    const p = (last: string) => `${last}${"ff".repeat(30)}7f`;
    const ofLowOrder = [
      "00".repeat(32),
      "01".padEnd(64, "0"),
      p("ec"),
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ];
    const inExcess = [p("ed"), p("ee"), p("ef"), p("f0")];
    for (const hex of [...ofLowOrder, ...inExcess]) refusedAs(/not an Ed25519 key/, ENCODED, keyOf(hex), flipped(hex));
    // The curve has no point with y = 2, but has one with y = 3.
    refusedAs(/not an Ed25519 key/, ENCODED, keyOf("02"), keyOf(`${"02".padEnd(62, "0")}80`));
    importSignatureKey("svix", keyOf("03"));
  },
  "importSignatureKey() accepts every Ed25519 key that is generated": () => {
    for (let made = 0; made < 20; made += 1) {
      const { x = "" } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
      importSignatureKey("svix", `whpk_${Buffer.from(x, "base64url").toString("base64")}`);
    }
  },
  "importSignatureKey() refuses keys of Standard Webhooks that are not base64, and private keys": () => {
    const whole = octets(32);
    const texts = [
      "=",
      "!",
      whole.slice(0, -1),
      `${whole}=`,
      `${whole}A`,
      whole.replace("=", "%3D"),
      `${whole}.${whole}`,
    ];
    texts.push(
      whole.replaceAll("p", "_"),
      `${whole.slice(0, -2)}V=`,
      `${whole.slice(0, 9)} ${whole.slice(9)}`,
      "ä".repeat(32),
    );
    for (const prefix of ["whsec_", "whpk_", ""]) {
      refusedAs(/not standard base64/, ENCODED, ...texts.map((text) => prefix + text));
    }
    refusedAs(/not standard base64/, ENCODED, `WHSEC_${whole}`, `whsec${whole}`, `whsec_whsec_${whole}`);
    refusedAs(/whsk_ is the sender's key/, ENCODED, `whsk_${whole}`, `whsk_${octets(64)}`);
  },
  "importSignatureKey() accepts or refuses any text, and never quotes it": () => {
    const text = fc.oneof(fc.string({ unit: character, maxLength: 60 }), fc.base64String({ maxLength: 100 }));
    fc.assert(
      fc.property(fc.constantFrom("", "whsec_", "whpk_", "whsk_"), text, (prefix, rest) => {
        faults(SIGNATURE_SCHEME_NAMES, prefix + rest);
      }),
      { numRuns: 300 },
    );
  },
  "a printed key does not contain its secret": () => {
    for (const scheme of SCHEMES) {
      for (const secret of scheme === "svix" ? [EVENTS.svix.key, ED25519.key] : [EVENTS[scheme].key]) {
        const key = importSignatureKey(scheme, secret);
        const told = `${JSON.stringify(key)} ${inspect(key, { depth: 9, showHidden: true })} ${String(key)}`;
        const body = secret.replace(/^wh\w+_/, "");
        for (const form of [body.slice(0, 8), Buffer.from(body, "base64").toString("hex").slice(0, 8)]) {
          assert.ok(!told.toLowerCase().includes(form.toLowerCase()), told);
        }
      }
    }
  },
};
