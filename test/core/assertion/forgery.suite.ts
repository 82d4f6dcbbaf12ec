// Tests tokens that an edge never issues: forged or altered tokens, tokens in a different encoding or form, and tokens that are
// signed over other bytes.

import assert from "node:assert/strict";
import { createHmac, createPublicKey } from "node:crypto";
import fc from "fast-check";
import { Refusal } from "../../../core/refusal.ts";
import { deliver, HEADER, issue, JTI, open, seal, toBase64Url, verify } from "../../support/scenes/assertion.ts";
import { type Cases, type Fixtures, refusedLater } from "../../support/scenes/certificates.ts";

/** Returns a token with this header and the claims of a good token. The right key signed the token. */
async function withHeader(fixtures: Fixtures, header: unknown): Promise<string> {
  const { claims } = open(await issue(fixtures, await deliver(fixtures)));
  return seal(fixtures, typeof header === "string" ? header : JSON.stringify(header), JSON.stringify(claims));
}

async function malformed(fixtures: Fixtures, ...headers: readonly unknown[]): Promise<void> {
  for (const header of headers) {
    const token = await withHeader(fixtures, header);
    await refusedLater("assertion_malformed", verify(fixtures, token)).catch((error) => {
      throw new Error(JSON.stringify(header), { cause: error });
    });
  }
}

/** Returns texts that differ from a token, but decode to the same bytes, or to almost the same bytes. */
function respellings(token: string): string[] {
  const segments = token.split(".") as [string, string, string];
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return segments.flatMap((segment, index) => {
    const put = (text: string) => segments.with(index, text).join(".");
    const last = digits.indexOf(segment.slice(-1));
    const unused = [2, 3].includes(segment.length % 4) ? [1, 2, 3] : [];
    const middle = Math.floor(segment.length / 2);
    return [
      ...unused.map((bits) => put(segment.slice(0, -1) + digits[last ^ bits])),
      ...["=", "==", " ", "\n", "\t", "\0", "%3D", "A", "+"].map((tail) => put(segment + tail)),
      ...[" ", "\n", "="].flatMap((space) => [
        put(space + segment),
        put(segment.slice(0, middle) + space + segment.slice(middle)),
      ]),
      put(segment.slice(0, -1)),
      put(""),
    ];
  });
}

export const cases: Cases = {
  "verifyAssertion() refuses a token with any byte changed": async (fixtures) => {
    const segments = (await issue(fixtures, await deliver(fixtures)))
      .split(".")
      .map((segment) => Buffer.from(segment, "base64url"));
    const sizes = segments.map(({ byteLength }) => byteLength);
    const change = fc
      .integer({ min: 0, max: 2 })
      .chain((index) =>
        fc.tuple(fc.constant(index), fc.nat((sizes[index] ?? 1) - 1), fc.integer({ min: 1, max: 255 })),
      );
    await fc.assert(
      fc.asyncProperty(change, async ([index, at, mask]) => {
        const changed = segments.map((segment) => Uint8Array.from(segment));
        const target = changed[index] as Uint8Array;
        target[at] = (target[at] ?? 0) ^ mask;
        await assert.rejects(verify(fixtures, changed.map(toBase64Url).join(".")), Refusal);
      }),
      { numRuns: 400 },
    );
  },
  "verifyAssertion() refuses every other text that decodes to a token": async (fixtures) => {
    const token = await issue(fixtures, await deliver(fixtures));
    await verify(fixtures, token);
    for (const text of respellings(token)) {
      assert.notEqual(text, token);
      await assert.rejects(verify(fixtures, text), Refusal, JSON.stringify(text.slice(-40)));
    }
  },
  "verifyAssertion() refuses standard base64": async (fixtures) => {
    // Issues tokens until a signature contains "-" or "_". Standard base64 has other characters instead of these two.
    let token = "";
    while (!/\.[^.]*[-_][^.]*$/.test(token)) token = await issue(fixtures, await deliver(fixtures));
    const standard = token.replaceAll("-", "+").replaceAll("_", "/");
    await refusedLater("assertion_malformed", verify(fixtures, standard));
  },
  "verifyAssertion() refuses a token that has not three segments, or is too long": async (fixtures) => {
    const token = await issue(fixtures, await deliver(fixtures));
    const [header, payload, signature] = token.split(".");
    const bad = [
      "",
      ".",
      "..",
      token.slice(0, token.lastIndexOf(".")),
      `${token}.`,
      `${token}.${signature}`,
      `.${token}`,
      `${header}..${signature}`,
      `${token}, ${token}`,
      `Bearer ${token}`,
      `${header}.${payload}${"A".repeat(24 * 1024)}.${signature}`,
    ];
    for (const text of bad) await refusedLater("assertion_malformed", verify(fixtures, text));
  },
  "verifyAssertion() reads the same jti from both signatures that ECDSA allows, so a replay is noticed": async (
    fixtures,
  ) => {
    const token = await issue(fixtures, await deliver(fixtures));
    const [header, payload, signature = ""] = token.split(".");
    const bytes = Buffer.from(signature, "base64url");
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const mirrored = (order - BigInt(`0x${bytes.subarray(32).toString("hex")}`)).toString(16).padStart(64, "0");
    const other = toBase64Url(Buffer.concat([bytes.subarray(0, 32), Buffer.from(mirrored, "hex")]));
    assert.notEqual(other, signature);
    assert.equal((await verify(fixtures, `${header}.${payload}.${other}`)).jti, JTI);
  },
  "verifyAssertion() refuses alg none": async (fixtures) => {
    const { claims } = open(await issue(fixtures, await deliver(fixtures)));
    for (const alg of ["none", "None", "NONE", ""]) {
      await malformed(fixtures, { ...HEADER, alg });
      const unsigned = `${toBase64Url(JSON.stringify({ ...HEADER, alg }))}.${toBase64Url(JSON.stringify(claims))}.`;
      await refusedLater("assertion_malformed", verify(fixtures, unsigned));
    }
  },
  "verifyAssertion() refuses HS256 with the public key as the secret": async (fixtures) => {
    const { x, y } = fixtures.keys.signing.keys[0] as Fixtures["keys"]["signing"]["keys"][number];
    const jwk = { kty: "EC", crv: "P-256", x, y };
    const spki = createPublicKey({ key: jwk, format: "jwk" }).export({ type: "spki", format: "pem" });
    const { claims } = open(await issue(fixtures, await deliver(fixtures)));
    for (const secret of [spki, JSON.stringify(jwk), Buffer.from(x + y, "base64url"), x]) {
      for (const alg of ["HS256", "ES256"]) {
        const input = `${toBase64Url(JSON.stringify({ ...HEADER, alg }))}.${toBase64Url(JSON.stringify(claims))}`;
        const token = `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
        const code = alg === "ES256" ? "assertion_signature_invalid" : "assertion_malformed";
        await refusedLater(code, verify(fixtures, token));
      }
    }
  },
  "verifyAssertion() refuses any other alg, even if the key signed": async (fixtures) => {
    for (const alg of ["ES384", "RS256", "EdDSA", "es256", "ES256K", null, 0, ["ES256"]])
      await malformed(fixtures, { ...HEADER, alg });
  },
  "verifyAssertion() refuses keys, critical members and anything else in the header": async (fixtures) => {
    const { d: _, ...jwk } = fixtures.keys.foreign.keys[0] as Fixtures["keys"]["foreign"]["keys"][number];
    const extras = {
      jku: "https://evil.example/jwks.json",
      jwk,
      x5u: "https://evil.example/x5u",
      x5c: ["AAAA"],
      x5t: "a",
      crit: ["exp"],
      b64: true,
      cty: "JWT",
      exp: 1,
      extra: null,
      constructor: 1,
    };
    for (const [name, value] of Object.entries(extras)) await malformed(fixtures, { ...HEADER, [name]: value });
    await malformed(fixtures, JSON.stringify(HEADER).replace("{", '{"__proto__":{},'));
  },
  "verifyAssertion() refuses a header with a member missing or of another type": async (fixtures) => {
    const { alg, kid, typ } = HEADER;
    await malformed(
      fixtures,
      { alg, kid },
      { alg, typ },
      { kid, typ },
      {},
      { ...HEADER, kid: 1 },
      { ...HEADER, kid: null },
      { ...HEADER, kid: ["first"] },
    );
  },
  "verifyAssertion() refuses another typ": async (fixtures) => {
    for (const typ of [
      "JWT",
      "jwt",
      "countersign",
      "COUNTERSIGN+JWT",
      "application/countersign+jwt",
      "countersign+jwt ",
      null,
      1,
    ]) {
      await malformed(fixtures, { ...HEADER, typ });
    }
  },
  "verifyAssertion() refuses a header that repeats a member": async (fixtures) => {
    const text = JSON.stringify(HEADER);
    await malformed(
      fixtures,
      text.replace("{", '{"alg":"none",'),
      text.replace("{", '{"kid":"second",'),
      text.replace("}", ',"typ":"countersign+jwt"}'),
    );
  },
  "verifyAssertion() reports to the operator what is wrong with the form of a token": async (fixtures) => {
    const { alg, kid, typ } = HEADER;
    const tell = async (token: string) => (await refusedLater("assertion_malformed", verify(fixtures, token))).details;
    // The first token has too few segments. In each of the other three tokens, one of the three segments is not canonical.
    for (const token of ["a.b", "=.e30.e30", "e30.=.e30", "e30.e30.="]) {
      assert.deepEqual(await tell(token), { cause: "not one JWS in canonical base64url" }, token);
    }
    for (const header of ["[", "1", '"text"']) {
      const details = await tell(await withHeader(fixtures, header));
      assert.deepEqual(details, { cause: "the protected header is not JSON as an edge writes it" }, header);
    }
    assert.deepEqual(await tell(await withHeader(fixtures, { typ: "JWT", kid, alg })), {
      cause: "the protected header is not alg ES256, kid and typ",
      members: "alg,kid,typ",
    });
    assert.deepEqual(await tell(await withHeader(fixtures, { alg, kid: 1, typ })), { cause: "kid is not a string" });
  },
  "verifyAssertion() refuses a header that is not a JSON object": async (fixtures) => {
    await malformed(fixtures, "[]", "null", "1", '"text"', "{", `${JSON.stringify(HEADER)}x`, "\ufeff{}", "é");
  },
};
