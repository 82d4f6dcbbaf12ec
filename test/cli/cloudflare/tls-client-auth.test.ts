// Tests that `emulateTlsClientAuth` describes a certificate as `openssl` does, or as Cloudflare documents it.

import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { emulateTlsClientAuth, PLACEHOLDER } from "../../../cli/cloudflare/tls-client-auth.ts";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { readTlsClientAuth } from "../../../worker/tls-client-auth.ts";

const SUBJECT = [
  { C: ["US"] },
  { O: ['Acme "Hooks", Inc. <é>; a+b\\c'] },
  { OU: [" spaced "] },
  { CN: ["svc/CN=admin"] },
];

const issuer = await issueCertificate({ subject: [{ O: ["Cloud, Inc."] }, { CN: ["Issuing CA"] }], ca: {} });
const client = await issueCertificate({ subject: SUBJECT }, issuer);

function emulate(leaf: Identity, intermediates: readonly Identity[], authorizationError = "") {
  const x509 = (identity: Identity) => new X509Certificate(identity.pem);
  return emulateTlsClientAuth({ leaf: x509(leaf), intermediates: intermediates.map(x509), authorizationError });
}

function openssl(...options: string[]): string {
  const text = execFileSync("openssl", ["x509", "-noout", ...options], { input: client.pem }).toString();
  return text.trimEnd().replace(/^[A-Za-z0-9 ]+= ?/, "");
}

describe("emulateTlsClientAuth()", () => {
  const fields = emulate(client, [issuer]);

  it("prints names as RFC 2253 and in the one-line form", () => {
    // OpenSSL escapes "/" in its one-line form. Cloudflare's documented form does not escape it. Therefore Cloudflare's form is
    // compared with a fixed text instead of the output of OpenSSL.
    expect(fields.certSubjectDNRFC2253).toBe(openssl("-subject", "-nameopt", "RFC2253"));
    expect(fields.certIssuerDNRFC2253).toBe(openssl("-issuer", "-nameopt", "RFC2253"));
    expect(fields.certSubjectDN).toBe(fields.certSubjectDNRFC2253);
    expect(fields.certIssuerDNLegacy).toBe("/O=Cloud, Inc./CN=Issuing CA");
    expect(fields.certSubjectDNLegacy).toContain("/CN=svc/CN=admin");
  });

  it("prints every name in ASCII, which a header can carry", async () => {
    const leaf = await issueCertificate({ subject: [{ O: ["Zażółć Gęślą S.A."] }, { CN: ["株式会社"] }] }, issuer);
    const { certSubjectDNLegacy, ...others } = emulate(leaf, [issuer]);
    expect(certSubjectDNLegacy).toBe(
      "/O=Za\\xC5\\xBC\\xC3\\xB3\\xC5\\x82\\xC4\\x87 G\\xC4\\x99\\xC5\\x9Bl\\xC4\\x85 S.A./CN=\\xE6\\xA0\\xAA\\xE5\\xBC\\x8F\\xE4\\xBC\\x9A\\xE7\\xA4\\xBE",
    );
    for (const text of Object.values(others)) expect(String(text)).toMatch(/^[\u0020-\u007e]*$/);
  });

  it("prints serial, fingerprints, key ids and dates in the documented forms", () => {
    expect(fields.certSerial).toBe(openssl("-serial"));
    expect(fields.certFingerprintSHA256).toBe(
      openssl("-fingerprint", "-sha256").replace(/.*=/, "").replaceAll(":", "").toLowerCase(),
    );
    expect(fields.certFingerprintSHA1).toMatch(/^[0-9a-f]{40}$/);
    expect(fields.certNotBefore).toBe(openssl("-startdate"));
    expect(fields.certNotAfter).toBe(openssl("-enddate"));
    expect(fields.certSKI).toMatch(/^[0-9A-F]{40}$/);
    expect(fields.certIssuerSKI).toMatch(/^[0-9A-F]{40}$/);
    expect(fields.certIssuerSerial).toBe(new X509Certificate(issuer.pem).serialNumber);
  });

  it("gives leaf and chain as RFC 9440 fields that the worker reads back", () => {
    const { leaf, intermediates, platform } = readTlsClientAuth(fields);
    expect(leaf.base64).toBe(client.base64);
    expect(intermediates.map(({ base64 }) => base64)).toEqual([issuer.base64]);
    expect(platform).toEqual({ verified: "SUCCESS", revoked: false });
  });

  it("empties a field over its limit and says so", async () => {
    const names = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ type: "dns" as const, value: `${index}.${"x".repeat(50)}.test` }));
    const large = await issueCertificate({ subject: SUBJECT, subjectAltNames: names(160) }, issuer);
    expect(emulate(large, [issuer])).toMatchObject({
      certRFC9440: "",
      certRFC9440TooLarge: true,
      certChainRFC9440TooLarge: false,
    });
    const medium = await issueCertificate({ subject: SUBJECT, subjectAltNames: names(80) }, issuer);
    expect(emulate(client, [medium, medium, medium])).toMatchObject({
      certRFC9440TooLarge: false,
      certChainRFC9440: "",
      certChainRFC9440TooLarge: true,
    });
  });

  it.each([
    ["CERT_HAS_EXPIRED", "FAILED:certificate has expired"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "FAILED:unable to get local issuer certificate"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "FAILED:self signed certificate"],
  ])("says %s as %s", (code, verdict) => {
    expect(emulate(client, [], code).certVerified).toBe(verdict);
  });

  it("is the platform's placeholder without a certificate, with the same members", () => {
    expect(emulateTlsClientAuth(undefined)).toBe(PLACEHOLDER);
    expect(Object.keys(PLACEHOLDER).sort()).toEqual(Object.keys(fields).sort());
  });
});
