// Tests the token of a sender, in the header `Authorization` or in another header that the policy names. Also tests the rotation
// of tokens, and headers that do not contain exactly one token.

import assert from "node:assert/strict";
import { inspect } from "node:util";
import fc from "fast-check";
import { importToken, verifyToken } from "../../../core/admission/token.ts";
import { formatProblem } from "../../../core/decision/problem.ts";
import { describeRefusal } from "../../../core/decision/refusal-line.ts";
import { Refusal } from "../../../core/refusal.ts";
import { type Cases, refused } from "../../support/scenes/certificates.ts";

const [OLD, NEW] = ["an~old+token/123==", "a-new-token-456"];
const TOKENS = [importToken(OLD), importToken(NEW)];
const OWN = "x-gitlab-token";
const BEARER = "authorization";

const verify = (header: string, ...values: readonly string[]) =>
  verifyToken(TOKENS, header, new Headers(values.map((value) => [header, value])));

function faultOf(token: string): string {
  try {
    importToken(token);
  } catch (error) {
    assert.ok(error instanceof SyntaxError);
    assert.ok(token.length < 4 || !error.message.includes(token), error.message);
    return error.message;
  }
  return "";
}

export const cases: Cases = {
  "verifyToken() accepts each configured token, in Authorization after Bearer and alone in another header": () => {
    for (const token of [OLD, NEW]) {
      verify(OWN, token);
      for (const scheme of ["Bearer ", "bearer ", "BEARER   "]) verify(BEARER, `${scheme}${token}`);
    }
  },
  "verifyToken() refuses every other token": () => {
    const others = [OLD.slice(1), OLD.slice(0, -1), `${OLD}x`, OLD.toUpperCase(), "x", "\u007e"];
    for (const token of others) {
      assert.deepEqual(refused("token_mismatch", () => verify(OWN, token)).details, { header: OWN, tokens: 2 });
      assert.deepEqual(refused("token_mismatch", () => verify(BEARER, `Bearer ${token}`)).details, {
        header: BEARER,
        tokens: 2,
      });
    }
    refused("token_mismatch", () => verifyToken([], OWN, new Headers({ [OWN]: OLD })));
    refused("token_mismatch", () => verify(OWN, "t".repeat(1e5)));
  },
  "verifyToken() reads only the header that the policy names": () => {
    const headers = new Headers({ [BEARER]: `Bearer ${OLD}`, "x-other": OLD });
    assert.deepEqual(refused("token_missing", () => verifyToken(TOKENS, OWN, headers)).details, { header: OWN });
    refused("token_missing", () => verifyToken(TOKENS, BEARER, new Headers({ [OWN]: OLD })));
  },
  "verifyToken() refuses a repeated header, also if each value is right": () => {
    for (const values of [
      [OLD, OLD],
      [OLD, NEW],
      ["", OLD],
      [OLD, ""],
      ["", ""],
    ])
      refused("token_malformed", () => verify(OWN, ...values));
    for (const values of [
      [`Bearer ${OLD}`, `Bearer ${OLD}`],
      ["", `Bearer ${OLD}`],
      [`Bearer ${OLD}`, "x"],
    ])
      refused("token_malformed", () => verify(BEARER, ...values));
  },
  "verifyToken() refuses what is not exactly one token, and says whether the header is empty": () => {
    const tell = (header: string, value: string) => refused("token_malformed", () => verify(header, value)).details;
    for (const value of ["", " ", "\t"]) assert.deepEqual(tell(OWN, value), { header: OWN, isEmpty: true });
    for (const value of [
      `${OLD} ${NEW}`,
      `${OLD},${NEW}`,
      `${OLD},`,
      `,${OLD}`,
      `${OLD}\t`.concat("x"),
      "caf\u00e9-and-more",
      `Bearer ${OLD}`,
    ])
      assert.deepEqual(tell(OWN, value), { header: OWN, isEmpty: false });
    assert.deepEqual(tell(BEARER, ""), { header: BEARER, isEmpty: true });
    for (const value of [
      "Bearer",
      "Bearer ",
      OLD,
      `Basic ${OLD}`,
      `Bearer\t${OLD}`,
      `xBearer ${OLD}`,
      `Bearer: ${OLD}`,
      `Bearer ${OLD} x`,
      `Bearer ${OLD},`,
      "Bearer caf\u00e9",
    ])
      assert.deepEqual(tell(BEARER, value), { header: BEARER, isEmpty: false });
  },
  "importToken() refuses values that no sender can send or that can be guessed, and does not quote them": () => {
    for (const token of [
      "",
      "a token with spaces",
      " a-token-and-a-space",
      "a-token-and-a-line\n",
      "a-token,and-another",
      "caf\u00e9-and-a-token",
      "tab\tand-a-token",
      "\u007f-and-a-token",
    ])
      assert.match(faultOf(token), /visible ASCII/);
    assert.match(faultOf("elevenchars"), /fewer than 12/);
    assert.equal(faultOf("twelve-chars"), "");
    assert.equal(faultOf(`!"#$%&'()*+-./:;<=>?@[]^_\`{|}~`), "");
  },
  "verifyToken() accepts only the configured tokens": () => {
    const token = fc.string({
      unit: fc
        .integer({ min: 0x21, max: 0x7e })
        .filter((code) => code !== 0x2c)
        .map((code) => String.fromCharCode(code)),
      minLength: 12,
      maxLength: 30,
    });
    fc.assert(
      fc.property(token, token, (one, other) => {
        verifyToken([importToken(one)], OWN, new Headers({ [OWN]: one }));
        verifyToken([importToken(one)], BEARER, new Headers({ [BEARER]: `Bearer ${one}` }));
        if (one !== other)
          refused("token_mismatch", () => verifyToken([importToken(one)], OWN, new Headers({ [OWN]: other })));
      }),
      { numRuns: 200 },
    );
  },
  "neither a token nor a refusal reveals the expected or the sent value": async () => {
    const told = `${JSON.stringify(TOKENS)} ${inspect(TOKENS, { depth: 9, showHidden: true })}`;
    const sent = "a-token-that-was-sent";
    const refusals = [
      refused("token_mismatch", () => verify(OWN, sent)),
      refused("token_malformed", () => verify(OWN, sent, sent)),
      refused("token_malformed", () => verify(BEARER, sent)),
    ];
    const lines = refusals.map((refusal) => JSON.stringify(describeRefusal(refusal, { id: "1" })) + refusal.stack);
    const answers = await Promise.all(refusals.map((refusal) => formatProblem(refusal, "1").text()));
    const all = [told, ...lines, ...answers].join("\n");
    for (const secret of [OLD, NEW, sent]) assert.ok(!all.includes(secret), `${secret} in ${all}`);
  },
  "a refusal asks for a Bearer token only if Authorization is to hold it": () => {
    for (const code of ["token_missing", "token_malformed", "token_mismatch"] as const) {
      const ask = (header: string) => formatProblem(new Refusal(code, { header }), "1");
      assert.equal(ask(BEARER).status, 401);
      assert.equal(ask(BEARER).headers.get("www-authenticate"), 'Bearer realm="webhooks"');
      assert.equal(ask(OWN).headers.get("www-authenticate"), "Countersign");
    }
    const { headers } = formatProblem(new Refusal("signature_missing", { header: BEARER }), "1");
    assert.equal(headers.get("www-authenticate"), "Countersign");
  },
};
