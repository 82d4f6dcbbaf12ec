// Tests that every command refuses an option that would have no effect, and names this option. A command accepts only options that
// it reads.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { loadCommand } from "../../support/command.ts";
import { runCountersign } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
beforeEach(() => void vi.spyOn(process.stdout, "write").mockReturnValue(true));

const directory = temporaryDirectory(stack);
const file = (name: string) => join(directory, name);

/** Runs a command as cli/main.ts does. @returns its exit code @throws the error that cli/main.ts would print */
async function countersign([name = "", ...args]: readonly string[]): Promise<number> {
  const command = await loadCommand(name);
  return await command.run([...args]);
}

const SOCKET = ["--behind-proxy", "nginx", "--socket", "/run/nowhere/x.sock"];

test("a URL with credentials, a path or a query is refused, and the message contains no secret", async () => {
  for (const url of ["https://u:HUSH@h.example", "https://h.example/x?HUSH", "http://h.example?HUSH", "HUSH:HUSH@h"]) {
    const told = await countersign(["dev", "--origin", url]).catch((error: Error) => error.message);
    expect(told).toMatch(/^--origin .*: write https:\/\/HOST without a path/);
    expect(told).not.toContain("HUSH");
  }
});

describe("an option without an effect is refused by name:", () => {
  test.each([
    ["origin --certificate a --key b", "--certificate, --key have no effect behind the edge"],
    ["origin --socket /x", "--socket has no effect behind the edge"],
    ["origin --tls --jwks a --issuer b", "--jwks, --issuer have no effect with --tls"],
    ["origin --tls --proxy-ca a", "--proxy-ca has no effect with --tls"],
    ["origin --tls --socket-mode 0600", "--socket-mode has no effect with --tls"],
    [`origin ${SOCKET.join(" ")} --host ::1`, "--host has no effect with --behind-proxy and --socket"],
    [`origin ${SOCKET.join(" ")} --tls`, "--tls has no effect with --behind-proxy and --socket"],
    [`origin ${SOCKET.join(" ")} --client-certificates request`, "--client-certificates has no effect"],
    [
      "origin --behind-proxy nginx --socket-mode 0660",
      "--socket-mode has no effect with --behind-proxy without --socket",
    ],
    ["origin --behind-proxy envoy --certificate-header x", "envoy always uses"],
    ["origin --behind-proxy nginx --certificate a --certificate b --key c", "--certificate is given 2 times"],
    ["dev --origin http://127.0.0.1:1 --handler x.js", "--handler has no effect with --origin"],
    ["inbox show id --state dead", "--state has no effect with inbox show"],
    ["inbox show id --body --json", "--json has no effect beside --body"],
    ["inbox list --reason x", "--reason has no effect with inbox list"],
    ["inbox list --body", "--body has no effect with inbox list"],
    ["inbox retry id --limit 50", "--limit has no effect with inbox retry"],
    ["inbox drop id --sender x", "--sender has no effect with inbox drop"],
    ["keys new --file x --step sign", "--step has no effect with keys new"],
    ["keys jwks --file x --step sign", "--step has no effect with keys jwks"],
    ["policy add --sender x --match name", "--match has no effect without --certificate"],
    ["policy add --preset slack --match key", "--match has no effect without --certificate"],
    ["policy add --preset slack --anyway", "--anyway has no effect without --certificate"],
    ["policy add --sender x --mode observe", "--mode needs --route"],
    ["policy remove --anchor x --from /hooks", "--from needs --sender"],
    ["policy remove --dry-run", "nothing to remove: --sender, --entry, --anchor, --intermediate, --route or --deny"],
    ["policy observed --pem ab --json policy.json", "--json has no effect beside --pem"],
    ["policy check --within 3", "--within"],
    ["send http://127.0.0.1:1/ --certificate a --key b", "--certificate, --key and --ca have no effect with http://"],
    ["send http://127.0.0.1:1/ --ca a", "--certificate, --key and --ca have no effect with http://"],
    ["explain --route / --inbox x", "--inbox goes with"],
    ["explain --route / --log x", "--decision and --log go together"],
  ])("%s", async (line, message) => {
    await expect(countersign(line.split(" "))).rejects.toThrow(message);
  });
});

describe("policy add", () => {
  beforeAll(async () => {
    const ca = await issueCertificate({ subject: [{ CN: ["Partner CA"] }], ca: {} });
    const client = await issueCertificate({ subject: [{ CN: ["webhooks.partner.example"] }] }, ca);
    writeFileSync(file("ca.pem"), ca.pem);
    writeFileSync(file("client.pem"), client.pem);
  });
  const add = (policy: string, ...args: string[]) =>
    countersign(["policy", "add", "--policy", file(policy), ...args, "--json"]);
  const routes = (policy: string) => JSON.parse(readFileSync(file(policy), "utf8")).routes;

  test("--mode replaces the mode of a preset, either way, and the mode of an existing route", async () => {
    expect(await add("a.json", "--preset", "slack", "--mode", "enforce")).toBe(0);
    expect(routes("a.json")["/hooks/slack"].mode).toBe("enforce");
    expect(await add("b.json", "--preset", "pagerduty", "--mode", "observe")).toBe(0);
    expect(routes("b.json")["/hooks/pagerduty"].mode).toBe("observe");
    expect(await add("b.json", "--preset", "slack", "--route", "/hooks/pagerduty", "--mode", "enforce")).toBe(0);
    expect(routes("b.json")["/hooks/pagerduty"].mode).toBe("enforce");
  });

  test("a name that every JavaScript object has is refused, and nothing is written", async () => {
    const ca = file("ca.pem");
    for (const name of ["__proto__", "constructor", "toString"]) {
      await expect(add("d.json", "--anchor", `${name}=${ca}`)).rejects.toThrow(`--anchor ${name}: every JavaScript`);
      for (const option of ["sender", "route"]) {
        const parts = ["--anchor", `ca=${ca}`, "--sender", "partner", "--certificate", file("client.pem")];
        await expect(add("d.json", ...parts, `--${option}`, name)).rejects.toThrow(`--${option} ${name}: every`);
      }
      const preset = ["--preset", "pagerduty", "--sender", name];
      await expect(add("d.json", ...preset)).rejects.toThrow(`--sender ${name}: every`);
    }
    expect(existsSync(file("d.json"))).toBe(false);
  });

  test("an existing sender to which nothing is added is refused", async () => {
    const parts = ["--anchor", `ca=${file("ca.pem")}`, "--sender", "partner", "--certificate", file("client.pem")];
    expect(await add("c.json", ...parts, "--match", "key", "--route", "/hooks/partner")).toBe(0);
    await expect(add("c.json", "--sender", "partner")).rejects.toThrow("--sender partner has no effect");
  });
});

test("the program prints the error on one line", async () => {
  const { code, stdout, stderr } = await runCountersign(["origin", "--tls", "--jwks", "x"]);
  expect({ code, stdout, stderr }).toEqual({
    code: 2,
    stdout: "",
    stderr: "countersign: --jwks has no effect with --tls\n",
  });
});
