// Tests what `countersign explain` says about the challenge of a handshake, for a decision in a log and for a request.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { importSecrets } from "../../../core/admission/secrets.ts";
import { formatLogLine } from "../../../core/log-line.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { createOriginApp } from "../../../origin/app.ts";
import { runHere } from "../../support/command.ts";
import { LogLines } from "../../support/log-lines.ts";
import { withoutCertificate } from "../../support/origin.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const directory = temporaryDirectory(stack);
const file = (name: string) => join(directory, name);

const SECRET = "verify-token-0123456789";
const lines = new LogLines();
const policy: PolicyDocument = {
  anchors: {},
  senders: {
    meta: {
      signature: { scheme: "meta", secrets: ["WORD"] },
      handshake: { scheme: "meta", secret: "WORD" },
    },
    okta: { token: { header: "X-Okta", secrets: ["WORD"] }, handshake: { scheme: "okta" } },
  },
  routes: {
    "/meta": { senders: ["meta"], methods: ["POST"] },
    "/okta": { senders: ["okta"], methods: ["POST"] },
  },
};
const challengeOf = (token: string) => `/meta?hub.mode=subscribe&hub.challenge=42&hub.verify_token=${token}`;
const OKTA = { "X-Okta-Verification-Challenge": "abc" };

beforeAll(async () => {
  const compiled = compilePolicy(policy);
  const app = createOriginApp({
    policy: compiled,
    secrets: importSecrets(compiled, () => SECRET),
    readCertificate: withoutCertificate,
    accept: () => {},
    log: lines.push,
  });
  const get = (target: string, headers: Record<string, string> = {}) =>
    app.request(`https://a.example${target}`, { headers });
  await get(challengeOf(SECRET));
  await get(challengeOf("another"));
  await get("/okta", { ...OKTA, "X-Okta": SECRET });
  await get("/okta?hub.mode=subscribe");
  writeFileSync(file("policy.json"), JSON.stringify(policy));
  writeFileSync(file("origin.log"), lines.all.map((line) => `${formatLogLine(line)}\n`).join(""));
});

const explain = (...args: string[]) => runHere(["explain", "--policy", file("policy.json"), ...args], { WORD: SECRET });
const explainLine = (index: number) =>
  explain("--decision", String(lines.all[index]?.["id"]), "--log", file("origin.log"));

const META = [
  "the request is the challenge of the handshake meta (GET, with the parameter ?hub.mode): the sender asks whether the endpoint is yours",
  "before a challenge of meta is answered, only the token of the challenge must be right, because the sender promises no other factor for it",
];

test("an answered challenge in a log is explained, and not judged as an event", async () => {
  const { code, stdout } = await explainLine(0);
  expect(code).toBe(0);
  for (const sentence of [
    ...META,
    "it is answered for meta (passed: no other factor is demanded), and nothing is stored",
  ])
    expect(stdout).toContain(`note: ${sentence}`);
  expect(stdout).not.toContain("by the current policy");
});

test("an answered challenge that needs factors names those that passed", async () => {
  const { stdout } = await explainLine(2);
  expect(stdout).toContain("(GET, with the header x-okta-verification-challenge)");
  expect(stdout).toContain("every factor of the sender must pass that is not in the body");
  expect(stdout).toContain("it is answered for okta (passed: token)");
});

test("a refused challenge in a log says why it got no answer", async () => {
  const { stdout } = await explainLine(1);
  expect(stdout).toContain(
    "it is the challenge of a handshake, and got no answer: the token is not the secret of the handshake",
  );
  const unexpected = await explainLine(3);
  expect(unexpected.stdout).toContain("and got no answer: no sender of the route has this handshake");
});

test("a given request that is a challenge is explained in the same sentences", async () => {
  const { code, stderr } = await explain("--route", challengeOf(SECRET), "--method", "GET");
  expect(code).toBe(2);
  for (const sentence of [...META, "it is answered for meta"]) expect(stderr).toContain(sentence);
});
