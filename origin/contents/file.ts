// Finds out what the bytes of a file hold. They may be any number of certificates, keys and revocation lists in PEM or DER, or
// other contents that people use by mistake. Verifies nothing.

import { decodeBase64, readBlocks, readHeader, SEQUENCE } from "../../core/x509/encoded-values.ts";
import { kindOf } from "./der-kinds.ts";

/** The kinds that are distinguished, and the name of each in messages. */
const NAMES = {
  certificate: "a certificate",
  list: "a revocation list",
  key: "a private key",
  lockedKey: "a private key with a passphrase",
  opensshKey: "a private key in OpenSSH's own format",
  trustedCertificate: "a TRUSTED CERTIFICATE of OpenSSL",
  request: "a certificate request (CSR), which no authority has signed",
  publicKey: "a public key",
  pkcs7: "a PKCS #7 bundle",
  pkcs12: "a PKCS #12 store",
  javaStore: "a Java keystore",
  compressed: "a compressed archive",
  empty: "nothing: it is empty",
  utf16: "text in UTF-16",
  html: "an HTML page",
  json: "JSON",
  cutOff: "something cut off: it ends before its length or its END line",
  damaged: "a block that is no base64",
  other: "neither PEM nor DER",
} as const;

export type Kind = keyof typeof NAMES;

export interface Item {
  readonly kind: Kind;
  /** The octets of the value. If the value is cut off, the octets that are present. Empty if PEM could not be decoded. */
  readonly der: Buffer;
  readonly isPem: boolean;
  /** The label of the PEM block. Undefined for DER. */
  readonly label?: string;
}

/**
 * Returns everything that a file holds, in order. Skips a byte order mark, line ends, text around PEM, and blocks with parameters
 * of keys. The result is never empty.
 */
export function readContents(bytes: Uint8Array): readonly Item[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer[0] === SEQUENCE) {
    const items = readDerItems(buffer);
    if (items !== undefined) return items;
  }
  const binary = binaryKind(buffer);
  if (binary !== undefined) return [only(binary, buffer)];
  const text = textOf(buffer);
  // Inside JSON the line ends of PEM are escaped, so PEM is not searched for there.
  const items = /^\s*[[{]/.test(text) && !/^-----BEGIN /m.test(text) ? [] : readPemItems(text);
  if (items.length > 0) return items;
  const bare = readBareBase64(text);
  if (bare !== undefined) return bare;
  return [only(textKind(text), buffer)];
}

/** Returns the contents if the file is not text. Undefined if it may be text, or if its kind is not known. */
export function binaryContents(bytes: Uint8Array): readonly Item[] | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const items = buffer[0] === SEQUENCE ? readDerItems(buffer) : undefined;
  // The first octet of a SEQUENCE is 0x30, which is also the digit 0. So the file may be text that begins with 0. The file counts
  // as DER only if all its items are known and complete.
  if (items !== undefined && !items.some(({ kind }) => kind === "other" || kind === "cutOff")) return items;
  const kind = buffer.length === 0 ? undefined : binaryKind(buffer);
  return kind && [only(kind, buffer)];
}

/**
 * Returns the text without a byte order mark. If an environment variable or JSON has replaced the line ends of PEM by `\n`, with
 * one or more backslashes, each `\n` becomes a line end again. This is safe because PEM contains no backslash.
 */
export function textOf(buffer: Buffer): string {
  const text = withoutMark(buffer.toString("utf8"));
  return /^[^[{]*-----BEGIN [A-Z0-9 ]+-----\\+[rn]/.test(text) ? text.replaceAll(/(?:\\+[rn])+/g, "\n") : text;
}

/** Removes the byte order mark with which editors on Windows begin a file. RFC 8259 §8.1 lets a reader ignore it. */
export function withoutMark(text: string): string {
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

/** Describes what a file holds, for example "2 × certificate and a private key". */
export function describeContents(items: readonly Item[]): string {
  const counts = new Map<Kind, number>();
  for (const { kind } of items) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const parts = [...counts].map(([kind, count]) =>
    count === 1 ? NAMES[kind] : `${count} × ${NAMES[kind].replace(/^an? /, "")}`,
  );
  return parts.join(" and ");
}

function only(kind: Kind, der: Buffer): Item {
  return { kind, der, isPem: false };
}

/**
 * Returns iconv's name of the encoding if the bytes are UTF-16, which begins with a byte order mark or has zeros between
 * characters. Undefined for any other encoding.
 */
export function nameUtf16(bytes: Buffer): string | undefined {
  const start = bytes.toString("latin1", 0, 4);
  if (/^(?:\xff\xfe|\xfe\xff)/.test(start)) return "UTF-16";
  if (/^(?:[!-~]\0){2}/.test(start)) return "UTF-16LE";
  return /^(?:\0[!-~]){2}/.test(start) ? "UTF-16BE" : undefined;
}

function binaryKind(buffer: Buffer): Kind | undefined {
  if (buffer.length === 0) return "empty";
  if (nameUtf16(buffer) !== undefined) return "utf16";
  const start = buffer.toString("latin1", 0, 4);
  if (start === "\xfe\xed\xfe\xed" || start === "\xce\xce\xce\xce") return "javaStore";
  return start.startsWith("PK\x03\x04") || start.startsWith("\x1f\x8b") ? "compressed" : undefined;
}

function textKind(text: string): Kind {
  const trimmed = text.trim();
  if (trimmed === "") return "empty";
  if (/^<(?:!doctype html|html|head|body|\?xml|!--)/i.test(trimmed)) return "html";
  if (/^[[{]/.test(trimmed)) return "json";
  if (/^(?:ssh-|ecdsa-sha2-)\S+ AAAA|^---- BEGIN SSH2/.test(trimmed)) return "publicKey";
  if (/-----BEGIN [A-Z0-9 ]+-----/.test(trimmed)) return "cutOff";
  return "other";
}

/**
 * The labels of PEM blocks that say more than the DER in the block. They are labels of RFC 7468, and labels that only OpenSSL and
 * OpenSSH write.
 */
const LABELS: Readonly<Record<string, Kind>> = {
  "ENCRYPTED PRIVATE KEY": "lockedKey",
  "OPENSSH PRIVATE KEY": "opensshKey",
  "TRUSTED CERTIFICATE": "trustedCertificate",
  "RSA PUBLIC KEY": "publicKey",
};
const PARAMETERS = / PARAMETERS$/;
const NO_BYTES = Buffer.alloc(0);

function readPemItems(text: string): Item[] {
  const items: Item[] = [];
  for (const { label, body } of readBlocks(text)) {
    if (!PARAMETERS.test(label)) items.push({ ...readBlock(label, body), isPem: true, label });
  }
  return items;
}

function readBlock(label: string, body: string | undefined): Omit<Item, "isPem" | "label"> {
  if (body === undefined) return only("cutOff", NO_BYTES);
  if (/Proc-Type:\s*4,\s*ENCRYPTED/.test(body.slice(0, 200))) return only("lockedKey", NO_BYTES);
  const der = decodeBase64(body);
  if (der === undefined) return only("damaged", NO_BYTES);
  const known = LABELS[label];
  if (known !== undefined) return only(known, der);
  const items = readDerItems(der);
  return items?.length === 1 && items[0] !== undefined ? items[0] : only("other", der);
}

/** Reads base64 without PEM lines. The base64 may be between colons (`:…:`), as logs show the certificate fields of RFC 9440. */
function readBareBase64(text: string): readonly Item[] | undefined {
  const [, base64 = ""] = /^\s*:?([A-Za-z0-9+/=\s]{64,}):?\s*$/.exec(text) ?? [];
  const der = decodeBase64(base64);
  return der?.[0] === SEQUENCE ? readDerItems(der) : undefined;
}

/** Reads DER values that follow one another. Returns undefined if the bytes do not begin with a DER value. */
function readDerItems(bytes: Buffer): readonly Item[] | undefined {
  const items: Item[] = [];
  for (let at = 0; at < bytes.length; ) {
    const value = readHeader(bytes, at);
    if (value?.tag !== SEQUENCE) return items.length > 0 ? [...items, only("other", bytes.subarray(at))] : undefined;
    const isWhole = value.end <= bytes.length;
    const der = bytes.subarray(at, value.end);
    const kind = kindOf(bytes.subarray(value.start, value.end));
    // A PKCS #7 or #12 store is reported as such a store even if it is cut off.
    if (!isWhole) return [...items, only(kind === "pkcs12" || kind === "pkcs7" ? kind : "cutOff", der)];
    items.push(only(kind, der));
    at = value.end;
  }
  return items;
}
