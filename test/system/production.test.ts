// Tests the program after `npm ci --omit=dev`. Every command must run, except those that tell the user to install further packages.
// The test copies the program into a folder that has only the production packages.

import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT, run, startCountersign } from "../support/running.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const stack = new AsyncDisposableStack();
let directory: string;
const file = (name: string) => join(directory, name);
const countersign = (...args: string[]) => run(process.execPath, [file("cli/main.ts"), ...args]);

beforeAll(() => {
  directory = temporaryDirectory(stack);
  for (const part of ["core", "worker", "origin", "cli", "package.json"])
    cpSync(join(ROOT, part), file(part), { recursive: true });
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  for (const [place, { dev }] of Object.entries<{ dev?: true }>(packages)) {
    if (place.lastIndexOf("node_modules/") !== 0 || dev || !existsSync(join(ROOT, place))) continue;
    mkdirSync(dirname(file(place)), { recursive: true });
    symlinkSync(join(ROOT, place), file(place));
  }
});
afterAll(() => stack.disposeAsync());

test("countersign prints its help", async () => {
  const { code, stdout, stderr } = await countersign("--help");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^ {2}dev .*\n {2}origin /m);
});

test("the origin starts", async () => {
  await countersign("keys", "new", "--file", file("keys.json"));
  writeFileSync(file("jwks.json"), (await countersign("keys", "jwks", "--file", file("keys.json"))).stdout);
  const settings = ["--issuer", "https://edge.test", "--audience", "here", "--jwks", file("jwks.json"), "--port", "0"];
  const program = file("cli/main.ts");
  const origin = await startCountersign(["origin", ...settings, "--inbox", file("inbox.sqlite")], {}, program);
  expect(origin.ready["origin"]).toMatch(/^http/);
  expect(await origin.stop()).toBe(0);
});

test.each([
  ["dev", "wrangler @peculiar/x509 reflect-metadata"],
  ["inbox list --inbox postgres://user@127.0.0.1/events", "pg"],
])("%s says what it needs", async (line, packages) => {
  const { code, stderr } = await countersign(...line.split(" "));
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(`npm install ${packages}\n`) });
});

test("a command prints its help without its packages", async () => {
  for (const name of ["dev", "origin", "inbox", "keys", "policy", "explain", "send", "init", "vectors"])
    expect(await countersign(name, "--help")).toMatchObject({ code: 0, stderr: "" });
});
