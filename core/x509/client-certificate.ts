// Parses the certificates that a sender presented into one form for the edge and all kinds of origin. Also reads and writes the RFC
// 9440 fields that contain these certificates.

import { BoundedCache } from "../bounded-cache.ts";
import { Refusal } from "../refusal.ts";
import {
  CERTIFICATE_CACHE_CHARACTERS,
  CERTIFICATE_CACHE_ENTRIES,
  MAX_CERTIFICATE_FIELD_CHARACTERS,
  MAX_CHAIN_FIELD_CHARACTERS,
  MAX_INTERMEDIATES,
} from "../wire.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";

/**
 * Cloudflare's verdict on a certificate. `verified` is Cloudflare's text, unchanged. Only `SUCCESS` means that Cloudflare verified
 * the certificate.
 */
export interface PlatformVerdict {
  readonly verified: string;
  readonly revoked: boolean;
}

/**
 * The certificates that the sender presented, in base64 DER. The intermediates are in the sender's order. Nothing is proven yet.
 */
export interface PresentedCertificate {
  readonly leaf: string;
  readonly intermediates: readonly string[];
  /** The verdict of the platform that received the connection. Undefined if there is no such platform. */
  readonly platform: PlatformVerdict | undefined;
}

/** The presented certificates after parsing. Dates, signatures and permissions are still not checked. */
export interface ClientCertificate {
  readonly leaf: Certificate;
  readonly intermediates: readonly Certificate[];
  readonly platform: PlatformVerdict | undefined;
}

/**
 * Parses leaf and intermediates. Refuses all of them if one intermediate is malformed. The limits of the RFC 9440 fields also apply
 * to certificates that did not arrive in these fields.
 * @throws Refusal `certificate_too_large`, `certificate_malformed`, `too_many_intermediates`
 */
export function parseClientCertificate(presented: PresentedCertificate): ClientCertificate {
  if (presented.intermediates.length > MAX_INTERMEDIATES) {
    throw new Refusal("too_many_intermediates", { count: presented.intermediates.length });
  }
  const chainCharacters = presented.intermediates.reduce((sum, { length }) => sum + length, 0);
  if (presented.leaf.length > MAX_CERTIFICATE_FIELD_CHARACTERS || chainCharacters > MAX_CHAIN_FIELD_CHARACTERS) {
    throw new Refusal("certificate_too_large");
  }
  return {
    leaf: parseCertificate(presented.leaf),
    intermediates: presented.intermediates.map(parseCertificate),
    platform: presented.platform,
  };
}

/** The parsed certificates of a request, and the text of its `Client-Cert-Chain` field. */
interface ReadFields extends Pick<ClientCertificate, "leaf" | "intermediates"> {
  readonly chain: string;
}

/**
 * Caches parsed certificates, because a sender presents the same certificates many times. The key is the text of the `Client-Cert`
 * field. Only the latest chain that came with this text is kept.
 */
const readBefore = new BoundedCache<string, ReadFields>(
  CERTIFICATE_CACHE_ENTRIES,
  CERTIFICATE_CACHE_CHARACTERS,
  (leaf, { chain }) => leaf.length + chain.length,
);

/**
 * Reads a `Client-Cert` and a `Client-Cert-Chain` value. If both texts were read before, returns the certificates from a cache. An
 * empty `chainField` is an empty chain.
 * @throws Refusal of `parseClientCertField` or `parseClientCertificate`
 */
export function parseClientCertFields(
  leafField: string,
  chainField: string,
  platform: PlatformVerdict | undefined,
): ClientCertificate {
  const known = readBefore.get(leafField);
  if (known?.chain === chainField) return { leaf: known.leaf, intermediates: known.intermediates, platform };
  const certificate = parseClientCertificate({
    leaf: parseClientCertField(leafField),
    intermediates: parseClientCertChainField(chainField),
    platform,
  });
  const { leaf, intermediates } = certificate;
  readBefore.set(leafField, { chain: chainField, leaf, intermediates });
  return certificate;
}

const BYTE_SEQUENCE = /^:([A-Za-z0-9+/]+={0,2}):$/;

/**
 * Reads a `Client-Cert` value, which is one Byte Sequence (RFC 9440 §2.1). Does not accept parameters.
 * @throws Refusal `certificate_too_large`, `certificate_malformed`
 */
export function parseClientCertField(value: string): string {
  if (value.length > MAX_CERTIFICATE_FIELD_CHARACTERS) throw new Refusal("certificate_too_large");
  const base64 = BYTE_SEQUENCE.exec(value)?.[1];
  if (base64 === undefined) throw new Refusal("certificate_malformed", { cause: "not one RFC 9440 byte sequence" });
  return base64;
}

/**
 * Reads a `Client-Cert-Chain` value, which is a list of Byte Sequences (RFC 9440 §2.2). An empty text is an empty list.
 * @throws Refusal `certificate_too_large`, `certificate_malformed`
 */
export function parseClientCertChainField(value: string): string[] {
  if (value.length > MAX_CHAIN_FIELD_CHARACTERS) throw new Refusal("certificate_too_large");
  if (value === "") return [];
  return value.split(",").map((member) => parseClientCertField(trimBlanks(member)));
}

/** Trims spaces and tabs. A regular expression would take quadratic time on a long run of spaces inside the text. */
function trimBlanks(text: string): string {
  let [start, end] = [0, text.length];
  while (isBlank(text[start])) start += 1;
  while (isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\t";
}

export function formatClientCertField({ base64 }: Pick<Certificate, "base64">): string {
  return `:${base64}:`;
}

export function formatClientCertChainField(certificates: readonly Pick<Certificate, "base64">[]): string {
  return certificates.map(formatClientCertField).join(", ");
}

/** Returns the facts of a certificate that a log line or a record may contain. */
export function describeCertificate({ leaf }: ClientCertificate) {
  return {
    subject: leaf.subjectText,
    issuer: leaf.issuerText,
    serial: leaf.serial,
    sha256: leaf.sha256,
    spkiSha256: leaf.spkiSha256,
  };
}
