// Tests `countersign policy remove` with the real program: what it removes, which other parts it removes at the same time, and
// what it refuses to remove.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { runHere } from "../../support/command.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const policyFile = join(temporaryDirectory(stack), "policy.json");
const root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
const other = await issueCertificate({ subject: [{ CN: ["Other"] }], ca: {} });
const digest = "ab".repeat(32);

/** A policy that somebody formatted by hand, with one part in each line. */
const TEXT = `{
  "senders": {
    "one": { "certificates": [{ "subject": { "CN": "a" } },  { "subject": { "CN": "b" } }], "trust": { "anchors": ["root","other"] } },
    "two": { "signature": { "scheme": "github", "secrets": ["TWO"] } },
    "three": { "signature": { "scheme": "github", "secrets": ["THREE"] } }
  },
  "routes": {
    "/hooks": { "senders": ["one", "two"], "methods": ["POST"] },
    "/only":  { "senders": ["three"], "methods": ["POST"], "shadow": ["two"] }
  },
  "anchors": { "root": ${JSON.stringify(root.pem)},
               "other": ${JSON.stringify(other.pem)} },
  "deny": [{ "spkiSha256": "${digest}" }]
}
`;
beforeEach(() => writeFileSync(policyFile, TEXT));

async function remove(...options: string[]) {
  const finished = await runHere(["policy", "remove", "--policy", policyFile, ...options]);
  return { ...finished, written: readFileSync(policyFile, "utf8") };
}

const without = (...parts: readonly string[]) => parts.reduce((text, part) => text.replace(part, ""), TEXT);
const TWO = '\n    "two": { "signature": { "scheme": "github", "secrets": ["TWO"] } },';

test("removes a sender and its name on every route, and shows the change", async () => {
  const { code, stdout, written } = await remove("--sender", "two");
  expect(code).toBe(0);
  expect(written).toBe(without(TWO, ', "two"', ', "shadow": ["two"]'));
  expect(stdout).toMatch(/policy\.json written:\n/);
  expect(stdout).toMatch(/^- +"two": \{ "signature"/m);
  expect(stdout).toMatch(/^- .*"senders": \["one", "two"\]/m);
  expect(stdout).toMatch(/^\+ .*"senders": \["one"\]/m);
});

test.each<readonly [string, readonly string[], readonly string[]]>([
  ["an entry", ["--entry", "one/1"], [',  { "subject": { "CN": "b" } }']],
  ["an anchor", ["--anchor", "other"], [',"other"', `,\n               "other": ${JSON.stringify(other.pem)}`]],
  ["a deny entry", ["--deny", "0"], [`,\n  "deny": [{ "spkiSha256": "${digest}" }]`]],
  ["a sender of one route", ["--sender", "two", "--from", "/hooks"], [', "two"']],
  [
    "a route with its last sender",
    ["--route", "/only", "--sender", "three"],
    [
      ',\n    "three": { "signature": { "scheme": "github", "secrets": ["THREE"] } }',
      ',\n    "/only":  { "senders": ["three"], "methods": ["POST"], "shadow": ["two"] }',
    ],
  ],
])("removes %s and nothing else", async (_, options, parts) => {
  const tried = await remove(...options, "--dry-run", "--json");
  expect(JSON.parse(tried.stdout)).toMatchObject({ written: false, changes: expect.arrayContaining([]) });
  expect(tried.written).toBe(TEXT);
  const { code, written } = await remove(...options);
  expect(code).toBe(0);
  expect(written).toBe(without(...parts));
});

test("names parts that are unused afterwards", async () => {
  const { stdout } = await remove("--route", "/only");
  expect(stdout).toMatch(/\/senders\/three: no route names it → .*remove it/);
});

test.each<readonly [string, readonly string[], readonly RegExp[]]>([
  [
    "a route without a sender",
    ["--sender", "three"],
    [/nothing was written/, /\/routes\/~1only\/senders: must not be empty/],
  ],
  [
    "a sender without a CA, and one that accepts nothing",
    ["--anchor", "root", "--anchor", "other", "--entry", "one/0", "--entry", "one/1"],
    [/\/senders\/one\/trust\/anchors: must not be empty/],
  ],
  [
    "a sender that accepts nothing",
    ["--entry", "one/0", "--entry", "one/1"],
    [/\/senders\/one\/certificates: must hold/],
  ],
  [
    "what is not there",
    ["--sender", "x", "--anchor", "y", "--route", "/z", "--deny", "1", "--entry", "one/2"],
    [
      /--sender x: the policy has none of this name; it has one, two, three;/,
      /--anchor y: .* it has root, other/,
      /--route \/z: .* it has \/hooks, \/only/,
      /--deny 1 is no number of an entry: there are 0 to 0/,
      /--entry one\/2 is no number of an entry: there are 0 to 1/,
    ],
  ],
  ["an entry without a number", ["--entry", "one"], [/--entry one is not SENDER\/NUMBER/]],
  ["a sender from a route of others", ["--sender", "three", "--from", "/hooks"], [/three is no sender of this route/]],
])("leaves no %s", async (_, options, faults) => {
  const { code, stderr, written } = await remove(...options);
  expect(code).toBe(2);
  for (const fault of faults) expect(stderr).toMatch(fault);
  expect(stderr).not.toMatch(/^ {4}at /m);
  expect(written).toBe(TEXT);
});

test("a malformed part that cannot be changed is named, in every command that changes a policy", async () => {
  writeFileSync(
    policyFile,
    '{ "anchors": 1, "senders": { "a": 1 }, "routes": { "/x": { "senders": "a" } }, "deny": {} }',
  );
  for (const args of [
    ["remove", "--sender", "a"],
    ["deny", "--key", digest],
    ["add", "--preset", "slack"],
  ]) {
    const { code, stderr } = await runHere(["policy", ...args, "--policy", policyFile]);
    expect(code).toBe(2);
    for (const place of ["/anchors", "/senders/a", "/routes/~1x/senders", "/deny"])
      expect(stderr).toContain(`${place}: must be`);
    expect(stderr).not.toMatch(/^ {4}at /m);
  }
});

test("the policy of the checkout is changed only if it is named", async () => {
  const before = readFileSync("policy.json", "utf8");
  for (const args of [
    ["add", "--preset", "slack"],
    ["remove", "--sender", "pagerduty"],
    ["deny", "--key", digest],
  ]) {
    const { code, stderr } = await runHere(["policy", ...args]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("name your own with --policy FILE")]);
    const tried = await runHere([
      "policy",
      ...args.slice(0, 1),
      "--policy",
      "policy.json",
      "--dry-run",
      ...args.slice(1),
    ]);
    expect(tried.stdout + tried.stderr).toMatch(/nothing was written/);
  }
  expect(readFileSync("policy.json", "utf8")).toBe(before);
});
