// Tests the errors for a file that should contain a certificate or a key, for example if the file also contains a broken block.
// More files are tested in test/cli/files/certificates.test.ts.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { pickContents } from "../../../origin/contents/wanted.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

const { pem, keyPem } = await issueCertificate({ subject: [{ CN: ["webhooks.partner.example"] }] });
const half = pem.slice(0, 200);
const damaged = pem.replace(/\n.{9}/, "\n!!!!!!!!!");

test.each([
  ["one that is cut off", pem + half, /^a\.pem holds a certificate, but also something cut off: .*: copy or fetch/],
  [
    "one that is damaged",
    damaged + pem,
    /^a\.pem holds a certificate, but also a block that is no base64: copy or fet/,
  ],
  ["two and one that is cut off", pem + pem + half, /^a\.pem holds 2 × certificate, but also something cut off: /],
])("a file with a good certificate and a broken one is not said to hold none: %s", (_, text, told) => {
  expect(() => pickContents("certificate", Buffer.from(text), "a.pem")).toThrow(told);
});

test.each([
  ["a broken certificate alone", "certificate", half, /^a\.pem holds no certificate, but something cut off: /],
  [
    "a broken certificate and a key",
    "certificate",
    keyPem + half,
    /^a\.pem holds no certificate, but something cut off/,
  ],
  [
    "a certificate and a broken key",
    "key",
    pem + keyPem.slice(0, 60),
    /^a\.pem holds no private key .*, but something/,
  ],
] as const)("a file without what is wanted is said to hold none: %s", (_, wanted, text, told) => {
  expect(() => pickContents(wanted, Buffer.from(text), "a.pem")).toThrow(told);
});

test("a broken certificate beside a key is no fault if the key is wanted", () => {
  expect(pickContents("key", Buffer.from(keyPem + half), "a.pem")).toHaveLength(1);
});

test("the command for a TRUSTED CERTIFICATE keeps the other certificates of its file", () => {
  const directory = temporaryDirectory(stack);
  const file = (name: string) => join(directory, name);
  writeFileSync(file("one.pem"), pem);
  execFileSync("openssl", ["x509", "-in", file("one.pem"), "-trustout", "-out", file("trusted.pem")]);
  writeFileSync(file("both.pem"), `${pem}\n${readFileSync(file("trusted.pem"), "utf8")}`);
  let told = "";
  try {
    pickContents("certificate", readFileSync(file("both.pem")), file("both.pem"));
  } catch (error) {
    told = (error as Error).message;
  }
  expect(told).toContain("holds a certificate, but also a TRUSTED CERTIFICATE of OpenSSL: ");
  execFileSync("sh", ["-c", told.slice(told.indexOf("OpenSSL: ") + 9)], { cwd: directory });
  expect(pickContents("certificate", readFileSync(file("certificates.pem")), "certificates.pem")).toHaveLength(2);
});
