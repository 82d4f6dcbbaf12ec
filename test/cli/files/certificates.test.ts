// Tests files that people give as a certificate, a key or a set of keys. Every unambiguous form is accepted. For any other file,
// the message names the file, and says what the file contains and how to fix it.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import {
  readAuthorities,
  readCertificates,
  readCertificatesAsPem,
  readPair,
  readPrivateKey,
  readSenderCertificates,
} from "../../../cli/files/certificates.ts";
import { readJson } from "../../../cli/files/files.ts";
import { readPrivateKeySet, readPublicKeySet } from "../../../cli/files/key-sets.ts";
import { readServerPair } from "../../../cli/files/server-pair.ts";
import { loadCommand } from "../../support/command.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
beforeEach(() => void vi.spyOn(console, "log").mockReturnValue());

const directory = temporaryDirectory(stack);
const file = (name: string) => join(directory, name);
const write = (name: string, content: string | Uint8Array) => writeFileSync(file(name), content);
const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: directory, stdio: "pipe" });

const ca = await issueCertificate({ subject: [{ CN: ["Partner CA"] }], ca: {} });
const oldCa = await issueCertificate({ subject: [{ CN: ["Partner CA 2019"] }], ca: {} });
const POLICY = {
  senders: { partner: { certificates: [{ subject: { CN: "x" } }], trust: { anchors: ["root"] } } },
  routes: { "/hooks": { senders: ["partner"], methods: ["POST"] } },
};
const client = await issueCertificate({ subject: [{ CN: ["webhooks.partner.example"] }] }, ca);
const other = await issueCertificate({ subject: [{ CN: ["other"] }] }, ca);

beforeAll(() => {
  const { pem, keyPem, der } = { ...client, der: Buffer.from(client.base64, "base64") };
  write("client.pem", pem);
  write("client.key", keyPem);
  write("other.key", other.keyPem);
  write("ca.pem", ca.pem);
  // These files can be read, although some contain more than a certificate or key.
  write("client.der", der);
  write("two.der", Buffer.concat([der, Buffer.from(ca.base64, "base64")]));
  write("windows.pem", `\ufeff${pem.replaceAll("\n", "\r\n")}`);
  write("text.pem", `Bag Attributes\n    friendlyName: x\nsubject=CN = x\n${pem}\nissuer: the CA\n${ca.pem}\nthe end`);
  write("all.pem", `${keyPem}\n${pem}\n${ca.pem}`);
  write("bare.b64", client.base64.replace(/.{64}/g, "$&\n"));
  write("field.txt", `:${client.base64}:\n`);
  openssl("pkey", "-in", "client.key", "-outform", "DER", "-out", "key.der");
  openssl("ec", "-in", "client.key", "-out", "sec1.key");
  write(
    "parameters.key",
    `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${readFileSync(file("sec1.key"))}`,
  );
  for (const [name, slash] of [
    ["once", "\\"],
    ["twice", "\\\\"],
  ] as const) {
    write(`escaped-${name}.pem`, pem.replaceAll("\n", `${slash}n`));
    write(`escaped-${name}.key`, `"${keyPem.replaceAll("\n", `${slash}r${slash}n`)}"`);
  }
  // The form of these files is accepted neither as a certificate nor as a key.
  openssl("pkcs12", "-export", "-in", "client.pem", "-inkey", "client.key", "-passout", "pass:x", "-out", "client.p12");
  openssl("crl2pkcs7", "-nocrl", "-certfile", "client.pem", "-out", "client.p7b");
  openssl("crl2pkcs7", "-nocrl", "-certfile", "client.pem", "-outform", "DER", "-out", "client.p7c");
  openssl("pkey", "-in", "client.key", "-aes256", "-passout", "pass:x", "-out", "locked.key");
  openssl("ec", "-in", "client.key", "-aes256", "-passout", "pass:x", "-out", "old-locked.key");
  openssl("req", "-new", "-key", "client.key", "-subj", "/CN=x", "-out", "client.csr");
  openssl("pkey", "-in", "client.key", "-pubout", "-out", "public.pem");
  openssl("x509", "-in", "client.pem", "-trustout", "-out", "trusted.pem");
  write("utf16.pem", Buffer.from(`\ufeff${pem}`, "utf16le"));
  write(
    "openssh.key",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE=\n-----END OPENSSH PRIVATE KEY-----\n",
  );
  write("empty.pem", "");
  write("page.html", "<!DOCTYPE html>\n<html><title>Sign in</title></html>");
  write("half.pem", pem.slice(0, 200));
  write("half.der", der.subarray(0, 200));
  write("second-half.pem", `${pem}\n${ca.pem.slice(0, 200)}`);
  write("damaged.pem", pem.replace(/\n.{9}/, "\n!!!!!!!!!"));
  write("archive.zip", "PK\x03\x04xxxxxxxx");
  write("store.jks", Buffer.from("feedfeed00000002", "hex"));
  write("document.json", JSON.stringify({ anchors: { x: pem } }));
});

describe("a certificate is read", () => {
  test.each([
    ["client.pem", 1],
    ["client.der", 1],
    ["two.der", 2],
    ["windows.pem", 1],
    ["text.pem", 2],
    ["all.pem", 2],
    ["bare.b64", 1],
    ["field.txt", 1],
  ])("of %s", (name, count) => {
    expect(readCertificates(file(name)).map(({ sha256 }) => sha256)).toHaveLength(count);
    expect(readCertificatesAsPem(file(name))[0]?.replace(/\s/g, "")).toBe(client.pem.replace(/\s/g, ""));
  });
});

test.each(["client.key", "all.pem", "key.der", "sec1.key", "parameters.key"])("a private key is read of %s", (name) => {
  expect(readPrivateKey(file(name)).asymmetricKeyType).toBe("ec");
});

const NO_CERTIFICATES: readonly (readonly [name: string, what: RegExp, mend: RegExp])[] = [
  ["client.p12", /PKCS #12/, /openssl pkcs12 -in \S+ -nokeys/],
  ["client.p7b", /PKCS #7/, /openssl pkcs7 -in \S+ -print_certs/],
  ["client.p7c", /PKCS #7/, /openssl pkcs7 -in \S+ -inform DER -print_certs/],
  ["client.key", /a private key/, /belongs to this key/],
  ["key.der", /a private key/, /belongs to this key/],
  ["locked.key", /with a passphrase/, /belongs to this key/],
  ["client.csr", /request/, /authority/],
  ["public.pem", /a public key/, /issued for this key/],
  ["trusted.pem", /TRUSTED CERTIFICATE/, /openssl crl2pkcs7/],
  ["utf16.pem", /UTF-16/, /iconv/],
  ["openssh.key", /OpenSSH/, /ssh-keygen/],
  ["empty.pem", /empty/, /again/],
  ["page.html", /HTML/, /fetch the file itself/],
  ["half.pem", /cut off/, /again/],
  ["half.der", /cut off/, /again/],
  ["second-half.pem", /holds a certificate, but also something cut off/, /again/],
  ["damaged.pem", /no base64/, /again/],
  ["archive.zip", /compressed/, /unpack/],
  ["store.jks", /Java/, /keytool/],
  ["document.json", /JSON/, /again/],
  [".", /a directory/, /a directory/],
  ["missing.pem", /cannot read/, /there is no such file/],
];

/** Runs a command as the program does. Throws the error that the program would print. */
async function countersign(...[name = "", ...args]: readonly string[]): Promise<number> {
  const command = await loadCommand(name);
  return await command.run([...args]);
}

/** The options that accept certificates. Nothing is sent, because no server listens at the address. */
const OPTIONS: readonly (readonly [option: string, run: (given: string) => Promise<number>])[] = [
  [
    "send --certificate",
    (given) => countersign("send", "https://127.0.0.1:9/", "--certificate", given, "--key", file("client.key")),
  ],
  ["send --ca", (given) => countersign("send", "https://127.0.0.1:9/", "--ca", given)],
  [
    "policy add --anchor",
    (given) => countersign("policy", "add", "--policy", file("new.json"), "--anchor", `x=${given}`),
  ],
  [
    "policy add --certificate",
    (given) => countersign("policy", "add", "--policy", file("new.json"), "--sender", "x", "--certificate", given),
  ],
  ["policy expiring --certificate", (given) => countersign("policy", "expiring", "--certificate", given)],
  ["explain --certificate", (given) => countersign("explain", "--route", "/", "--certificate", given)],
];

describe.each(OPTIONS)("%s says what the file contains instead of a certificate:", (_, run) => {
  test.each(NO_CERTIFICATES)("%s", async (name, what, mend) => {
    const told = await run(file(name)).then(
      () => "nothing",
      (error: Error) => `${error.name} ${error.message}`,
    );
    expect(told).toMatch(/^UsageError /);
    expect(told).toContain(file(name));
    expect(told).toMatch(what);
    expect(told).toMatch(mend);
  });
});

describe("explain judges a malformed certificate unchanged, and says that it is malformed:", () => {
  const der = Buffer.from(client.base64, "base64");
  const pem = (bytes: Buffer) =>
    `-----BEGIN CERTIFICATE-----\n${bytes.toString("base64")}\n-----END CERTIFICATE-----\n`;
  const inner = Buffer.from(der);
  // A length inside the certificate exceeds the length of the value around it.
  inner[5] = 0xff;
  test.each<readonly [string, string | Uint8Array]>([
    ["its DER breaks off", pem(der.subarray(0, 200))],
    ["something follows it", pem(Buffer.concat([der, Buffer.from([0])]))],
    ["a length in it is wrong", pem(inner)],
    ["it is another value", pem(Buffer.from("300302012a", "hex"))],
    ["it is another value, in DER", Buffer.from("300302012a", "hex")],
  ])("%s", async (_, content) => {
    write("strange.pem", content);
    write("policy.json", JSON.stringify({ ...POLICY, anchors: { root: ca.pem } }));
    const shown = vi.spyOn(console, "log").mockReturnValue();
    const args = ["--policy", file("policy.json"), "--route", "/hooks", "--certificate", file("strange.pem")];
    await countersign("explain", ...args);
    expect(String(shown.mock.calls[0])).toMatch(/^REFUSED {2}certificate_malformed/);
  });
});

test("the command that converts a file can be pasted, whatever the name of the file is", () => {
  const mend = (name: string, content: string | Uint8Array) => {
    write(name, content);
    try {
      readCertificates(file(name));
    } catch (error) {
      const [, command = ""] = /: ((?:openssl|iconv) .*)$/.exec((error as Error).message) ?? [];
      execFileSync("sh", ["-c", command], { cwd: directory, stdio: "pipe" });
    }
  };
  const bundle = readFileSync(file("client.p7b"));
  for (const name of ["our partner's.p7b", "$(exit 9).p7b", "a;b.p7b"]) {
    write("certificates.pem", "");
    mend(name, bundle);
    expect(readCertificates(file("certificates.pem"))).toHaveLength(1);
  }
  const le = Buffer.from(client.pem, "utf16le");
  for (const text of [Buffer.from(`\ufeff${client.pem}`, "utf16le"), le, Buffer.from(le).swap16()]) {
    write("mended.pem", "");
    mend("windows text.pem", text);
    expect(readCertificates(file("mended.pem"))).toHaveLength(1);
  }
});

test("a file that is too large is named, and not read completely", async () => {
  expect(() => readCertificates("/dev/zero")).toThrow(/cannot read \/dev\/zero: it is larger than 16 MiB/);
  truncateSync(file("empty.pem"), 16 * 1024 * 1024);
  expect(() => readCertificates(file("empty.pem"))).toThrow(/neither PEM nor DER/);
  truncateSync(file("empty.pem"), 16 * 1024 * 1024 + 1);
  for (const [, run] of OPTIONS) {
    const told = await run(file("empty.pem")).catch((error: Error) => error.message);
    expect(told).toContain(`cannot read ${file("empty.pem")}: it is larger than 16 MiB`);
  }
  expect(() => readJson(file("empty.pem"))).toThrow(/larger than 16 MiB/);
  truncateSync(file("empty.pem"), 2 ** 40);
  for (const args of [
    ["send", "https://127.0.0.1:9/", "--body", file("empty.pem")],
    ["policy", "observed", file("empty.pem")],
    ["explain", "--decision", "x", "--log", file("empty.pem")],
  ]) {
    await expect(countersign(...args)).rejects.toThrow(/empty\.pem: it is larger than (?:64|256) MiB/);
  }
});

test("a key with a passphrase is opened with a file that contains the passphrase", () => {
  openssl("pkcs8", "-topk8", "-in", "client.key", "-outform", "DER", "-passout", "pass:x", "-out", "locked.der");
  write("x", "x\n");
  write("y", "y\n");
  for (const name of ["locked.key", "old-locked.key", "locked.der"]) {
    expect(readPair(file("client.pem"), file(name), file("x"))).toEqual(
      readPair(file("client.pem"), file("client.key")),
    );
    expect(() => readPrivateKey(file(name), file("y"))).toThrow(
      `${file(name)} holds a private key with another passphrase than the one that is given`,
    );
  }
  const missing = `--key-passphrase-file: cannot read ${file("no")}: there is no such file`;
  expect(() => readPrivateKey(file("locked.key"), file("no"))).toThrow(missing);
  expect(readPrivateKey(file("client.key"), file("x")).type).toBe("private");
});

test("line ends that a variable or JSON has escaped are read as line ends", () => {
  for (const name of ["once", "twice"]) {
    expect(readPair(file(`escaped-${name}.pem`), file(`escaped-${name}.key`))).toEqual(
      readPair(file("client.pem"), file("client.key")),
    );
  }
});

test.each<readonly [string, RegExp]>([
  ["client.p12", /PKCS #12 store: openssl pkcs12 -in \S+ -nocerts/],
  ["client.pem", /a certificate: .*belongs to this certificate/],
  ["locked.key", /with a passphrase: name a file .* --key-passphrase-file, or remove the passphrase: openssl pkey -in/],
  [
    "old-locked.key",
    /with a passphrase: name a file .* --key-passphrase-file, or remove the passphrase: openssl pkey -in/,
  ],
  ["openssh.key", /ssh-keygen/],
  ["public.pem", /a public key/],
  ["empty.pem", /empty/],
  ["utf16.pem", /UTF-16/],
])("a file that is not a private key is named: %s", (name, told) => {
  expect(() => readPrivateKey(file(name))).toThrow(told);
  expect(() => readPrivateKey(file(name))).toThrow(file(name));
});

describe("a pair", () => {
  test("of a client that would be refused is reported before it is sent", async () => {
    const past = { notBefore: new Date(Date.now() - 2_000_000), notAfter: new Date(Date.now() - 1_000_000) };
    const old = await issueCertificate({ subject: [{ CN: ["x"] }], extendedKeyUsage: [SERVER_AUTH], ...past }, ca);
    write("old.pem", old.pem);
    write("old.key", old.keyPem);
    const told = vi.spyOn(console, "error").mockReturnValue();
    const pair = ["--certificate", file("old.pem"), "--key", file("old.key")];
    await expect(countersign("send", "https://127.0.0.1:9/", ...pair)).rejects.toThrow(/no answer/);
    expect(told.mock.calls.map(String)).toEqual([
      expect.stringMatching(/old\.pem: the certificate expired on/),
      expect.stringMatching(/old\.pem: the certificate is not for clients/),
    ]);
    told.mockRestore();
  });

  test("with a key of another certificate is reported before anything is sent", async () => {
    const parts = ["--certificate", file("client.pem"), "--key", file("other.key")];
    await expect(countersign("send", "https://127.0.0.1:9/", ...parts)).rejects.toThrow(
      /other\.key: the key does not belong/,
    );
  });

  test("may be in one file, but not begin with its CA, and a server's may not be for clients only", () => {
    expect(readPair(file("all.pem"), file("all.pem")).chain).toHaveLength(2);
    write("ca-first.pem", ca.pem + client.pem);
    expect(() => readPair(file("ca-first.pem"), file("client.key"))).toThrow(/begins with .*Partner CA.* is number 2/);
    openssl(
      "req",
      "-x509",
      "-key",
      "client.key",
      "-subj",
      "/CN=x",
      "-addext",
      "extendedKeyUsage=clientAuth",
      "-out",
      "clients.pem",
    );
    expect(() => readServerPair(file("clients.pem"), file("client.key"))).toThrow(/clients\.pem: .*not for servers/);
  });

  test("without its issuer is reported at the start, and a complete one is not", () => {
    const told = vi.spyOn(console, "error").mockReturnValue();
    openssl("req", "-new", "-key", "client.key", "-subj", "/CN=localhost", "-out", "server.csr");
    write("ca.key", ca.keyPem);
    openssl(
      "x509",
      "-req",
      "-in",
      "server.csr",
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-days",
      "9",
      "-out",
      "server.pem",
    );
    readServerPair(file("server.pem"), file("client.key"));
    expect(JSON.parse(String(told.mock.calls[0]))).toMatchObject({
      code: "server_chain_incomplete",
      file: file("server.pem"),
      issuer: "CN=Partner CA",
    });
    told.mockClear();
    write("whole.pem", readFileSync(file("server.pem"), "utf8") + ca.pem);
    readServerPair(file("whole.pem"), file("client.key"));
    expect(told).not.toHaveBeenCalled();
    told.mockRestore();
  });
});

describe("policy add", () => {
  test("makes an anchor of each CA in a file, and says so", async () => {
    write("cas.pem", oldCa.pem + ca.pem + client.pem);
    const written = vi.spyOn(console, "log").mockReturnValue();
    const parts = ["--anchor", `bank=${file("cas.pem")}`, "--sender", "bank", "--certificate", file("client.pem")];
    expect(await countersign("policy", "add", "--policy", file("two.json"), ...parts, "--route", "/hooks/bank")).toBe(
      0,
    );
    expect(String(written.mock.calls.at(-1))).toMatch(/holds 2 CA certificates, each an anchor: bank .*2019.*bank-2/);
    const policy = JSON.parse(readFileSync(file("two.json"), "utf8"));
    expect(Object.keys(policy.anchors)).toEqual(["bank", "bank-2"]);
    expect(policy.senders.bank.trust.anchors).toEqual(["bank", "bank-2"]);
  });

  test("accepts each certificate of a sender in a file, and names those that would be refused", async () => {
    const past = { notBefore: new Date(Date.now() - 2_000_000), notAfter: new Date(Date.now() - 1_000_000) };
    const subject = [{ CN: ["old.partner.example"] }];
    const old = await issueCertificate({ subject, ...past }, ca);
    const server = await issueCertificate({ subject: [{ CN: ["s"] }], extendedKeyUsage: [SERVER_AUTH] }, ca);
    write("several.pem", client.pem + old.pem + server.pem + ca.pem + client.pem);
    const add = (name: string, ...args: string[]) =>
      countersign(
        "policy",
        "add",
        "--policy",
        file(name),
        "--anchor",
        `ca=${file("ca.pem")}`,
        "--sender",
        "s",
        ...args,
      );
    const route = ["--route", "/s", "--certificate", file("several.pem")];
    for (const match of ["name", "certificate"])
      await expect(add("several.json", ...route, "--match", match)).rejects.toThrow(
        /2 problems[\s\S]*CN=old.*: the certificate has expired .* → ask the sender[\s\S]*CN=s: .*clientAuth .*not for clients/,
      );
    expect(existsSync(file("several.json"))).toBe(false);
    const written = vi.spyOn(console, "log").mockReturnValue();
    expect(await add("several.json", ...route, "--anyway")).toBe(0);
    const text = String(written.mock.calls.at(-1));
    expect(text).toMatch(/holds 4 certificates that are no CA's, each accepted: CN=webhooks.*; CN=old.*; CN=s/);
    expect(text).toMatch(/next steps[\s\S]*several\.pem: CN=old.*: the certificate has expired/);
    const { senders } = JSON.parse(readFileSync(file("several.json"), "utf8"));
    expect(senders.s.certificates.map((entry: { subject: string }) => entry.subject)).toEqual([
      "CN=webhooks.partner.example",
      "CN=old.partner.example",
      "CN=s",
    ]);
    const oldCaFile = await issueCertificate({ subject: [{ CN: ["Old"] }], ca: {}, ...past });
    write("old-ca.pem", oldCaFile.pem);
    const only = ["--anchor", `old=${file("old-ca.pem")}`, "--sender", "x", "--certificate", file("client.pem")];
    await countersign("policy", "add", "--policy", file("old.json"), ...only, "--route", "/x", "--anyway");
    expect(String(written.mock.calls.at(-1))).toMatch(/next steps[\s\S]*\/anchors\/old: expired on/);
  });

  test("refuses a CA before a sender, and a sender as a CA", () => {
    write("download.pem", ca.pem + client.pem);
    expect(() => readSenderCertificates(file("download.pem"))).toThrow(/begins with a CA certificate.*number 2/);
    expect(readSenderCertificates(file("ca.pem")).map(({ base64 }) => base64)).toEqual([ca.base64]);
    expect(() => readAuthorities(file("client.pem"))).toThrow(/no CA certificate, but that of CN=webhooks/);
  });
});

describe("JSON", () => {
  test("may begin with a byte order mark, and a file that is not JSON is named", () => {
    write("mark.json", '\ufeff{"a":1}');
    expect(readJson(file("mark.json"))).toEqual({ a: 1 });
    write("utf16.json", Buffer.from('\ufeff{"a":1}', "utf16le"));
    expect(() => readJson(file("utf16.json"))).toThrow(/utf16\.json is text in UTF-16/);
    expect(() => readJson(file("client.pem"))).toThrow(/client\.pem is not JSON.*holds a certificate/);
    expect(() => readJson(file("page.html"))).toThrow(/holds an HTML page/);
  });

  test("private keys instead of public keys, and the reverse, are named without being shown", async () => {
    await countersign("keys", "new", "--file", file("keys.json"));
    const { keys } = JSON.parse(readFileSync(file("keys.json"), "utf8"));
    const text = () => String(readPublicKeySet(file("keys.json")));
    expect(text).toThrow(/holds private keys.*countersign keys jwks --file/);
    expect(text).not.toThrow(new RegExp(keys[0].d));
    write(
      "jwks.json",
      JSON.stringify({ keys: keys.map(({ d: _, iat: __, ...key }: { d: string; iat: number }) => key) }),
    );
    expect(readPublicKeySet(file("jwks.json"))).toBeDefined();
    write("one-key.json", JSON.stringify(keys[0]));
    expect(() => readPublicKeySet(file("one-key.json"))).toThrow(/holds one key and no set of keys/);
    expect(() => readPrivateKeySet(file("jwks.json"))).toThrow(/only public keys/);
  });
});
