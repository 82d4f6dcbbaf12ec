// Counts the quotes of a JSON text. The count shows quickly whether a name may be repeated in the text (see strict-json.ts).

/**
 * The number of words of four octets that are counted before the counts are added up. A count has one octet, so it is at most 255.
 */
const WORDS_AT_ONCE = 255;

/**
 * Counts the quotes in four octets at a time, for speed. Looking at each octet by itself would cost half the time of JSON.parse.
 */
export function countQuotes(octets: Uint8Array): number {
  // An Int32Array must begin at a multiple of four in its buffer. So octets that begin elsewhere are copied. `slice` would not do:
  // a Buffer's slice is no copy.
  const { buffer, byteOffset, length } = octets.byteOffset % 4 === 0 ? octets : new Uint8Array(octets);
  const words = new Int32Array(buffer, byteOffset, length >> 2);
  let quotes = 0;
  let at = 0;
  while (at < words.length) {
    const end = Math.min(at + WORDS_AT_ONCE, words.length);
    // Holds four counts of quotes, one for each octet of a word. A branch at each quote would take longer.
    let counts = 0;
    // The loop counts an index, because `for … of` takes twice as long here.
    for (; at < end; at += 1) {
      const differences = (words[at] as number) ^ 0x22222222;
      // The high bit of an octet of `others` is 0 if the octet of the word is a quote, and otherwise 1.
      const others = ((differences & 0x7f7f7f7f) + 0x7f7f7f7f) | differences;
      counts = (counts + ((~others >>> 7) & 0x01010101)) | 0;
    }
    quotes += (counts & 255) + ((counts >>> 8) & 255) + ((counts >>> 16) & 255) + (counts >>> 24);
  }
  for (const octet of octets.subarray(words.byteLength)) if (octet === 0x22) quotes += 1;
  return quotes;
}
