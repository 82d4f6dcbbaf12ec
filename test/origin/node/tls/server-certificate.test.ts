// Tests the listener's own certificate. The listener does not start if no client would accept this certificate, and the message
// names the fault. The listener starts if some clients may accept the certificate.

import "reflect-metadata";
import { X509Certificate } from "node:crypto";
import { Extension } from "@peculiar/x509";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type CertificateRequest,
  CLIENT_AUTH,
  type Identity,
  issueCertificate,
  SERVER_AUTH,
} from "../../../../cli/dev/authority.ts";
import { createTlsState } from "../../../../origin/node/tls/hosts.ts";
import { faultsOfServer } from "../../../../origin/node/tls/server-certificate.ts";

const DAY = 86_400_000;
const RSA_1024 = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 1024,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};
/** The extension for certificate timestamps, with an empty list. The code only checks that the extension exists. */
const TIMESTAMPS = new Extension("1.3.6.1.4.1.11129.2.4.2", false, new Uint8Array([4, 2, 0, 0]));
const SERVER: CertificateRequest = {
  subject: [{ CN: ["hooks.test"] }],
  subjectAltNames: [{ type: "dns", value: "hooks.test" }],
  extendedKeyUsage: [SERVER_AUTH],
};

let ca: Identity;
const issue = (request: Partial<CertificateRequest>) => issueCertificate({ ...SERVER, ...request }, ca);
const chainOf = (...identities: readonly Identity[]) => identities.map(({ pem }) => new X509Certificate(pem));

beforeAll(async () => {
  ca = await issueCertificate({ subject: [{ CN: ["Issuing CA"] }], ca: {} });
});

test.each<[string, Partial<CertificateRequest>, string]>([
  [
    "expired",
    { notBefore: new Date(Date.now() - 9 * DAY), notAfter: new Date(Date.now() - DAY) },
    "the certificate expired on",
  ],
  [
    "not valid yet",
    { notBefore: new Date(Date.now() + DAY), notAfter: new Date(Date.now() + 9 * DAY) },
    "not valid before",
  ],
  ["for clients alone", { extendedKeyUsage: [CLIENT_AUTH] }, "not for servers"],
  [
    "with a short key",
    { keyAlgorithm: RSA_1024, signingAlgorithm: { name: "ECDSA", hash: "SHA-256" } },
    "RSA key has 1024 bits",
  ],
  [
    "of a public CA without its intermediate",
    { extensions: [TIMESTAMPS] },
    "lacks the intermediate certificate CN=Issuing CA",
  ],
])("%s is refused", async (_, request, fault) => {
  const server = await issue(request);
  expect(faultsOfServer(chainOf(server))).toEqual([expect.stringContaining(fault)]);
  expect(() => createTlsState([{ certificate: server.pem, key: server.keyPem }], [])).toThrow(`/certificates/0: `);
  expect(() => createTlsState([{ certificate: server.pem, key: server.keyPem }], [])).toThrow(fault);
});

test("every fault is reported at once", async () => {
  const server = await issue({ extendedKeyUsage: [CLIENT_AUTH], extensions: [TIMESTAMPS] });
  expect(faultsOfServer(chainOf(server))).toHaveLength(2);
  expect(faultsOfServer([])).toEqual(["there is no certificate"]);
});

describe("the listener accepts", () => {
  test.each<[string, Partial<CertificateRequest>]>([
    ["one of a private CA, whose root may be known", {}],
    ["one for any use", { extendedKeyUsage: ["2.5.29.37.0"] }],
    ["one that says nothing of its use", { extendedKeyUsage: [] }],
  ])("%s", async (_, request) => {
    const server = await issue(request);
    expect(faultsOfServer(chainOf(server))).toEqual([]);
    const { hosts } = createTlsState([{ certificate: server.pem, key: server.keyPem }], []);
    expect([...hosts.keys()]).toEqual(["hooks.test"]);
  });

  test("one of a public CA with its intermediate, wherever it is in the chain", async () => {
    const server = await issue({ extensions: [TIMESTAMPS] });
    const other = await issueCertificate({ subject: [{ CN: ["Other CA"] }], ca: {} });
    expect(faultsOfServer(chainOf(server, ca))).toEqual([]);
    expect(faultsOfServer(chainOf(server, other, ca))).toEqual([]);
    expect(faultsOfServer(chainOf(server, other))).toHaveLength(1);
  });
});
