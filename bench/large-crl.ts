// Makes a revocation list of any size directly in bytes, because a library takes minutes for a million entries.

import { randomBytes, sign, X509Certificate } from "node:crypto";
import type { Identity } from "../cli/dev/authority.ts";

const ECDSA_SHA256 = Buffer.from("300a06082a8648ce3d040302", "hex");
/** The DER of the extension `reasonCode` with the value `keyCompromise`. In public lists, most entries have a reason. */
const REASON = Buffer.from("300c300a0603551d1504030a0101", "hex");
const SERIAL_OCTETS = 16;
/** The index of the member `subject` in a v3 TBSCertificate. */
const SUBJECT = 5;

/** Makes and signs a revocation list of `size` random serial numbers. The list is valid for a day around `now` (Unix seconds). */
export function issueLargeCrl(issuer: Identity, size: number, now: number): Uint8Array {
  const after = Buffer.concat([utcTime(now - 3600), REASON]);
  const entryLength = 2 + SERIAL_OCTETS + after.length;
  const entry = Buffer.concat([
    Buffer.from([0x30, entryLength, 0x02, SERIAL_OCTETS]),
    Buffer.alloc(SERIAL_OCTETS),
    after,
  ]);
  const entries = Buffer.alloc(size * entry.length);
  for (let index = 0; index < size; index++) {
    const start = index * entry.length;
    entry.copy(entries, start);
    randomBytes(SERIAL_OCTETS).copy(entries, start + 4);
    // Makes the serial number positive, and keeps its full length.
    entries[start + 4] = 0x40 | ((entries[start + 4] as number) & 0x3f);
  }
  const version = Buffer.from([0x02, 0x01, 0x01]);
  const times = [utcTime(now - 43_200), utcTime(now + 43_200)];
  const tbs = tlv(0x30, [version, ECDSA_SHA256, subjectOf(issuer), ...times, tlv(0x30, [entries])]);
  const signature = sign("sha256", tbs, issuer.keyPem);
  return new Uint8Array(tlv(0x30, [tbs, ECDSA_SHA256, tlv(0x03, [Buffer.from([0]), signature])]));
}

function utcTime(seconds: number): Buffer {
  const text = new Date(seconds * 1000)
    .toISOString()
    .replace(/[-:T]|\.000/g, "")
    .slice(2);
  return tlv(0x17, [Buffer.from(text)]);
}

function tlv(tag: number, parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const octets: number[] = [];
  for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  const length = content.length < 0x80 ? [content.length] : [0x80 | octets.length, ...octets];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function subjectOf({ pem }: Identity): Buffer {
  const { raw } = new X509Certificate(pem);
  let at = contentOf(raw, contentOf(raw, 0).start).start;
  for (let field = 0; field < SUBJECT; field++) at = contentOf(raw, at).end;
  return raw.subarray(at, contentOf(raw, at).end);
}

function contentOf(der: Buffer, at: number): { start: number; end: number } {
  const first = der[at + 1] as number;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 2 + octets;
  return { start, end: start + (octets === 0 ? first : der.readUIntBE(at + 2, octets)) };
}
