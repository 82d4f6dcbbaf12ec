// If a source sends something that is not a revocation list, says what was sent and what to do about it.

import { describeContents, type Item, type Kind, nameUtf16, readContents } from "../contents/file.ts";
import { shellWord } from "../shell-word.ts";

/** The number of octets of a response that are examined. They are enough to name its contents. */
const NAMED_BYTES = 64 * 1024;

const REMEDIES: Partial<Record<Kind, (file: string, item: Item) => string>> = {
  pkcs7: (file, { isPem }) => `openssl pkcs7 -in ${file}${isPem ? "" : " -inform DER"} -print_certs -out lists.pem`,
  utf16: (file, { der }) => `iconv -f ${nameUtf16(der)} -t UTF-8 ${file} > lists.pem`,
  certificate: () => "a CA's certificate goes into anchors; its list is at the URL that its certificates name",
  key: () => "nobody else may read a private key: remove it from there",
  compressed: () => "unpack it first",
  html: () => "open the page, and name the file that it leads to",
};

/** Returns a sentence about the contents. Undefined if the contents are a revocation list, or may be one. */
export function nameOtherContents(bytes: Uint8Array, source: string): string | undefined {
  const items = readContents(bytes.subarray(0, NAMED_BYTES));
  const [first] = items;
  if (first === undefined || items.some(({ kind }) => kind === "list")) return undefined;
  if (first.kind === "cutOff" && bytes.byteLength > NAMED_BYTES) return undefined;
  const remedy = REMEDIES[first.kind]?.(shellWord(source), first);
  return `it holds no revocation list, but ${describeContents(items)}${remedy === undefined ? "" : `: ${remedy}`}`;
}
