// Tests files that are not the expected policy, set of keys, log or module. For every option that takes a file, the message names
// the file, and says what the file contains and how to fix it.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { loadTarget } from "../../../cli/origin/target.ts";
import { generateSigningKey, publicJwk } from "../../../core/assertion/keys.ts";
import { loadCommand } from "../../support/command.ts";
import { runCountersign } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
beforeEach(() => void vi.spyOn(console, "log").mockReturnValue());

const directory = temporaryDirectory(stack);
const file = (name: string) => join(directory, name);
const write = (name: string, content: string | Uint8Array) => writeFileSync(file(name), content);
const ca = await issueCertificate({ subject: [{ CN: ["Partner CA"] }], ca: {} });
const LOG = `${JSON.stringify({ decision: "refused", id: "0123" })}\n`;
const POLICY = {
  anchors: { root: ca.pem },
  senders: { partner: { certificates: [{ subject: { CN: "x" } }], trust: { anchors: ["root"] } } },
  routes: { "/hooks": { senders: ["partner"], methods: ["POST"] } },
};

/** Runs a command as the program does. Returns the exit code in a text, or the error that the program would print. */
async function tellOf(...[name = "", ...args]: readonly string[]): Promise<string> {
  const command = await loadCommand(name);
  return await command.run([...args]).then(
    (code) => `ended with ${code}`,
    (error: Error) => `${error.name} ${error.message}`,
  );
}

beforeAll(async () => {
  write("ca.pem", ca.pem);
  write("ca.key", ca.keyPem);
  const pair = ["-in", file("ca.pem"), "-inkey", file("ca.key")];
  execFileSync("openssl", ["pkcs12", "-export", ...pair, "-passout", "pass:x", "-out", file("ca.p12")]);
  write("policy.json", JSON.stringify(POLICY));
  write("policy.json.gz", gzipSync(JSON.stringify(POLICY)));
  write("list.json", "[]");
  write("null.json", "null");
  write("other.json", '{"a":1}');
  write("program", Buffer.from("7f454c460201010000000000", "hex"));
  await tellOf("keys", "new", "--file", file("keys.json"));
  write("jwks.json", JSON.stringify({ keys: [publicJwk(await generateSigningKey(1))] }));
});

const EDGE = ["--issuer", "https://edge.example", "--audience", "https://origin.example", "--inbox", file("in.sqlite")];

const NO_JSON: readonly (readonly [name: string, told: RegExp])[] = [
  ["ca.p12", /PKCS #12/],
  ["ca.pem", /it holds a certificate/],
  ["policy.json.gz", /a compressed archive: unpack it first/],
  ["program", /something binary/],
];

describe.each<readonly [string, (given: string) => readonly string[], noObject: RegExp, other: RegExp]>([
  ["policy show", (given) => ["policy", "show", "--policy", given], /must be Object/, /\/anchors: is missing/],
  ["policy expiring", (given) => ["policy", "expiring", "--policy", given], /must be Object/, /\/anchors: is missing/],
  [
    "policy deny",
    (given) => ["policy", "deny", file("ca.pem"), "--policy", given],
    /holds no policy, .*policy check/,
    /\/senders: must not be empty/,
  ],
  [
    "policy remove",
    (given) => ["policy", "remove", "--sender", "x", "--policy", given],
    /holds no policy, .*policy check/,
    /--sender x: the policy has none of this name; it has none at all/,
  ],
  [
    "policy add",
    (given) => ["policy", "add", "--anchor", `x=${file("ca.pem")}`, "--policy", given],
    /holds no policy, .*policy check/,
    /\/senders: must not be empty/,
  ],
  ["explain --policy", (given) => ["explain", "--route", "/", "--policy", given], /must be Object/, /\/anchors/],
  [
    "origin --policy",
    (given) => ["origin", ...EDGE, "--jwks", file("keys.json"), "--policy", given],
    /: \/: must be Object/,
    /: \/anchors: is missing/,
  ],
  [
    "origin --jwks",
    (given) => ["origin", ...EDGE, "--policy", file("policy.json"), "--jwks", given],
    /holds null and no set of keys: give the public set/,
    /holds an object without a list of keys and no set of keys: give the public set/,
  ],
  ["keys jwks", (given) => ["keys", "jwks", "--file", given], /holds null and .*keys new made/, /holds an object/],
  [
    "keys rotate",
    (given) => ["keys", "rotate", "--step", "publish", "--file", given],
    /holds null and .*keys new made/,
    /holds an object/,
  ],
])("%s says what the file contains instead of the expected JSON:", (_, ask, noObject, other) => {
  test.each([...NO_JSON, ["null.json", noObject] as const, ["other.json", other] as const])(
    "%s",
    async (name, what) => {
      const told = await tellOf(...ask(file(name)));
      expect(told).toMatch(/^(?:UsageError|ConfigurationError) /);
      expect(told).toContain(file(name));
      expect(told).toMatch(what);
    },
  );
});

test.each([
  ["policy.json", /policy\.json holds a policy and no set of keys/],
  ["list.json", /list\.json holds a list and no set of keys/],
])("%s is not a set of keys", async (name, what) => {
  expect(await tellOf("keys", "jwks", "--file", file(name))).toMatch(what);
});

describe.each<readonly [string, (given: string) => readonly string[]]>([
  ["policy observed", (given) => ["policy", "observed", given]],
  ["explain --log", (given) => ["explain", "--policy", file("policy.json"), "--decision", "0123", "--log", given]],
])("%s says what a file contains that is not a log:", (_, ask) => {
  test.each<readonly [string, string | Uint8Array, RegExp]>([
    ["rotated.log.gz", gzipSync(LOG), /rotated\.log\.gz is no text, but a compressed archive: unpack it .*gzip -dc/],
    ["a.pem", ca.pem, /a\.pem is no log, but holds a certificate/],
    ["a.html", "<html></html>", /a\.html is no log, but holds an HTML page/],
  ])("%s", async (name, content, what) => {
    write(name, content);
    expect(await tellOf(...ask(file(name)))).toMatch(what);
  });

  test.each(["", "origin ready at http://127.0.0.1:8080\n", LOG, `0${LOG}`])(
    "and accepts %j as a log",
    async (content) => {
      write("origin.log", content);
      expect(await tellOf(...ask(file("origin.log")))).not.toMatch(/is no (?:log|text)/);
    },
  );
});

describe.concurrent("origin --handler says why a file is not a module:", () => {
  test.each<readonly [string, string, RegExp]>([
    ["handler.pem", ca.pem, /it is no \.js, \.mjs or \.ts module$/],
    ["faulty.cjs", "const a = ;", /faulty\.cjs:1\n.*SyntaxError/s],
    ["faulty.mjs", "const a = ;", /SyntaxError: Unexpected token ';': node --check \S+faulty\.mjs$/],
    ["imports.mjs", 'import "no-such-package";', /Cannot find package 'no-such-package' imported from .*imports\.mjs$/],
    [
      "throws.mjs",
      "const f = () => {\n  throw new Error('x');\n};\nf();",
      /Error: x\n +at f \(.*throws\.mjs:2:9\)\n +at .*$/,
    ],
  ])("%s, without a line of Node's or ours", async (name, content, what) => {
    write(name, content);
    const { code, stderr } = await startWith(name);
    expect(code).toBe(2);
    expect(stderr.trim()).toMatch(what);
    expect(stderr).not.toMatch(/at .*(?:node:|\/cli\/)/);
  });

  test("a directory", async () => {
    mkdirSync(file("folder"));
    expect((await startWith("folder")).stderr).toMatch(/folder is no file: name the module itself/);
  });
});

function startWith(handler: string) {
  const files = ["--policy", file("policy.json"), "--jwks", file("jwks.json"), "--handler", file(handler)];
  return runCountersign(["origin", ...EDGE, ...files]);
}

test("origin --signing-keys says why a file is not a set of keys", async () => {
  const settings = { upstream: "http://127.0.0.1:9", "origin-issuer": "https://origin.example" };
  await expect(loadTarget({ ...settings, "signing-keys": file("policy.json") })).rejects.toThrow(
    /policy\.json holds a policy and no set of keys: give the file that countersign keys new made/,
  );
  write("damaged.json", '{"keys":[{"kty":"EC","d":1}]}');
  await expect(loadTarget({ ...settings, "signing-keys": file("damaged.json") })).rejects.toThrow(
    /damaged\.json: \/keys\/0\/crv: is missing/,
  );
});

test.each<readonly [string, string, RegExp]>([
  ["a path", "./certificates/root.pem", /but what seems to be a path → remove it, .*policy add --anchor NAME=FILE/],
  ["two certificates", `${ca.pem}\n${ca.pem}`, /but 2 × certificate → give each certificate its own name/],
  ["a key", ca.keyPem, /but a private key → put the certificate of the CA there/],
  ["its half", ca.pem.slice(0, 200), /but something cut off/],
])("policy check says what is given instead of an anchor: %s", async (_, anchor, what) => {
  const told = vi.spyOn(console, "error").mockReturnValue();
  for (const root of [
    anchor,
    { certificate: anchor, crls: { sources: ["http://crl.example"], freshness: "prefer" } },
  ]) {
    write("anchor.json", JSON.stringify({ ...POLICY, anchors: { root } }));
    expect(await tellOf("policy", "check", "--policy", file("anchor.json"))).toBe("ended with 2");
    expect(told.mock.calls.flat().join("\n")).toMatch(what);
    expect(told.mock.calls.flat().join("\n")).not.toContain("PRIVATE KEY");
    told.mockClear();
  }
});
