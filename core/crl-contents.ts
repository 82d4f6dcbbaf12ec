// What a source of revocation lists gave, cut into its lists: DER, PEM, or several of either, one after the other.

import { decodeBase64, readBlocks, readValues, SEQUENCE } from "./encoded-values.ts";
import { MAX_CRLS_OF_SOURCE } from "./wire.ts";

export interface CrlContents {
  /** Each list by itself, unread. */
  readonly ders: readonly Uint8Array[];
  readonly isPem: boolean;
  /** What of it is not whole, or not looked at. */
  readonly faults: readonly string[];
}

const LABEL = "X509 CRL";

/**
 * Text around PEM, a byte order mark, line ends and blocks of other kinds are passed over. Without a list there is no fault:
 * who knows more than this says what it is instead.
 */
export function readCrlContents(bytes: Uint8Array): CrlContents {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer[0] === SEQUENCE) return cut(buffer);
  // Every octet is one character: only ASCII is looked for.
  const text = buffer.toString("latin1");
  const contents = readPem(text);
  if (contents.isPem) return contents;
  const bare = decodeBase64(text);
  return bare?.[0] === SEQUENCE ? cut(bare) : contents;
}

function readPem(text: string): CrlContents {
  const ders: Uint8Array[] = [];
  let fault: string | undefined;
  for (const { label, body } of readBlocks(text)) {
    if (label !== LABEL) continue;
    if (ders.length === MAX_CRLS_OF_SOURCE) return { ders, isPem: true, faults: [TOO_MANY] };
    const der = body === undefined ? undefined : decodeBase64(body);
    if (der === undefined) fault ??= `the list after ${ders.length} others is cut off or no base64`;
    else ders.push(der);
  }
  return { ders, isPem: ders.length > 0 || fault !== undefined, faults: fault === undefined ? [] : [fault] };
}

const TOO_MANY = `there are more than ${MAX_CRLS_OF_SOURCE} lists`;

/** Values in DER that follow one another. What comes after the last is told: it may be a list that was cut off. */
function cut(bytes: Buffer): CrlContents {
  const ders: Uint8Array[] = [];
  let end = 0;
  for (const der of readValues(bytes)) {
    if (ders.length === MAX_CRLS_OF_SOURCE) break;
    ders.push(der);
    end += der.byteLength;
  }
  const follows = (fault: string): CrlContents => ({ ders, isPem: false, faults: [fault] });
  if (ders.length === MAX_CRLS_OF_SOURCE && end < bytes.length) return follows(TOO_MANY);
  if (/^\s*$/.test(bytes.toString("latin1", end, end + 16))) return { ders, isPem: false, faults: [] };
  return follows(`what follows ${ders.length} lists is cut off, or no list`);
}
