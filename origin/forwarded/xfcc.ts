// Reads Envoy's header X-Forwarded-Client-Cert (XFCC). If Envoy removes the elements that the client sent, the header has exactly
// one element.

import { malformed, readEscapedPem } from "./pem.ts";

/**
 * The keys, in the order in which Envoy writes them. `By`, `URI` and `DNS` may occur several times. Envoy neither quotes nor
 * escapes `URI` and `DNS`. If the order were not checked, the text `;Cert="…"` in a URI of the client's certificate would be read
 * as a `Cert` that Envoy wrote.
 */
const KEYS = ["By", "Hash", "Cert", "Chain", "Subject", "URI", "DNS"];
const REPEATABLE: ReadonlySet<string> = new Set(["By", "URI", "DNS"]);

/**
 * Matches a key, its value, and a separator. The value is bare or in quotes. A value in quotes has a `\` before each quote inside
 * it. The separator is a semicolon before the next pair, a comma before the next element, or the end.
 */
const PAIR = /([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;]*))([;,]|$)/y;

/**
 * Reads the certificates, leaf first, from `Cert`, from `Chain` (which holds the leaf too), or from both. Refuses a header with two
 * elements, because this code cannot know which of them describes the client.
 * @throws Refusal `certificate_malformed`
 */
export function readForwardedClientCert(header: string): string[] {
  const values = readPairs(header);
  const cert = values.get("Cert");
  const chain = values.get("Chain");
  const leaf = cert === undefined ? [] : readEscapedPem(cert);
  const certificates = chain === undefined ? leaf : readEscapedPem(chain);
  if (certificates.length === 0) throw malformed("XFCC holds neither Cert nor Chain");
  if (cert !== undefined && (leaf.length !== 1 || leaf[0] !== certificates[0])) {
    throw malformed("XFCC's Cert is not one certificate, or not the first of Chain");
  }
  return certificates;
}

/** Returns `Cert` and `Chain` without their quotes. Of the other pairs, only the form is checked. */
function readPairs(header: string): Map<string, string> {
  const pair = new RegExp(PAIR);
  const values = new Map<string, string>();
  let previous = -1;
  for (let separator: string | undefined = ";"; separator === ";"; ) {
    const [, key = "", quoted, , end] = pair.exec(header) ?? [];
    const position = KEYS.indexOf(key);
    if (position < previous || position < 0 || (position === previous && !REPEATABLE.has(key))) {
      throw malformed("XFCC holds a pair that is malformed, unknown, repeated or out of Envoy's order");
    }
    if (key === "Cert" || key === "Chain") {
      if (quoted === undefined) throw malformed("XFCC's Cert and Chain are quoted");
      values.set(key, quoted);
    }
    previous = position;
    separator = end;
    if (separator === ",") throw malformed("XFCC holds more than one element");
  }
  return values;
}
