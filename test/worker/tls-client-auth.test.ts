// Tests how a certificate is read from the texts that the platform passes. Results for equal texts are cached. The cache must not
// change the result for other texts.

import { expect, test } from "vitest";
import { issueCertificate } from "../../cli/dev/authority.ts";
import { Refusal } from "../../core/refusal.ts";
import { readTlsClientAuth } from "../../worker/tls-client-auth.ts";
import { type TlsClientAuth, tlsClientAuth } from "../support/tls-client-auth.ts";

const ca = await issueCertificate({ subject: [{ CN: ["CA"] }], ca: {} });
const leaf = await issueCertificate({ subject: [{ CN: ["client"] }] }, ca);
const other = await issueCertificate({ subject: [{ CN: ["other"] }] }, ca);

const read = (overrides: TlsClientAuth = {}) => readTlsClientAuth(tlsClientAuth(leaf, [ca], overrides));

function codeOf(overrides: TlsClientAuth): string | undefined {
  try {
    read(overrides);
    return undefined;
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error);
  }
}

test("the same fields give the same certificate, read once", () => {
  expect(read().leaf).toBe(read().leaf);
  expect(read({ certNotAfter: "whatever" })).toEqual(read());
});

test("each text that a verdict uses gives another result", () => {
  const first = read();
  expect(first.platform).toEqual({ verified: "FAILED:unable to get local issuer certificate", revoked: false });
  expect(read({ certVerified: "SUCCESS" }).platform?.verified).toBe("SUCCESS");
  for (const certRevoked of ["1", "", "00", false]) expect(read({ certRevoked }).platform?.revoked).toBe(true);
  expect(read({ certChainRFC9440: "" }).intermediates).toEqual([]);
  const { leaf: another } = readTlsClientAuth(tlsClientAuth(other, [ca]));
  expect(another.sha256).not.toBe(first.leaf.sha256);
  expect(read()).toEqual(first);
});

test("a wrong text is refused, also after the same certificate was read", () => {
  read();
  expect(codeOf({ certFingerprintSHA256: "0".repeat(64) })).toBe("certificate_inconsistent");
  expect(codeOf({ certFingerprintSHA256: leaf.certificate.subject })).toBeUndefined();
  expect(codeOf({ certPresented: "0" })).toBe("no_certificate");
  expect(codeOf({ certRFC9440TooLarge: true })).toBe("certificate_too_large");
  expect(codeOf({ certChainRFC9440TooLarge: true })).toBe("certificate_too_large");
  expect(codeOf({ certChainRFC9440: "nothing" })).toBe("certificate_malformed");
  expect(codeOf({ certRFC9440: "" })).toBe("certificate_malformed");
  expect(codeOf({ certRFC9440: `:${leaf.base64}:, ${":AAAA:"}` })).toBe("certificate_malformed");
});
