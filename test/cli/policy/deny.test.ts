// Tests `countersign policy deny`. The entry that it writes is effective, and the rest of the file stays the same.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { withOtherSignature } from "../../support/certificates/edit.ts";
import { runHere } from "../../support/command.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
const directory = temporaryDirectory(stack);
const policyFile = join(directory, "policy.json");
const certificateFile = join(directory, "certificate.pem");
afterAll(() => stack.disposeAsync());

const subject = [{ O: ["Real CA, Inc."] }, { CN: ["Issuing"] }];
let root: Identity;
let issuing: Identity;
let issuingByOther: Identity;
let leaf: Identity;
let renewed: Identity;
beforeAll(async () => {
  root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
  const other = await issueCertificate({ subject: [{ CN: ["Other Root"] }], ca: {} });
  issuing = await issueCertificate({ subject, ca: {} }, root);
  issuingByOther = await issueCertificate({ subject, ca: {}, keys: issuing.keys }, other);
  leaf = await issueCertificate({ subject: [{ CN: ["client"] }] }, issuing);
  renewed = await issueCertificate({ subject: [{ CN: ["client"] }], keys: leaf.keys }, issuing);
});

/** Returns the text of a policy that somebody formatted by hand. */
const textOf = (deny = "") => `{
    "anchors": { "root": ${JSON.stringify(root.pem)} },
    "senders": { "one":   { "certificates": [{ "subject": { "CN": "client" } }], "trust": { "anchors": ["root"] } } },
    "routes": { "/hooks": { "senders": ["one"], "methods": ["POST"] } }${deny}
}
`;

async function deny({ pem }: Identity, text: string, ...options: string[]) {
  writeFileSync(policyFile, text);
  writeFileSync(certificateFile, pem);
  const finished = await runHere(["policy", "deny", certificateFile, "--policy", policyFile, ...options]);
  const written = readFileSync(policyFile, "utf8");
  const { deny: list } = compilePolicy(JSON.parse(written));
  return { ...finished, written, denies: (base64: string) => list.holds(parseCertificate(base64)) };
}

test("denies a sender's key in every certificate, and keeps the format of the file", async () => {
  const { code, stdout, written, denies } = await deny(leaf, textOf());
  const entry = `{ "spkiSha256": "${parseCertificate(leaf.base64).spkiSha256}" }`;
  expect(written).toBe(textOf(`,\n    "deny": [${entry}]`));
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /written:\n(?:.*\n)*\+ +"deny": \[\{ "spkiSha256".*\n(?:.*\n)* +denied +CN=client, serial [0-9a-f]+, of CN=Issuing,O=Real CA\\, Inc\./,
  );
  expect([leaf, renewed].map(({ base64 }) => denies(base64))).toEqual([true, true]);
  expect(denies(withOtherSignature(leaf.base64))).toBe(true);
  expect(denies(issuing.base64)).toBe(false);

  const again = await deny(leaf, written);
  expect([again.code, again.written]).toEqual([0, written]);
  expect(again.stdout).toContain("says so already: nothing was changed");
  const check = await runHere(["policy", "check", "--strict", "--policy", policyFile]);
  expect([check.code, check.stderr]).toEqual([0, ""]);
});

test("denies one certificate by serial number and issuer, after the existing entries", async () => {
  const first = `{ "spkiSha256": "${"ab".repeat(32)}" }`;
  const { written, denies, stdout } = await deny(
    leaf,
    textOf(`, "deny": [${first}]`),
    "--match",
    "certificate",
    "--json",
  );
  const { serial } = parseCertificate(leaf.base64);
  const entry = { serial, issuer: "CN=Issuing,O=Real CA\\, Inc." };
  expect(written).toBe(
    textOf(`, "deny": [${first}, { "serial": "${serial}", "issuer": ${JSON.stringify(entry.issuer)} }]`),
  );
  expect(JSON.parse(stdout)).toMatchObject({ written: true, entry, subject: "CN=client" });
  expect([leaf, renewed].map(({ base64 }) => denies(base64))).toEqual([true, false]);
  expect(denies(withOtherSignature(leaf.base64))).toBe(true);
});

test("denies a CA, whichever other CA certified it", async () => {
  const { denies } = await deny(issuing, textOf());
  expect([issuing, issuingByOther].map(({ base64 }) => denies(base64))).toEqual([true, true]);
});

test("denies by digest or number without a file, and with --dry-run only says what it would write", async () => {
  writeFileSync(policyFile, textOf());
  const told = (...options: string[]) =>
    runHere(["policy", "deny", "--policy", policyFile, ...options]).then(({ stdout, stderr }) => stdout + stderr);
  const { spkiSha256, sha256, serial, issuerText } = parseCertificate(leaf.base64);
  expect(await told("--key", spkiSha256, "--dry-run")).toMatch(
    new RegExp(`changes; nothing was written \\(--dry-run\\):\n(?:.*\n)*\\+ .*"spkiSha256": "${spkiSha256}"`),
  );
  expect(readFileSync(policyFile, "utf8")).toBe(textOf());
  await told("--sha256", sha256.toUpperCase());
  await told("--serial", serial, "--issuer", issuerText);
  const written = readFileSync(policyFile, "utf8");
  const entry = `{ "serial": "${serial}", "issuer": ${JSON.stringify(issuerText)} }`;
  expect(written).toBe(textOf(`,\n    "deny": [{ "sha256": "${sha256}" }, ${entry}]`));
  for (const [options, fault] of [
    [[], /name one certificate, by FILE, --key/],
    [["--key", "ab"], /--key ab is no SHA-256/],
    [["--key", spkiSha256, "--match", "key"], /--match has no effect without FILE/],
    [["--serial", "ab"], /--serial and --issuer go together/],
    [["--serial", "xyz", "--issuer", "CN=a"], /\/deny\/2\/serial: hex digits/],
    [["--sha256", sha256, "--key", spkiSha256], /name one certificate/],
  ] as const)
    expect(await told(...options)).toMatch(fault);
  expect(readFileSync(policyFile, "utf8")).toBe(written);
});

test.each([
  ["a key", () => leaf.keyPem, [], /holds no certificate/],
  ["another way to match", () => leaf.pem, ["--match", "digest"], /--match digest is none of key, certificate/],
  ["a policy with a fault", () => leaf.pem, [], /\/senders: /],
])("changes nothing for %s", async (what, pem, options, message) => {
  const text = what.startsWith("a policy") ? textOf().replace(/"senders": \{ "one".*\n/, '"senders": {},\n') : textOf();
  writeFileSync(policyFile, text);
  writeFileSync(certificateFile, pem());
  const finished = await runHere(["policy", "deny", certificateFile, "--policy", policyFile, ...options]);
  expect(finished.code).toBe(2);
  expect(finished.stderr).toMatch(message);
  expect(readFileSync(policyFile, "utf8")).toBe(text);
});
