// Decodes names that use the string types of older certificates (BMPString, UniversalString, TeletexString). The result is the text
// that other programs show for such a name. Use the result only to refuse a name. To permit a name, compare only texts in the types
// that RFC 5280 allows in new certificates.

import { cachedFor } from "../weak-cache.ts";
import type { Certificate } from "./certificate.ts";
import { readDer } from "./der.ts";
import * as TAG from "./der-tags.ts";
import { type AttributeValue, foldName } from "./distinguished-name.ts";

/**
 * Returns the folded issuer names under which a certificate can be denied: the name itself, and the name as other programs print
 * it.
 */
export const foldedIssuersOf = cachedFor(({ issuer, foldedIssuer }: Certificate): readonly string[] => {
  const isOpaque = issuer.some((rdn) => rdn.some((attribute) => "der" in attribute));
  return isOpaque ? [foldedIssuer, foldName(issuer.map((rdn) => rdn.map(readAttribute)))] : [foldedIssuer];
});

function readAttribute(attribute: AttributeValue): AttributeValue {
  const text = "der" in attribute ? readText(attribute.der) : undefined;
  return text === undefined ? attribute : { type: attribute.type, text };
}

function readText(der: string): string | undefined {
  return readDer(Buffer.from(der, "hex"), (value) => {
    const { tag, content } = value.read();
    if (tag === TAG.bmp) return readUnits(content, 2);
    if (tag === TAG.universal) return readUnits(content, 4);
    // The character set of a TeletexString is T.61, but other programs read it as Latin-1.
    return tag === TAG.teletex ? readUnits(content, 1) : undefined;
  });
}

/** Reads big-endian code points of `size` octets each. @throws RangeError if one is greater than U+10FFFF */
function readUnits(octets: Uint8Array, size: number): string {
  const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  const characters: string[] = [];
  for (let at = 0; at < buffer.length; at += size) characters.push(String.fromCodePoint(buffer.readUIntBE(at, size)));
  return characters.join("");
}
