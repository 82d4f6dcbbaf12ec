// Counts the quotes of a JSON text, so that a text without a repeated name is recognised quickly.

/** Counts the quotes in four octets at a time, because a look at each octet takes half as long as JSON.parse. */
export function countQuotes(octets: Uint8Array): number {
  // A view of four octets begins at a multiple of four. `slice` would not do: a Buffer's slice is no copy.
  const { buffer, byteOffset, length } = octets.byteOffset % 4 === 0 ? octets : new Uint8Array(octets);
  const words = new Int32Array(buffer, byteOffset, length >> 2);
  let quotes = 0;
  // The loop counts an index, because `for … of` takes twice as long here.
  for (let at = 0; at < words.length; at += 1) {
    const differences = (words[at] as number) ^ 0x22222222;
    // The high bit of an octet stays zero exactly if the octet is a quote.
    const others = ((differences & 0x7f7f7f7f) + 0x7f7f7f7f) | differences | 0x7f7f7f7f;
    if (others !== -1) quotes += Math.imul(~others >>> 7, 0x01010101) >>> 24;
  }
  for (const octet of octets.subarray(words.byteLength)) if (octet === 0x22) quotes += 1;
  return quotes;
}
