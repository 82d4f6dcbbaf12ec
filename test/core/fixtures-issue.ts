// Issuing for the fixtures: fixed dates, short names, and certificates that no library would sign.

import { sign } from "node:crypto";
import { type CertificateRequest, type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import { type CertificateParts, edit, FIELD } from "./certificate-edit.ts";
import { concat, encode, oid, sequence, TAG, type Tlv, tlv } from "./der-edit.ts";

export const NOW = Date.UTC(2027, 0, 1) / 1000;
export const ORGANIZATION = "Countersign Tests";

const WINDOW = { notBefore: new Date("2026-01-01T00:00:00Z"), notAfter: new Date("2030-01-01T00:00:00Z") };

export type IssueOptions = Partial<CertificateRequest>;

/** A CA certificate; self-signed without an issuer. */
export function issueCa(commonName: string, issuer?: Identity, options: IssueOptions = {}): Promise<Identity> {
  return issueCertificate({ subject: nameOf(commonName), ca: {}, ...WINDOW, ...options }, issuer);
}

/** A client certificate. */
export function issueClient(issuer: Identity, options: IssueOptions = {}): Promise<Identity> {
  return issueCertificate({ subject: nameOf("client.example"), ...WINDOW, ...options }, issuer);
}

export function nameOf(commonName: string) {
  return [{ C: ["US"] }, { O: [ORGANIZATION] }, { CN: [commonName] }];
}

export const ECDSA_SHA256 = { hash: "sha256", identifier: sequence(oid("1.2.840.10045.4.3.2")) };

/** The certificate with one thing changed, signed anew. */
export function resign(
  { base64 }: Pick<Identity, "base64">,
  signer: Identity,
  change: (parts: CertificateParts) => void = () => {},
  { hash, identifier }: { hash: string | null; identifier: Tlv } = ECDSA_SHA256,
): string {
  return edit(base64, (parts) => {
    change(parts);
    parts.tbs[FIELD.algorithm] = identifier;
    parts.certificate[1] = identifier;
    const signature = sign(hash, encode(sequence(...parts.tbs)), signer.keyPem);
    parts.certificate[2] = tlv(TAG.bitString, concat(Uint8Array.of(0), signature));
  });
}

/** The base64 DER of every identity. */
export function base64Of<Name extends string>(identities: Readonly<Record<Name, Identity>>): Record<Name, string> {
  const entries = Object.entries<Identity>(identities).map(([name, { base64 }]) => [name, base64] as const);
  return Object.fromEntries(entries) as Record<Name, string>;
}
