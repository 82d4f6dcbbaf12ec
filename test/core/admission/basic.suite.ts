// Tests HTTP Basic: the examples of RFC 7617, rotation of credentials, and headers that do not contain exactly one credential.

import assert from "node:assert/strict";
import { inspect } from "node:util";
import fc from "fast-check";
import { importBasicCredential, verifyBasic } from "../../../core/admission/basic.ts";
import { formatProblem } from "../../../core/decision/problem.ts";
import { describeRefusal } from "../../../core/decision/refusal-line.ts";
import { OriginRefusal, Refusal } from "../../../core/refusal.ts";
import { type Cases, refused } from "../../support/scenes/certificates.ts";

/** The credentials in the examples of RFC 7617 §2 and §2.1. */
const ALADDIN = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
const TEST = "Basic dGVzdDoxMjPCow==";
const CREDENTIALS = [importBasicCredential("Aladdin", "open sesame"), importBasicCredential("test", "123£")];

const encode = (text: string | Uint8Array) => `Basic ${Buffer.from(text as string).toString("base64")}`;
const verify = (authorization: string | null) => verifyBasic(CREDENTIALS, authorization);

function faultOf(username: string, password: string): string {
  try {
    importBasicCredential(username, password);
  } catch (error) {
    assert.ok(error instanceof SyntaxError);
    for (const secret of [username, password]) {
      assert.ok(secret.length < 4 || !`${error.message} ${error.cause}`.includes(secret), error.message);
    }
    return error.message;
  }
  return "";
}

export const cases: Cases = {
  "verifyBasic() accepts the examples of RFC 7617, with any of the configured credentials": () => {
    verify(ALADDIN);
    verify(TEST);
    verifyBasic(CREDENTIALS.toReversed(), ALADDIN);
    verifyBasic(CREDENTIALS.slice(1), TEST);
  },
  "verifyBasic() accepts the scheme in any letter case and with any number of spaces, as RFC 9110 says": () => {
    for (const scheme of ["basic ", "BASIC ", "bAsIc ", "Basic   "]) verify(ALADDIN.replace("Basic ", scheme));
  },
  "verifyBasic() reads every colon after the first one as part of the password": () => {
    const credentials = [importBasicCredential("user", "a:b::c:"), importBasicCredential("", "alone")];
    verifyBasic(credentials, encode("user:a:b::c:"));
    verifyBasic(credentials, encode(":alone"));
    refused("basic_mismatch", () => verifyBasic(credentials, encode("user:a:b::c")));
    refused("basic_mismatch", () => verifyBasic(credentials, encode("alone:")));
  },
  "importBasicCredential() composes characters, as clients do": () => {
    const credentials = [importBasicCredential("Zoe\u0308", "cafe\u0301 pass")];
    verifyBasic(credentials, encode("Zo\u00eb:caf\u00e9 pass"));
  },
  "verifyBasic() refuses every other user name and password": () => {
    const near = [
      "Aladdin:",
      ":open sesame",
      ":",
      "aladdin:open sesame",
      "Aladdin:Open sesame",
      "Aladdin:open sesame ",
    ];
    near.push(
      "Aladdin :open sesame",
      "Aladdin:open",
      "Aladdin:123£",
      "test:open sesame",
      "test:123",
      "test:123\u00c2\u00a3",
    );
    near.push("Aladdin:open sesame:", "Aladdin:open sesameAladdin:open sesame", "\ufeffAladdin:open sesame");
    for (const text of near) {
      const { details } = refused("basic_mismatch", () => verify(encode(text)));
      assert.deepEqual(details, { credentials: 2 });
    }
    refused("basic_mismatch", () => verifyBasic([], ALADDIN));
  },
  "verifyBasic() refuses a request without Authorization": () => {
    refused("basic_missing", () => verify(null));
  },
  "verifyBasic() refuses what is not exactly one Basic credential": () => {
    const base64 = ALADDIN.slice(6);
    const bad = [
      "",
      " ",
      "Basic",
      "Basic ",
      base64,
      `Bearer ${base64}`,
      `Digest ${base64}`,
      `Basic${base64}`,
      `Basic\t${base64}`,
      `Basic: ${base64}`,
      ` ${ALADDIN}`,
      `${ALADDIN} `,
      `${ALADDIN}\n`,
      `${ALADDIN}, ${ALADDIN}`,
      `${ALADDIN}, ${TEST}`,
      `${ALADDIN},`,
      `,${ALADDIN}`,
      `Bearer x, ${ALADDIN}`,
      `${ALADDIN} ${base64}`,
      `${ALADDIN}, realm="x"`,
      `Basic "${base64}"`,
      `Basic ${base64.replace(/=+$/, "")}`,
      `Basic ${base64.slice(0, -1)}`,
      `Basic ${base64}=`,
      `Basic ${base64}==`,
      `Basic ${base64.replace("Q==", "R==")}`,
      `Basic ${base64.replace("Q==", "f==")}`,
      `Basic ${base64.slice(0, 8)} ${base64.slice(8)}`,
      `Basic ${base64.slice(0, 8)}=${base64.slice(8)}`,
      `Basic ${base64.slice(0, 8)}-${base64.slice(9)}`,
      `Basic ${Buffer.from("a:\u00ff\u00ff\u00ff").toString("base64url")}`,
      "Basic =",
      "Basic ====",
      "Basic Og",
      encode("no colon"),
      encode(""),
      encode(Uint8Array.of(0x61, 0x3a, 0xa3)),
      encode(Uint8Array.of(0x61, 0x3a, 0xc0, 0xba)),
      encode(Uint8Array.of(0x61, 0x3a, 0xed, 0xa0, 0x80)),
      encode(Uint8Array.of(0xff, 0x3a, 0x61)),
      encode("Aladdin:open\0sesame"),
      encode("Aladdin:open sesame\n"),
      encode("Ala\x7fddin:open sesame"),
      encode("Aladdin:open\u0085sesame"),
      encode(`user:${"x".repeat(1024)}`),
      `Basic ${" ".repeat(2000)}${base64}`,
      `Basic ${base64}`.padEnd(1e6, "A"),
    ];
    for (const text of bad) {
      const { details } = refused("basic_malformed", () => verify(text));
      assert.deepEqual(Object.keys(details), ["cause"], text);
    }
  },
  "verifyBasic() reports to the operator what is wrong with a credential": () => {
    const faults: readonly (readonly [cause: string, authorization: string])[] = [
      ["not one Basic credential of bounded length", `${ALADDIN}, ${ALADDIN}`],
      ["not one Basic credential of bounded length", encode(`user:${"x".repeat(1024)}`)],
      ["not canonical base64", ALADDIN.replace("Q==", "R==")],
      ["not UTF-8", encode(Uint8Array.of(0x61, 0x3a, 0xa3))],
      ["no colon", encode("no colon")],
      ["a control character", encode("Aladdin:open\u0085sesame")],
    ];
    for (const [cause, authorization] of faults) {
      assert.deepEqual(refused("basic_malformed", () => verify(authorization)).details, { cause });
    }
  },
  "verifyBasic() accepts the longest credential that can be configured": () => {
    const password = "p".repeat(768 - 5);
    verifyBasic([importBasicCredential("user", password)], encode(`user:${password}`));
    assert.match(faultOf("user", `${password}p`), /too long/);
  },
  "importBasicCredential() refuses values that no client can send, and does not quote them": () => {
    assert.match(faultOf("us:er-name", "password"), /colon/);
    assert.match(faultOf(":", "password"), /colon/);
    assert.match(faultOf("username", ""), /empty/);
    for (const character of ["\0", "\n", "\r", "\t", "\x1f", "\x7f", "\u0085", "\ud800"]) {
      assert.match(faultOf(`user${character}`, "password"), /control character/);
      assert.match(faultOf("username", `pass${character}word`), /control character/);
    }
    assert.match(faultOf("user", "p".repeat(1e5)), /too long/);
    assert.equal(faultOf("", "p"), "");
  },
  "verifyBasic() accepts only the configured credentials": () => {
    const name = fc.string({ unit: "grapheme", maxLength: 20 }).filter((text) => !/:|\p{Cc}/u.test(text));
    const password = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
      .filter((text) => !/\p{Cc}/u.test(text));
    fc.assert(
      fc.property(name, password, fc.string({ unit: "grapheme", maxLength: 20 }), (username, secret, other) => {
        const credentials = [...CREDENTIALS, importBasicCredential(username, secret)];
        verifyBasic(credentials, encode(`${username}:${secret}`.normalize("NFC")));
        const text = `${username}:${other}`;
        if (other.normalize("NFC") !== secret.normalize("NFC")) {
          assert.throws(() => verifyBasic(credentials, encode(text)), Refusal);
        }
      }),
      { numRuns: 200 },
    );
  },
  "verifyBasic() does not crash for any Authorization header": () => {
    const value = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.uint8Array({ maxLength: 40 }).map(encode),
      fc.base64String({ maxLength: 60 }).map((text) => `basic ${text}`),
    );
    fc.assert(
      fc.property(value, (text) => {
        assert.throws(
          () => verify(text),
          (error) => error instanceof Refusal && /^basic_m/.test(error.code),
        );
      }),
      { numRuns: 1000 },
    );
  },
  "neither a credential nor a refusal reveals the expected or the sent value": async () => {
    const told = `${JSON.stringify(CREDENTIALS)} ${inspect(CREDENTIALS, { depth: 9, showHidden: true })}`;
    const sent = encode("someone:secret-sent");
    const refusals = [sent, `${sent}, ${sent}`, encode("secret-sent")].map((text) => {
      try {
        verify(text);
      } catch (error) {
        return error as Refusal;
      }
      throw new Error("nothing was refused");
    });
    const lines = refusals.map((refusal) => JSON.stringify(describeRefusal(refusal, { id: "1" })) + refusal.stack);
    const answers = await Promise.all(refusals.map((refusal) => formatProblem(refusal, "1").text()));
    const all = [told, ...lines, ...answers].join("\n");
    for (const secret of ["Aladdin", "sesame", "123", "someone", "secret-sent", sent.slice(6), ALADDIN.slice(6)]) {
      assert.ok(!all.includes(secret), `${secret} in ${all}`);
    }
  },
  "a refusal asks for Basic credentials": () => {
    for (const code of ["basic_missing", "basic_malformed", "basic_mismatch"] as const) {
      const { status, headers } = formatProblem(new Refusal(code), "1");
      assert.equal(status, 401);
      assert.equal(headers.get("www-authenticate"), 'Basic realm="webhooks", charset="UTF-8"');
    }
    for (const code of ["signature_mismatch", "assertion_missing"] as const) {
      assert.equal(formatProblem(new OriginRefusal(code), "1").headers.get("www-authenticate"), "Countersign");
    }
  },
};
