// Tests secrets in files. An origin reads the secrets at its start, and again when a file is replaced. It never prints them.

import { createHmac } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { runHere } from "../../support/command.ts";
import { startCountersign } from "../../support/running.ts";
import { ACME } from "../../support/senders.ts";
import { sendOnce } from "../../support/tls-client.ts";
import { A } from "../../support/tls-origin.ts";
import { endProcess, replaceFile, type TlsFiles, writeTlsFiles } from "../../support/tls-process.ts";

const [OLD, NEW, SHORT] = ["sesame-0123456789abcdef", "open-0123456789abcdef", "shibboleth"];

const stack = new AsyncDisposableStack();
let files: TlsFiles;
let credentials: string;
const file = (name: string) => join(dirname(files.policy), name);

/** Returns a policy in which acme must also sign its requests. */
const signing = (policy: PolicyDocument): PolicyDocument => {
  const { [ACME]: acme, ...others } = policy.senders;
  const signature = { scheme: "github" as const, secrets: ["ACME_KEY", "ACME_KEY_2"] };
  return { ...policy, senders: { ...others, [ACME]: { ...acme, signature } } };
};

beforeAll(async () => {
  files = await writeTlsFiles(stack, signing);
  credentials = file("credentials");
  mkdirSync(credentials);
});
afterAll(() => stack.disposeAsync());

test("files and credentials are read, watched, and shown nowhere", async () => {
  writeFileSync(file("key"), `${OLD}\n`, { mode: 0o600 });
  writeFileSync(join(credentials, "ACME_KEY_2"), `${OLD}-2`);
  chmodSync(join(credentials, "ACME_KEY_2"), 0o444);
  const environment = { ACME_KEY_FILE: file("key"), CREDENTIALS_DIRECTORY: credentials };
  const origin = await startCountersign([...files.args], environment);
  stack.defer(() => endProcess(origin));
  let stderr = "";
  origin.process.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const port = Number(new URL(origin.ready["origin"] ?? "").port);
  const statusWith = async (secret: string) => {
    const signature = createHmac("sha256", secret).update("{}").digest("hex");
    const headers = [["X-Hub-Signature-256", `sha256=${signature}`] as const];
    return (await sendOnce({ port, ca: files.serverCa.pem, name: A }, files.senders.acme, { headers })).status;
  };
  expect([await statusWith(OLD), await statusWith(`${OLD}-2`), await statusWith(NEW)]).toEqual([202, 202, 401]);

  const reloading = (change: () => void, decision: string) => {
    const start = origin.lines.length;
    change();
    return origin.line({ decision }, start);
  };
  await reloading(() => replaceFile(file("key"), NEW), "reloaded");
  expect([await statusWith(OLD), await statusWith(NEW)]).toEqual([401, 202]);
  const refused = await reloading(() => replaceFile(file("key"), SHORT), "failed");
  expect(refused).toMatchObject({ code: "reload_refused", problems: [expect.stringContaining("the secret ACME_KEY")] });
  expect(await statusWith(NEW)).toBe(202);
  await reloading(() => replaceFile(file("key"), NEW), "reloaded");
  await reloading(() => replaceFile(join(credentials, "ACME_KEY_2"), `${NEW}-2`), "reloaded");
  expect(await statusWith(`${NEW}-2`)).toBe(202);

  const shown = readFileSync(`/proc/${origin.process.pid}/cmdline`, "utf8");
  for (const secret of [OLD, NEW, SHORT]) expect(JSON.stringify(origin.lines) + stderr + shown).not.toContain(secret);
});

test("a secret that is written after its policy was refused is taken up", async () => {
  const own = await writeTlsFiles(stack, ({ senders, ...policy }) => {
    const { [ACME]: acme, ...others } = senders;
    return {
      ...policy,
      senders: { ...others, [ACME]: { ...acme, signature: { scheme: "github", secrets: ["ACME_KEY"] } } },
    };
  });
  const later = join(dirname(own.policy), "later");
  const origin = await startCountersign([...own.args], { ACME_KEY: OLD, ACME_KEY_2_FILE: later });
  stack.defer(() => endProcess(origin));
  replaceFile(own.policy, JSON.stringify(signing(JSON.parse(readFileSync(own.policy, "utf8")) as PolicyDocument)));
  expect(await origin.line({ decision: "failed" })).toMatchObject({
    code: "reload_refused",
    problems: [expect.stringContaining("the secret ACME_KEY_2")],
  });
  writeFileSync(later, NEW);
  await origin.line({ decision: "reloaded" });
});

test("every fault of a secret is reported at once, with its place, and without the secret", async () => {
  writeFileSync(file("two-lines"), `${OLD}\n${NEW}\n`);
  const { code, stderr, stdout } = await runHere(files.args, {
    ACME_KEY: OLD,
    ACME_KEY_FILE: file("absent"),
    ACME_KEY_2_FILE: file("two-lines"),
  });
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /signature: the secret ACME_KEY: it is given twice, by the variable ACME_KEY and by ACME_KEY_FILE/,
  );
  expect(stderr).toMatch(/signature: the secret ACME_KEY_2: ACME_KEY_2_FILE: .*two-lines holds more than one line/);
  for (const secret of [OLD, NEW]) expect(stderr + stdout).not.toContain(secret);
});

test("a file that others can read, and a password on the command line, are reported", async () => {
  writeFileSync(file("open"), OLD, { mode: 0o644 });
  writeFileSync(file("closed"), OLD, { mode: 0o640 });
  const inbox = "postgres://user:sesame@127.0.0.1:1/none";
  const environment = { ACME_KEY_FILE: file("open"), ACME_KEY_2_FILE: file("closed") };
  const { stderr } = await runHere([...files.args, "--inbox", inbox, "--wait-for-store", "0"], environment);
  const warnings = stderr.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
  expect(warnings.filter(({ code }) => /^secret_readable|^password_shown/.test(code))).toEqual([
    expect.objectContaining({ decision: "warning", code: "secret_readable", secret: "ACME_KEY", file: file("open") }),
    expect.objectContaining({ code: "password_shown", remedy: expect.stringContaining("PGPASSWORD_FILE") }),
  ]);
  expect(stderr).not.toContain("sesame");
});
