// Tests that `countersign policy add --certificate` judges the certificate with the new policy before it writes this policy.

import "reflect-metadata";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { KeyUsageFlags } from "@peculiar/x509";
import { afterAll, beforeEach, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { runHere } from "../../support/command.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const folder = temporaryDirectory(stack);
const file = (name: string) => join(folder, name);
const policyFile = file("policy.json");
beforeEach(() => rmSync(policyFile, { force: true }));

/** The key usage of a CA that uses its own CA certificate as its client certificate. */
const OF_SENDING_CA = KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const day = (offset: number) => new Date(Date.now() + offset * 86_400_000);
const subject = [{ O: ["Acme"] }, { CN: ["client"] }];
const root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
const intermediate = await issueCertificate({ subject: [{ CN: ["Intermediate"] }], ca: {} }, root);
const other = await issueCertificate({ subject: [{ CN: ["Other CA"] }], ca: {} });
const good = await issueCertificate({ subject }, root);
const below = await issueCertificate({ subject }, intermediate);
const future = await issueCertificate({ subject, notBefore: day(1), notAfter: day(9) }, root);
writeFileSync(file("root.pem"), root.pem);

async function add(pem: string, ...options: string[]) {
  writeFileSync(file("client.pem"), pem);
  const parts = ["--anchor", `root=${file("root.pem")}`, "--sender", "acme", "--certificate", file("client.pem")];
  const args = ["policy", "add", "--policy", policyFile, ...parts, "--route", "/hooks/acme", ...options];
  const finished = await runHere(args);
  const written = existsSync(policyFile) ? JSON.parse(readFileSync(policyFile, "utf8")) : undefined;
  return { ...finished, written };
}

test.each<readonly [string, () => Promise<Identity> | Identity, RegExp]>([
  [
    "one that has expired",
    () => issueCertificate({ subject, notBefore: day(-9), notAfter: day(-1) }, root),
    /client\.pem: CN=client,O=Acme: the certificate has expired \(certificate_expired\) → ask the sender for the certificate/,
  ],
  [
    "one for servers",
    () => issueCertificate({ subject, extendedKeyUsage: [SERVER_AUTH] }, root),
    /wrong_extended_key_usage\) → this one is for servers or another use, and not for clients: ask the sender/,
  ],
  [
    "one of another CA",
    () => issueCertificate({ subject }, other),
    /issuer_unknown\) → no anchor of the sender is CN=Other CA: add that CA with --anchor NAME=FILE/,
  ],
  [
    "one whose intermediate is not in the file",
    () => below,
    /no anchor of the sender is CN=Intermediate: .*after the sender's/,
  ],
])("%s is not written, except with --anyway", async (_, issue, told) => {
  const { pem } = await issue();
  const refused = await add(pem);
  expect([refused.code, refused.written]).toEqual([2, undefined]);
  expect(refused.stderr).toMatch(
    /acme would be refused with this certificate, so nothing was written \(with --anyway, it is written\)/,
  );
  expect(refused.stderr).toMatch(told);
  expect(refused.stderr).not.toMatch(/^ {4}at /m);
  const insisted = await add(pem, "--anyway");
  expect(insisted.code).toBe(0);
  expect(insisted.stdout).toMatch(told);
  expect(insisted.written.senders.acme.certificates).toEqual([
    { subject: "CN=client,O=Acme", issuer: parseCertificate((await issue()).base64).issuerText },
  ]);
});

test("one whose issuer may be an intermediate CA of the anchor's organisation is written, with a note about what the sender must present", async () => {
  const organization = { O: ["Acme"] };
  const anchor = await issueCertificate({ subject: [organization, { CN: ["Acme Root"] }], ca: {} });
  const issuing = await issueCertificate({ subject: [organization, { CN: ["Acme Issuing"] }], ca: {} }, anchor);
  const { pem } = await issueCertificate({ subject }, issuing);
  writeFileSync(file("root.pem"), anchor.pem);
  const { code, stdout, written } = await add(pem);
  writeFileSync(file("root.pem"), root.pem);
  expect(code).toBe(0);
  expect(stdout).toContain("it is accepted only if the sender presents the certificate of CN=Acme Issuing,O=Acme too");
  expect(written.senders.acme.certificates).toHaveLength(1);
});

test("a certificate that is accepted already can be named again, together with the anchor that it lacks", async () => {
  const { pem } = await issueCertificate({ subject }, other);
  const first = await add(pem, "--anyway");
  expect(first.written.senders.acme.certificates).toHaveLength(1);
  writeFileSync(file("other.pem"), other.pem);
  const again = ["policy", "add", "--policy", policyFile, "--sender", "acme", "--certificate", file("client.pem")];
  expect(await runHere([...again, "--anchor", `other=${file("other.pem")}`])).toMatchObject({ code: 0 });
  const { senders, anchors } = JSON.parse(readFileSync(policyFile, "utf8"));
  expect(senders.acme.certificates).toEqual(first.written.senders.acme.certificates);
  expect(anchors).toHaveProperty("other");
  const unchanged = await runHere(again);
  expect([unchanged.code, unchanged.stdout]).toEqual([0, expect.stringContaining("nothing was changed")]);
});

test("a new policy names the schema of the installed package, if there is one", async () => {
  expect((await add(good.pem)).written).not.toHaveProperty("$schema");
  rmSync(policyFile);
  const schema = "node_modules/countersign/policy.schema.json";
  mkdirSync(dirname(file(schema)), { recursive: true });
  writeFileSync(file(schema), "{}");
  expect((await add(good.pem)).written.$schema).toBe(`./${schema}`);
});

test("the certificate of a root is not written, and a CA before the sender's certificate neither, not even with --anyway", async () => {
  const elsewhere = await add((await issueCertificate({ subject, ca: {}, keyUsage: OF_SENDING_CA })).pem);
  expect([elsewhere.code, elsewhere.written]).toEqual([2, undefined]);
  expect(elsewhere.stderr).toMatch(
    /issuer_unknown\) → it is the certificate of a root CA, which no other CA certified/,
  );
  for (const options of [[], ["--anyway"]]) {
    const alone = await add(root.pem, ...options);
    expect([alone.code, alone.written]).toEqual([2, undefined]);
    expect(alone.stderr).toMatch(/is the digest of a CA certificate, and no path leads from this CA to an anchor/);
  }
  const unsuitable = await add(intermediate.pem);
  expect([unsuitable.code, unsuitable.written]).toEqual([2, undefined]);
  expect(unsuitable.stderr).toMatch(/wrong_key_usage\) → this one is for another use/);
  for (const options of [[], ["--anyway"]]) {
    const first = await add(intermediate.pem + below.pem, ...options);
    expect([first.code, first.written]).toEqual([2, undefined]);
    expect(first.stderr).toMatch(
      /begins with a CA certificate, CN=Intermediate, but the sender's certificate is number 2/,
    );
  }
});

test("a CA certificate that the sender presents is pinned by its digest, with the reason, and never by its name", async () => {
  const presented = await issueCertificate({ subject, ca: { pathLength: 0 }, keyUsage: OF_SENDING_CA }, root);
  const { sha256, spkiSha256 } = parseCertificate(presented.base64);
  const why =
    /this is a CA certificate, CN=client,O=Acme, and a CA certificate is accepted only by its digest, because its name/;
  const pins = [
    [[], { sha256 }],
    [["--match", "certificate"], { sha256 }],
    [["--match", "key"], { spkiSha256 }],
  ] as const;
  for (const [options, entry] of pins) {
    // Efí publishes its certificate and the root in one file.
    for (const pem of [presented.pem, presented.pem + root.pem]) {
      const { code, stdout, written } = await add(pem, ...options);
      expect(code).toBe(0);
      expect(stdout).toMatch(why);
      expect(written.senders.acme.certificates).toEqual([entry]);
      rmSync(policyFile);
    }
  }
  const named = await add(presented.pem, "--match", "name");
  expect([named.code, named.written]).toEqual([2, undefined]);
  expect(named.stderr).toMatch(/accepted only by its digest, .*: choose --match certificate or --match key/);
});

test("a certificate that is accepted is written without a note, and one that is not yet valid with a note", async () => {
  for (const pem of [good.pem, below.pem + intermediate.pem]) {
    const { code, stdout, written } = await add(pem);
    expect(code).toBe(0);
    expect(stdout).not.toContain("next steps");
    expect(written.senders.acme.certificates).toHaveLength(1);
    rmSync(policyFile);
  }
  const later = await add(future.pem);
  expect(later.code).toBe(0);
  expect(later.stdout).toMatch(
    /the certificate's validity has not begun \(certificate_not_yet_valid\): it is not accepted now/,
  );
});

test("a certificate that is denied is not written, and the entry is named", async () => {
  await add(good.pem);
  await runHere(["policy", "deny", file("client.pem"), "--policy", policyFile]);
  const { code, stderr } = await add(good.pem, "--match", "key");
  expect(code).toBe(2);
  expect(stderr).toMatch(/certificate_denied\) → it is denied by \/deny\/0: .*policy remove --deny NUMBER/);
});

test("an available revocation list is checked, and a missing one does not prevent the change", async () => {
  const { code } = await add(good.pem);
  expect(code).toBe(0);
  const document = JSON.parse(readFileSync(policyFile, "utf8"));
  document.anchors.root = { certificate: root.pem, crls: { sources: ["root.crl"], freshness: "require" } };
  writeFileSync(policyFile, JSON.stringify(document));
  const unknown = await add(good.pem, "--match", "key");
  expect([unknown.code, unknown.stderr]).toEqual([0, ""]);
  expect(unknown.stdout).toMatch(/\(revocation_unknown\): it is not accepted now/);

  revoke(good);
  writeFileSync(policyFile, JSON.stringify(document));
  const revoked = await add(good.pem, "--match", "key");
  expect(revoked.code).toBe(2);
  expect(revoked.stderr).toMatch(/\(certificate_revoked\) → ask the sender/);
});

/** Revokes the certificate. OpenSSL writes the revocation list to root.crl. */
function revoke({ base64, pem }: Identity): void {
  writeFileSync(file("root.key"), root.keyPem);
  writeFileSync(file("revoked.pem"), pem);
  const { serial, notAfter } = parseCertificate(base64);
  const time = (seconds: number) => `${new Date(seconds * 1000).toISOString().slice(2, 19).replace(/[-T:]/g, "")}Z`;
  const number = serial.length % 2 === 0 ? serial.toUpperCase() : `0${serial.toUpperCase()}`;
  writeFileSync(
    file("index.txt"),
    `R\t${time(notAfter)}\t${time(Date.now() / 1000 - 60)}\t${number}\tunknown\t/CN=client\n`,
  );
  writeFileSync(file("crlnumber"), "01\n");
  writeFileSync(
    file("ca.cnf"),
    `[ca]\ndefault_ca = c\n[c]\ndatabase = ${file("index.txt")}\ncrlnumber = ${file("crlnumber")}\ndefault_md = sha256\ndefault_crl_days = 9\ncrl_extensions = e\n[e]\nauthorityKeyIdentifier = keyid\n`,
  );
  const pair = ["-keyfile", file("root.key"), "-cert", file("root.pem")];
  execFileSync("openssl", ["ca", "-gencrl", "-config", file("ca.cnf"), ...pair, "-out", file("root.crl")], {
    stdio: "pipe",
  });
}
