// Splits the answer of a revocation list source into its lists. The answer is DER or PEM, with one list or several in sequence.

import { MAX_CRLS_OF_SOURCE } from "../wire.ts";
import { decodeBase64, readBlocks, readValues, SEQUENCE } from "./encoded-values.ts";

export interface CrlContents {
  /** The DER of each list, not parsed. */
  readonly ders: readonly Uint8Array[];
  readonly isPem: boolean;
  /** Describes the parts of the answer that are incomplete or were not read. */
  readonly faults: readonly string[];
}

const LABEL = "X509 CRL";

/**
 * Splits an answer into its lists. Skips text around PEM, a byte order mark, line ends, and PEM blocks of other kinds. If there is
 * no list at all, reports no fault. The caller reports that there is no list, and may also say what the answer contains instead.
 */
export function readCrlContents(bytes: Uint8Array): CrlContents {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer[0] === SEQUENCE) return cut(buffer);
  // `latin1` makes one character of each octet. That is enough here, because only ASCII is searched for.
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
    if (der === undefined) fault ??= `the list after ${ders.length} others is cut off or is not base64`;
    else ders.push(der);
  }
  return { ders, isPem: ders.length > 0 || fault !== undefined, faults: fault === undefined ? [] : [fault] };
}

const TOO_MANY = `there are more than ${MAX_CRLS_OF_SOURCE} lists`;

/** Splits DER values that follow one another. Reports bytes after the last value, because they may be a truncated list. */
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
  return follows(`what follows ${ders.length} lists is cut off, or is not a list`);
}
