// Counts the quotes of a JSON text, so that a text without a repeated name is recognised quickly.

/** Counts the quotes in four octets at a time, because a look at each octet takes half as long as JSON.parse. */
export function countQuotes({ buffer, byteOffset, length }: Uint8Array): number {
  const view = new DataView(buffer, byteOffset, length);
  let at = 0;
  let quotes = 0;
  for (; at + 3 < length; at += 4) {
    const differences = view.getInt32(at, true) ^ 0x22222222;
    // The high bit of an octet stays zero exactly if the octet is a quote.
    const others = ((differences & 0x7f7f7f7f) + 0x7f7f7f7f) | differences | 0x7f7f7f7f;
    if (others !== -1) quotes += Math.imul(~others >>> 7, 0x01010101) >>> 24;
  }
  for (; at < length; at += 1) if (view.getUint8(at) === 0x22) quotes += 1;
  return quotes;
}
