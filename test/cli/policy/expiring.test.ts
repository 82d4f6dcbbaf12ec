// Tests `countersign policy expiring` as a user runs it, with a real policy, inbox and certificate.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Identity, issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import { openSqliteInbox } from "../../../origin/inbox/sqlite/inbox.ts";
import { runHere } from "../../support/command.ts";
import { deliveryOf } from "../../support/inbox.ts";
import { runCountersign } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const DAY_MILLISECONDS = 86_400_000;
const inDays = (days: number) => new Date(Date.now() + days * DAY_MILLISECONDS + 3_600_000);

let stack: AsyncDisposableStack;
let directory: string;
let root: Identity;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  directory = temporaryDirectory(stack);
  root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {}, notAfter: inDays(3000) });
});
afterEach(() => stack.disposeAsync());

const file = (name: string) => join(directory, name);
/** The whole days until the beginning of a date. Their number depends on the time of day. */
const daysTo = (date: string) => Math.floor((Date.parse(date) - Date.now()) / 86_400_000);

function writePolicy(entry: object = {}): string {
  const policy = {
    anchors: { root: root.pem },
    senders: { acme: { certificates: [{ subject: { CN: "acme" }, ...entry }], trust: { anchors: ["root"] } } },
    routes: { "/hooks": { senders: ["acme"], methods: ["POST"] } },
  };
  writeFileSync(file("policy.json"), JSON.stringify(policy));
  return file("policy.json");
}

async function writeInbox(...identities: readonly Identity[]): Promise<string> {
  const inbox = openSqliteInbox(file("inbox.sqlite"));
  for (const [index, identity] of identities.entries()) {
    const delivery = deliveryOf({ id: `event-${index}`, sender: "acme", identity });
    await inbox.accept(delivery, { issuer: "direct", jti: `event-${index}`, expires: 0 });
  }
  await inbox.close();
  return file("inbox.sqlite");
}

async function expiring(...args: readonly string[]) {
  const { code, stdout, stderr } = await runHere(["policy", "expiring", ...args]);
  return {
    code,
    stdout,
    stderr,
    json: () => JSON.parse(stdout) as { ok: boolean; endings: Record<string, unknown>[] },
  };
}

test("says when nothing ends, and ends with 0", async () => {
  const policy = writePolicy();
  expect(await expiring("--policy", policy)).toMatchObject({ code: 0, stdout: "nothing ends within 90 days\n" });
  const { code, json } = await expiring("--policy", policy, "--json");
  expect([code, json()]).toEqual([0, { ok: true, within: 90, endings: [] }]);
});

test("lists sender, listener and window, soonest first, with pointer and remedy, and ends with 1", async () => {
  const until = inDays(60).toISOString().slice(0, 10);
  const policy = writePolicy({ until });
  const leaf = await issueCertificate({ subject: [{ CN: ["acme"] }], notAfter: inDays(40) }, root);
  const listener = await issueCertificate({
    subject: [{ CN: ["hooks.example.com"] }],
    subjectAltNames: [{ type: "dns", value: "hooks.example.com" }],
    extendedKeyUsage: [SERVER_AUTH],
    notAfter: inDays(20),
  });
  writeFileSync(file("server.pem"), `our listener\n${listener.pem}\n${root.pem}`);
  const args = ["--policy", policy, "--inbox", await writeInbox(leaf), "--certificate", file("server.pem")];
  const { code, json } = await expiring(...args, "--json");
  expect(code).toBe(1);
  expect(json().endings).toMatchObject([
    { what: "listener-certificate", name: "hooks.example.com", days: 20, refuses: true },
    { what: "sender-certificate", name: "acme", pointer: "/senders/acme", days: 40, refuses: true },
    {
      what: "policy-window",
      name: "acme",
      pointer: "/senders/acme/certificates/0",
      days: daysTo(until),
      refuses: true,
    },
  ]);
  const text = await expiring(...args, "--within", "30");
  expect(text).toMatchObject({ code: 1 });
  expect(text.stdout).toMatch(
    /^\S+Z {2}20 days {2}REFUSES {2}listener-certificate hooks\.example\.com .*\n {4}renew it/,
  );
  expect(await expiring(...args, "--within", "10")).toMatchObject({ code: 0 });
});

test("ends with 0 when a replacement is already in use", async () => {
  const policy = writePolicy();
  const [old, next] = await Promise.all(
    [40, 400].map((days) => issueCertificate({ subject: [{ CN: ["acme"] }], notAfter: inDays(days) }, root)),
  );
  let now = Math.floor(Date.now() / 1000) - 3 * 86_400;
  const inbox = openSqliteInbox(file("inbox.sqlite"), { clock: () => now * 1000 });
  for (const [id, identity] of [
    ["a", old],
    ["b", next],
  ] as const) {
    await inbox.accept(deliveryOf({ id, sender: "acme", identity }), { issuer: "direct", jti: id, expires: 0 });
    now += 2 * 86_400;
  }
  await inbox.close();
  const { code, json } = await expiring("--policy", policy, "--inbox", file("inbox.sqlite"), "--json");
  expect([code, json().endings]).toMatchObject([0, [{ days: 40, refuses: false }]]);
});

test.each([
  [
    "an inbox that is not there",
    ["--inbox", "missing.sqlite"],
    /missing\.sqlite: there is no such file: give the same --inbox/,
  ],
  ["a certificate file without one", ["--certificate", "package.json"], /package\.json holds no certificate/],
  ["days that are none", ["--within", "soon"], /--within soon is not a whole number from 0 to 99999/],
])("refuses %s", async (_, args, why) => {
  const { code, stderr } = await expiring("--policy", writePolicy(), ...args);
  expect(code).toBe(2);
  expect(stderr).toMatch(why);
  rmSync("missing.sqlite", { force: true });
});

test("is in --help, with its exit codes", async () => {
  const { stdout } = await runCountersign(["policy", "--help"]);
  expect(stdout).toMatch(/policy expiring [\s\S]*Ends with 0, or with 1/);
});
