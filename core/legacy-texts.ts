// Names with texts in the string types of older certificates (BMPString, UniversalString, TeletexString), as programs print them.
// Only for refusing by a name: what a name permits is compared with the types that RFC 5280 has for new certificates.

import type { Certificate } from "./certificate.ts";
import { readDer } from "./der.ts";
import { TAG } from "./der-tags.ts";
import { type AttributeValue, nameKey } from "./distinguished-name.ts";

const known = new WeakMap<Certificate, readonly string[]>();

/** The keys under which the issuer of a certificate may be named: its own, and that of the texts as they are printed. */
export function issuerKeysOf(certificate: Certificate): readonly string[] {
  const { issuer, issuerKey } = certificate;
  const isOpaque = issuer.some((rdn) => rdn.some((attribute) => "der" in attribute));
  if (!isOpaque) return [issuerKey];
  const keys = known.get(certificate) ?? [issuerKey, nameKey(issuer.map((rdn) => rdn.map(readAttribute)))];
  known.set(certificate, keys);
  return keys;
}

function readAttribute(attribute: AttributeValue): AttributeValue {
  const text = "der" in attribute ? readText(attribute.der) : undefined;
  return text === undefined ? attribute : { type: attribute.type, text };
}

function readText(der: string): string | undefined {
  return readDer(Buffer.from(der, "hex"), (value) => {
    const { tag, content } = value.read();
    if (tag === TAG.bmp) return readUnits(content, 2);
    if (tag === TAG.universal) return readUnits(content, 4);
    // T.61 is nowhere told from Latin-1.
    return tag === TAG.teletex ? readUnits(content, 1) : undefined;
  });
}

/** Big-endian characters of so many octets, each of which there is. */
function readUnits(octets: Uint8Array, size: number): string {
  const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  const characters: string[] = [];
  for (let at = 0; at < buffer.length; at += size) characters.push(String.fromCodePoint(buffer.readUIntBE(at, size)));
  return characters.join("");
}
