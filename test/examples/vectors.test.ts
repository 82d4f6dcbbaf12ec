// Checks vectors/assertion.json with our own origin. Each case must get exactly the verdict and the code in the file. The command
// that wrote the file must write the same file again, except for the ECDSA signatures, which are random.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AssertionCase,
  type AssertionVectors,
  formatAssertionVectors,
  makeAssertionVectors,
} from "../../cli/vectors/assertion-vectors.ts";
import { POLICY } from "../../cli/vectors/world.ts";
import type { Delivery } from "../../core/delivery/delivery.ts";
import type { LogLine } from "../../core/log-line.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { createOriginApp } from "../../origin/app.ts";
import { pinnedKeys } from "../../origin/verification-keys.ts";
import { runHere } from "../support/command.ts";
import { contentDigest } from "../support/forgery.ts";
import { LogLines } from "../support/log-lines.ts";
import { openTestInbox } from "../support/origin.ts";
import { ROOT } from "../support/running.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const committedText = readFileSync(join(ROOT, "vectors/assertion.json"), "utf8");
const committed = JSON.parse(committedText) as AssertionVectors;

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

/** Starts the stand-alone origin with its inbox. The clock of the origin always shows `now`. */
async function openOrigin({ issuer, audience, jwks }: AssertionVectors) {
  const lines = new LogLines();
  const { inbox } = openTestInbox(stack);
  let now = 0;
  let handed: Delivery["headers"] = [];
  const app = createOriginApp({
    policy: compilePolicy(POLICY),
    findKey: await pinnedKeys(jwks),
    issuer,
    audience,
    accept(delivery, id) {
      handed = delivery.headers;
      return inbox.accept(delivery, id);
    },
    log: lines.push,
    clock: () => now,
  });
  return async (one: AssertionCase) => {
    now = one.now;
    handed = [];
    const { status } = await app.fetch(requestOf(one, audience));
    const { decision, code } = lines.all.at(-1) as LogLine;
    // `Content-Type` is left out, because it is not one of the signed headers of a case. The claim `req.type` covers it instead.
    const headers = handed.filter(([name]) => name !== "content-type");
    return { status, decision, code, headers: Object.fromEntries(headers) };
  };
}

function requestOf({ method, target, headers, body = "", bodyBase64 }: AssertionCase, audience: string): Request {
  const bytes = bodyBase64 === undefined ? Buffer.from(body) : Buffer.from(bodyBase64, "base64");
  const fields = headers.map(([name, value]) => [name, value] as [string, string]);
  const isBodiless = method === "GET" || method === "HEAD";
  return new Request(audience + target, { method, headers: fields, ...(!isBodiless && { body: bytes }) });
}

describe("our own origin says of vectors/assertion.json what the file says:", () => {
  let judge: Awaited<ReturnType<typeof openOrigin>>;
  beforeAll(async () => {
    judge = await openOrigin(committed);
  });

  test.each(committed.cases)("$expect $reason: $name", async (one) => {
    const { status, decision, code, headers } = await judge(one);
    expect([decision, code]).toEqual(one.expect === "accept" ? ["accepted", undefined] : ["refused", one.reason]);
    expect(status === 202).toBe(one.expect === "accept");
    expect(headers).toEqual(Object.fromEntries(one.signed ?? []));
  });
});

/** Removes the random part of the file, which is the signature of each token. */
function withoutSignatures(text: string): string {
  return text.replace(/(?<="countersign-assertion",")[^"]*/g, (token) =>
    token
      .split(/\.|%2E/)
      .toSpliced(2, 1, "…")
      .join("."),
  );
}

test("the committed file is what the command writes, but for the signatures", async () => {
  const file = join(temporaryDirectory(stack), "new/vectors.json");
  const { code, stdout } = await runHere(["vectors", "--file", file]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${file}: 28 to accept, 175 to refuse\n` });
  const written = readFileSync(file, "utf8");
  expect(withoutSignatures(written)).toBe(withoutSignatures(committedText));
  expect(written).not.toBe(committedText);
});

test("a new set of cases gets the same verdicts as the committed one", async () => {
  const made = await makeAssertionVectors();
  expect(JSON.parse(formatAssertionVectors(made))).toEqual(made);
  const judge = await openOrigin(made);
  for (const one of made.cases) {
    const { code } = await judge(one);
    expect(code, one.name).toBe(one.reason);
  }
});

test("there are cases of every refusal that a receiver can reach, and no name occurs twice", () => {
  const reasons = new Set(committed.cases.map(({ reason }) => reason));
  expect([...reasons].sort()).toEqual([
    "assertion_claims_invalid",
    "assertion_expired",
    "assertion_key_unknown",
    "assertion_malformed",
    "assertion_missing",
    "assertion_not_yet_valid",
    "assertion_signature_invalid",
    "assertion_wrong_audience",
    "assertion_wrong_issuer",
    "body_mismatch",
    "certificate_malformed",
    "certificate_mismatch",
    "headers_mismatch",
    "replayed",
    "request_mismatch",
    undefined,
  ]);
  expect(new Set(committed.cases.map(({ name }) => name)).size).toBe(committed.cases.length);
});

test("docs/assertion.md names every refusal, and every claim with its form", () => {
  const document = readFileSync(join(ROOT, "docs/assertion.md"), "utf8");
  const reasons = committed.cases.flatMap(({ reason = [] }) => reason);
  expect(reasons.filter((reason) => !document.includes(`\`${reason}\``))).toEqual([]);
  const accepted = committed.cases.filter(({ expect: verdict }) => verdict === "accept");
  const claims = new Set(accepted.flatMap(({ headers }) => Object.keys(claimsOf(headers))));
  expect(claims.size).toBe(15);
  expect([...claims].filter((claim) => !new RegExp(`^\\| .*\`${claim}\`.* \\|.*\\|`, "m").test(document))).toEqual([]);
});

test("docs/assertion.md has the claims of the first case", () => {
  const document = readFileSync(join(ROOT, "docs/assertion.md"), "utf8");
  const [, example = "{}"] = /^```json\n(\{\n {2}"iss".*?)^```$/ms.exec(document) ?? [];
  expect(JSON.parse(example)).toEqual(claimsOf(committed.cases[0]?.headers ?? []));
});

test("docs/assertion.md has an example of hdr with its digest", () => {
  const document = readFileSync(join(ROOT, "docs/assertion.md"), "utf8");
  const [, claim = "{}"] = /^"hdr": (\{.*\})$/m.exec(document) ?? [];
  const [, text = ""] = /^```text\n(user-agent: [^`]*)```$/m.exec(document) ?? [];
  const names = text
    .trimEnd()
    .split("\n")
    .map((line) => line.split(":")[0]);
  expect(JSON.parse(claim)).toEqual({ names, digest: contentDigest(text) });
});

function claimsOf(headers: AssertionCase["headers"]): object {
  const token = headers.find(([name]) => name === "countersign-assertion")?.[1] ?? "";
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}
