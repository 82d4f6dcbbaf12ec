// Tests known attacks on TLS listeners and known mistakes of operators, with the origin's own listener.
// docs/design/known-attacks.md lists the tests by name.

import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { issueCertificate } from "../../cli/dev/authority.ts";
import { runHere } from "../support/command.ts";
import { presentRaw } from "../support/raw-tls-client.ts";
import { startCountersign } from "../support/running.ts";
import { ACME, createSenders, type Senders, subjectOf } from "../support/senders.ts";
import { sendOnce } from "../support/tls-client.ts";
import { A, startTlsOrigin, type TestTlsOrigin } from "../support/tls-origin.ts";
import { writeTlsFiles } from "../support/tls-process.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let origin: TestTlsOrigin;
beforeAll(async () => {
  senders = await createSenders();
  origin = await startTlsOrigin(stack, { policy: senders.policy });
});
afterAll(() => stack.disposeAsync());

describe("CVE-2026-32305: the host name is also found in a ClientHello of many records:", () => {
  const present = (helloFragmentBytes: number, name: string, chain: Uint8Array[]) => {
    const request = `POST /hooks/acme HTTP/1.1\r\nHost: ${name}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`;
    return presentRaw({ port: origin.port, name, chain, keyPem: senders.acme.keyPem, request, helloFragmentBytes });
  };

  test.each([1, 2, 7, 60])("of %i octets", async (size) => {
    const acme = [Buffer.from(senders.acme.base64, "base64")];
    expect((await present(size, A, acme)).status).toBe(202);
    const anonymous = await present(size, A, []);
    expect(anonymous.status).toBe(403);
    expect(anonymous.text).toContain('"no-client-certificate"');
    expect((await present(size, "c.example.com", acme)).text).toBe("");
    expect((await present(size, `${A}.`, acme)).text).toBe("");
  });
});

describe.concurrent("CVE-2022-46153, CVE-2026-27586: no listener starts with", () => {
  const broken: [string, (pem: string) => unknown][] = [
    ["an empty anchor", () => ""],
    ["an anchor of blanks", () => "\n"],
    ["the path of a file in its place", () => "/etc/ssl/certs/ca-certificates.crt"],
    ["an anchor that is cut off", (pem) => pem.slice(0, pem.length / 2)],
    ["an anchor in another armour", (pem) => pem.replaceAll("CERTIFICATE", "TRUSTED CERTIFICATE")],
    ["two anchors in one", (pem) => `${pem}\n${pem}`],
    ["an anchor that is null", () => null],
    ["a client's certificate as anchor", () => senders.acme.pem],
  ];

  test.each(broken)("%s", async (_, make) => {
    await using own = new AsyncDisposableStack();
    const files = await writeTlsFiles(own, (policy) => {
      const anchors = Object.entries(policy.anchors).map(([name, pem]) => [name, make(pem as string)]);
      return { ...policy, anchors: Object.fromEntries(anchors) };
    });
    const { code, stdout, stderr } = await runHere(files.args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("/anchors/");
  });

  test("a policy without anchors, with trust in none, or with an anchor that is not there", async () => {
    await using own = new AsyncDisposableStack();
    const files = await writeTlsFiles(own);
    const policy = JSON.parse(readFileSync(files.policy, "utf8"));
    const trusts = (trust: unknown) =>
      Object.fromEntries(
        Object.entries(policy.senders).map(([name, sender]) => [name, { ...(sender as object), trust }]),
      );
    const changes = [
      { anchors: {} },
      { anchors: undefined },
      { senders: trusts(undefined) },
      { senders: trusts({}) },
      { senders: trusts({ anchors: [] }) },
      { senders: trusts({ anchors: ["absent"] }) },
    ];
    const results = await Promise.all(
      changes.map((change, index) => {
        const file = `${files.policy}.${index}`;
        writeFileSync(file, JSON.stringify({ ...policy, ...change }));
        return runHere([...files.args, "--policy", file]);
      }),
    );
    expect(results).toEqual(changes.map(() => expect.objectContaining({ code: 2, stdout: "" })));
  });
});

test("CVE-2026-27586: CAs that the operating system trusts are not trusted", async () => {
  await using own = new AsyncDisposableStack();
  const files = await writeTlsFiles(own);
  const other = await issueCertificate({ subject: subjectOf("System Root"), ca: {} });
  const store = `${files.policy}.system.pem`;
  writeFileSync(store, other.pem);
  const environment = { SSL_CERT_FILE: store, NODE_EXTRA_CA_CERTS: store, NODE_OPTIONS: "--use-openssl-ca" };
  const running = await startCountersign(files.args, environment);
  own.defer(async () => void (await running.stop()));
  const port = Number(new URL(running.ready["origin"] ?? "").port);
  const server = { port, ca: files.serverCa.pem, name: A };
  expect((await sendOnce(server, files.senders.acme)).status).toBe(202);
  const leaf = await issueCertificate({ subject: subjectOf(ACME) }, other);
  const { status, problem } = await sendOnce(server, leaf);
  expect(status).toBe(403);
  expect(await running.line({ id: problem.decision })).toMatchObject({ code: "issuer_unknown" });
});
