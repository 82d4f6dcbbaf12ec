// Tests the check before a deployment. It reports everything that the policy needs and that the wrangler file lacks.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { findDeploymentProblems } from "../../../cli/cloudflare/deployment-check.ts";
import { readWranglerFile } from "../../../cli/cloudflare/wrangler-file.ts";
import { command } from "../../../cli/policy/index.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { WRANGLER_TOML } from "../../support/edge-bundle.ts";
import { createSenders } from "../../support/senders.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const directory = temporaryDirectory(stack);
const file = (name: string) => join(directory, name);

const TOML = readFileSync(WRANGLER_TOML, "utf8");
/** The text of wrangler.toml with every commented-out setting made active. */
const WHOLE = TOML.replace(/^# (?=\[\[|[A-Za-z_]+ = )/gm, "");

const { policy: plain, root } = await createSenders();
const [[path, route] = ["", undefined]] = Object.entries(plain.routes);
const crls = { sources: ["http://crl.example/"], freshness: "require" } as const;
const signing = { signature: { scheme: "github", secrets: ["HUB_SECRET"] } } as const;
const demanding = {
  ...plain,
  anchors: Object.fromEntries(Object.keys(plain.anchors).map((name) => [name, { certificate: root.pem, crls }])),
  senders: { ...plain.senders, signing },
  routes: { [path]: { ...route, delivery: "queue" }, "/signing": { senders: ["signing"], methods: ["POST"] } },
};

async function problemsOf(text: string, policy: object = plain): Promise<string[]> {
  writeFileSync(file("wrangler.toml"), text);
  const config = await readWranglerFile(file("wrangler.toml"), undefined);
  return findDeploymentProblems(compilePolicy(policy), config).map((problem) => problem.text);
}

describe("finds", () => {
  test("nothing in wrangler.toml unchanged, nor with everything that a policy may need", async () => {
    expect(await problemsOf(TOML)).toEqual([]);
    const named = WHOLE.replace('required = ["SIGNING_KEYS"', 'required = ["SIGNING_KEYS", "HUB_SECRET"');
    expect(await problemsOf(named, demanding)).toEqual([]);
  });

  test("every secret and binding of the policy that is missing", async () => {
    expect(await problemsOf(TOML, demanding)).toEqual([
      expect.stringMatching(/^\/secrets\/required: lacks HUB_SECRET/),
      expect.stringMatching(/^\/CRLS: a KV namespace/),
      expect.stringMatching(/^\/EVENTS: a queue/),
      expect.stringMatching(/^\/BODIES: an R2 bucket/),
    ]);
  });

  test.each([
    [
      'ISSUER = "https://hooks.example.com"',
      'ISSUER = "https://hooks.example.com/"',
      /^\/vars\/ISSUER: https:\/\/HOST/,
    ],
    ['ORIGIN_URL = "https://', 'ORIGIN_URL = "http://', /^\/vars\/ORIGIN_URL: https:\/\/HOST/],
    ['HOSTS = ["hooks.example.com"]', "HOSTS = []", /^\/vars\/HOSTS: must not be empty/],
    ['AUDIENCE = "https://origin.example.com"\n', "", /^\/vars\/AUDIENCE: is missing/],
    [
      'required = ["SIGNING_KEYS", "PAGERDUTY_WEBHOOK_SECRET"]',
      "required = []",
      /^\/secrets\/required: lacks SIGNING_KEYS/,
    ],
  ])("%s turned into %s", async (from, to, problem) => {
    expect(TOML).toContain(from);
    expect(await problemsOf(TOML.replace(from, to))).toEqual([expect.stringMatching(problem)]);
  });

  test("a secret in plain text", async () => {
    const text = TOML.replace("\n[vars]", '\n[vars]\nHUB_SECRET = "hush"');
    const problems = await problemsOf(text, { ...plain, senders: { ...plain.senders, signing } });
    expect(problems).toContainEqual(
      expect.stringMatching(/^\/vars\/HUB_SECRET: is a secret, and stands here in clear/),
    );
    expect(problems.join()).not.toContain("hush");
  });

  test.each([
    ['queue = "countersign-events"\nmax_batch', 'queue = "other"\nmax_batch', /lacks countersign-events/],
    ["countersign-events", "countersign-incoming", /must end in -events/],
    ['queue = "countersign-dead-letters"\nmax_batch', 'queue = "other"\nmax_batch', /lacks the dead_letter_queue/],
    ['crons = ["17 * * * *"]', "crons = []", /^\/triggers\/crons/],
  ])("of a queue %j turned into %j", async (from, to, problem) => {
    const whole = WHOLE.replace('required = ["SIGNING_KEYS"', 'required = ["SIGNING_KEYS", "HUB_SECRET"');
    expect(whole).toContain(from);
    expect(await problemsOf(whole.replaceAll(from, to), demanding)).toEqual([expect.stringMatching(problem)]);
  });
});

test("policy check --edge --wrangler fails if there is a problem", async () => {
  writeFileSync(file("policy.json"), JSON.stringify({ ...plain, senders: { ...plain.senders, signing } }));
  writeFileSync(file("wrangler.toml"), TOML);
  const printed = vi.spyOn(console, "log").mockReturnValue();
  const check = ["check", "--json", "--policy", file("policy.json"), "--wrangler", file("wrangler.toml")];
  expect(await command.run([...check, "--edge"])).toBe(2);
  const { ok, problems } = JSON.parse(printed.mock.calls.flat().join("\n"));
  expect({ ok, problems }).toEqual({
    ok: false,
    problems: [expect.stringContaining("/secrets/required: lacks HUB_SECRET")],
  });
  await expect(Promise.resolve().then(() => command.run(check))).rejects.toThrow("--wrangler goes with --edge");
  printed.mockRestore();
});
