// Reads PEM and concatenated DER in header fields, and returns the base64 of each certificate. Uses web standards only.

import { Refusal } from "../../core/refusal.ts";

/**
 * The two ways in which the lines of a PEM block may end: with a line feed, as in a file, or with the space that Apache writes
 * instead. No other white space is accepted, because a space inside the base64 is a "+" that was decoded as in an HTML form.
 */
const BLOCKS = {
  newline: /-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/=]+\r?\n)+)-----END CERTIFICATE-----(?:\r?\n|$)/y,
  space: /-----BEGIN CERTIFICATE----- ((?:[A-Za-z0-9+/=]+ )+)-----END CERTIFICATE-----(?: |$)/y,
};

/**
 * Reads certificates in PEM (RFC 7468). No other text may be before, between or after them. Refusals quote nothing, because the
 * text may be a private key.
 * @throws Refusal `certificate_malformed`
 */
export function readPemCertificates(text: string, lineEnd: keyof typeof BLOCKS): string[] {
  const block = new RegExp(BLOCKS[lineEnd]);
  const certificates: string[] = [];
  while (block.lastIndex < text.length) {
    const base64 = block.exec(text)?.[1];
    if (base64 === undefined) throw malformed("not certificates in PEM and nothing else");
    certificates.push(base64.replace(/\s/g, ""));
  }
  return certificates;
}

/**
 * Matches percent-encoded text. Proxies leave the unreserved characters of RFC 3986 unescaped, and an ALB leaves `+/=` unescaped
 * too.
 */
const ESCAPED = /^(?:[A-Za-z0-9._~+/=-]|%[0-9A-Fa-f]{2})*$/;

/**
 * Reads certificates in percent-encoded PEM. Decodes the text once. A "+" stays a "+" and does not become a space.
 * @throws Refusal `certificate_malformed`
 */
export function readEscapedPem(text: string): string[] {
  if (!ESCAPED.test(text)) throw malformed("not one percent-encoded value");
  let pem: string;
  try {
    pem = decodeURIComponent(text);
  } catch {
    throw malformed("the percent-encoding is not UTF-8");
  }
  return readPemCertificates(pem, "newline");
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Returns the text if it is one base64 value. @throws Refusal `certificate_malformed` */
export function readBase64(text: string): string {
  if (text === "" || !BASE64.test(text)) throw malformed("not one base64 value");
  return text;
}

/** Splits a sequence of concatenated DER values. @throws Refusal `certificate_malformed` */
export function readConcatenatedDer(text: string): string[] {
  const octets = atob(readBase64(text));
  const certificates: string[] = [];
  for (let start = 0; start < octets.length; ) {
    const end = start + sequenceLength(octets, start);
    if (end > octets.length) throw malformed("the last certificate of the chain is cut off");
    certificates.push(btoa(octets.slice(start, end)));
    start = end;
  }
  return certificates;
}

/** Returns the length of a SEQUENCE with its header. The certificate parser checks whether the length has its shortest form. */
function sequenceLength(octets: string, start: number): number {
  const at = (index: number) => {
    const octet = octets.charCodeAt(start + index);
    if (Number.isNaN(octet)) throw malformed("a certificate of the chain is cut off");
    return octet;
  };
  if (at(0) !== 0x30) throw malformed("the chain is not certificates in DER, one after the other");
  const first = at(1);
  if (first < 0x80) return 2 + first;
  if (first === 0x81) return 3 + at(2);
  if (first === 0x82) return 4 + at(2) * 256 + at(3);
  throw malformed("a certificate of the chain has an impossible length");
}

export function malformed(cause: string): Refusal {
  return new Refusal("certificate_malformed", { cause });
}
