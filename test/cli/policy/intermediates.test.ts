// Tests the commands that add, show, explain and remove intermediates of a policy.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { command as explain } from "../../../cli/explain/index.ts";
import { command as policyCommand } from "../../../cli/policy/index.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

let stack: AsyncDisposableStack;
let printed: ReturnType<typeof vi.spyOn>;
let file: (name: string) => string;
const read = () => JSON.parse(readFileSync(file("policy.json"), "utf8"));
const policy = (...args: readonly string[]) => policyCommand.run([...args, "--policy", file("policy.json")]);
const told = () => printed.mock.calls.flat().join("\n");

const root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
const issuing = await issueCertificate({ subject: [{ CN: ["Issuing"] }], ca: {} }, root);
const client = await issueCertificate({ subject: [{ CN: ["acme"] }] }, issuing);
const PEMS: Readonly<Record<string, Identity>> = { root, issuing, client };

beforeEach(() => {
  stack = new AsyncDisposableStack();
  const directory = temporaryDirectory(stack);
  file = (name) => join(directory, name);
  for (const [name, { pem }] of Object.entries(PEMS)) writeFileSync(file(`${name}.pem`), pem);
  printed = vi.spyOn(console, "log").mockReturnValue();
});
afterEach(() => {
  printed.mockRestore();
  return stack.disposeAsync();
});

test("make a sender accepted that does not send its intermediate, and can be removed", async () => {
  const sender = ["--anchor", `root=${file("root.pem")}`, "--sender", "acme", "--certificate", file("client.pem")];
  const route = ["--route", "/hooks/acme"];
  await expect(policy("add", ...sender, ...route)).rejects.toThrow(/issuer_unknown.*--intermediate NAME=FILE/s);
  expect(await policy("add", ...sender, ...route, "--intermediate", `issuing=${file("issuing.pem")}`)).toBe(0);
  expect(read().intermediates).toEqual({ issuing: expect.stringContaining("BEGIN CERTIFICATE") });
  expect(await policy("check", "--strict")).toBe(0);

  expect(await policy("show")).toBe(0);
  expect(told()).toContain('"CN=Issuing", until ');
  printed.mockClear();
  const question = ["--policy", file("policy.json"), "--certificate", file("client.pem"), "--route", "/hooks/acme"];
  expect(await explain.run(question)).toBe(0);
  expect(told()).toContain("intermediate of the policy  CN=Issuing");
  expect(told()).not.toContain("forwards no intermediates: refused");

  await expect(policy("remove", "--intermediate", "other")).rejects.toThrow(
    "the policy has none of this name; it has issuing",
  );
  expect(await policy("remove", "--intermediate", "issuing")).toBe(0);
  expect(read()).not.toHaveProperty("intermediates");
});

test("must be NAME=FILE with a CA certificate", async () => {
  await expect(policy("add", "--intermediate", file("issuing.pem"))).rejects.toThrow(
    /--intermediate .* is not NAME=FILE/,
  );
  await expect(policy("add", "--intermediate", `x=${file("client.pem")}`)).rejects.toThrow("holds no CA certificate");
});
