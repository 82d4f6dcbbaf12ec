// Changes one part of a certificate. The result can still be parsed. The certificate keeps its old signature, which no longer
// verifies. Only withOtherSignature() changes the signature, to one that verifies.

import {
  concat,
  decode,
  encode,
  fromBase64,
  members,
  oid,
  sequence,
  set,
  TAG,
  type Tlv,
  tlv,
  toBase64,
  toHex,
} from "./der-edit.ts";

/**
 * The parts of a v3 certificate that a test can change: the members of the whole certificate, the members of its TBSCertificate,
 * and its extensions.
 */
export interface CertificateParts {
  readonly certificate: Tlv[];
  readonly tbs: Tlv[];
  readonly extensions: Tlv[];
}

/** The index of each field among the members of a v3 TBSCertificate. */
export const FIELD = { version: 0, serial: 1, algorithm: 2, issuer: 3, validity: 4, subject: 5, key: 6, extensions: 7 };

export function readParts(base64: string): CertificateParts & { readonly root: Tlv } {
  const root = decode(fromBase64(base64));
  const certificate = members(root);
  const tbs = members(certificate[0]);
  return { root, certificate, tbs, extensions: members(members(tbs[FIELD.extensions])[0]) };
}

/** Returns the certificate after one change. The signature is not changed. */
export function edit(base64: string, change: (parts: CertificateParts) => void): string {
  const { root, ...parts } = readParts(base64);
  change(parts);
  return toBase64(encode(root));
}

/** Replaces the extension that has the same OID. If the certificate has no such extension, adds the new extension at the end. */
export function setExtension({ extensions }: CertificateParts, id: string, value: Tlv | Uint8Array, critical = false) {
  const octets = value instanceof Uint8Array ? value : encode(value);
  const extension = sequence(oid(id), ...(critical ? [tlv(TAG.boolean, [0xff])] : []), tlv(TAG.octetString, octets));
  const index = findExtension(extensions, id);
  if (index < 0) extensions.push(extension);
  else extensions[index] = extension;
}

export function dropExtension({ extensions }: CertificateParts, id: string): void {
  const index = findExtension(extensions, id);
  if (index >= 0) extensions.splice(index, 1);
}

function findExtension(extensions: readonly Tlv[], id: string): number {
  const wanted = toBase64(encode(oid(id)));
  return extensions.findIndex((extension) => toBase64(encode(members(extension)[0] as Tlv)) === wanted);
}

/** An encoded attribute: its OID, its string tag, and its text or octets. */
export type EncodedAttribute = readonly [type: string, tag: number, value: string | Uint8Array];

/** Makes a Name from RDNs in the order in which they are encoded. */
export function encodeName(...rdns: readonly (readonly EncodedAttribute[])[]): Tlv {
  return sequence(...rdns.map((rdn) => set(...rdn.map(([type, tag, value]) => sequence(oid(type), tlv(tag, value))))));
}

export const withSubject = (base64: string, name: Tlv): string =>
  edit(base64, ({ tbs }) => {
    tbs[FIELD.subject] = name;
  });

export const SUBJECT_ALT_NAME = "2.5.29.17";

export const withSubjectAltNames = (base64: string, ...names: Tlv[]): string =>
  edit(base64, (parts) => setExtension(parts, SUBJECT_ALT_NAME, sequence(...names)));

/** Encodes text in UTF-16BE, as a BMPString does. */
export function utf16(text: string): Uint8Array {
  return concat(...Array.from(text, (_, i) => Uint8Array.of(text.charCodeAt(i) >> 8, text.charCodeAt(i) & 0xff)));
}

/** The orders of the groups on these curves (FIPS 186-5, SP 800-186). */
const ORDERS = {
  "P-256": 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  "P-384": 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  "P-521":
    0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
};

/**
 * Returns the same certificate with the signature (r, n - s) instead of (r, s). For the issuer's ECDSA key, both are valid. To
 * compute n - s, no key is needed.
 */
export function withOtherSignature(base64: string, curve: keyof typeof ORDERS = "P-256"): string {
  return edit(base64, ({ certificate }) => {
    const bits = certificate[2] as Tlv;
    const [r, s] = members(decode((bits.content as Uint8Array).slice(1))) as [Tlv, Tlv];
    const other = (ORDERS[curve] - BigInt(`0x${toHex(s.content as Uint8Array)}`)).toString(16);
    const octets = Buffer.from(other.padStart(other.length + (other.length % 2), "0"), "hex");
    const integer = tlv(TAG.integer, concat((octets[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : Uint8Array.of(), octets));
    certificate[2] = tlv(TAG.bitString, concat(Uint8Array.of(0), encode(sequence(r, integer))));
  });
}
