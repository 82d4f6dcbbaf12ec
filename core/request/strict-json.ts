// Reads a body as JSON, and refuses each body that two readers could read differently: a name that occurs twice in one object,
// octets that are not UTF-8, a byte order mark, a surrogate that is alone.

import { Refusal } from "../refusal.ts";
import { MAX_JSON_BYTES, MAX_JSON_DEPTH } from "../wire.ts";
import { countQuotes } from "./quotes.ts";

/** UTF-8 is the default encoding. */
const UTF8 = new TextDecoder(undefined, { fatal: true, ignoreBOM: true });

/** @throws Refusal `json_*` */
export function parseStrictJson(body: Uint8Array): unknown {
  if (body.length > MAX_JSON_BYTES) throw new Refusal("json_too_large", { bytes: body.length });
  const text = attempt("json_not_utf8", () => UTF8.decode(body));
  if (text.startsWith("\uFEFF")) throw new Refusal("json_with_bom");
  const value: unknown = attempt("json_malformed", () => JSON.parse(text));
  const mayBeAlone = text.includes("\\ud") || text.includes("\\uD");
  const strings = countStrings(value, 0, mayBeAlone);
  // Each name and each string has two quotes. If a name is repeated, JSON.parse keeps it only once, and the text has more quotes
  // than `value` needs. An escaped quote also raises the count. Therefore hasRepeatedName reads the text if the count differs.
  if (countQuotes(body) !== 2 * strings && hasRepeatedName(text)) throw new Refusal("json_repeated_name");
  return value;
}

function attempt<T>(code: "json_not_utf8" | "json_malformed", read: () => T): T {
  try {
    return read();
  } catch {
    throw new Refusal(code);
  }
}

/** Returns the number of strings in the value. The names of members count too. @throws Refusal */
function countStrings(value: unknown, depth: number, mayBeAlone: boolean): number {
  if (typeof value === "string") return checkedString(value, mayBeAlone);
  return typeof value === "object" && value !== null ? countInside(value, depth, mayBeAlone) : 0;
}

function countInside(value: object, depth: number, mayBeAlone: boolean): number {
  if (depth === MAX_JSON_DEPTH) throw new Refusal("json_too_deep");
  let strings = 0;
  if (Array.isArray(value)) for (const element of value) strings += countStrings(element, depth + 1, mayBeAlone);
  else {
    const members = value as Readonly<Record<string, unknown>>;
    for (const name in members)
      strings += checkedString(name, mayBeAlone) + countStrings(members[name], depth + 1, mayBeAlone);
  }
  return strings;
}

function checkedString(text: string, mayBeAlone: boolean): 1 {
  if (mayBeAlone && !text.isWellFormed()) throw new Refusal("json_lone_surrogate");
  return 1;
}

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|[{}]/g;

/** Expects a text that JSON.parse accepts. */
function hasRepeatedName(text: string): boolean {
  const objects: Set<unknown>[] = [];
  for (const [token, quoted, colon] of text.matchAll(TOKENS)) {
    if (token === "{") objects.push(new Set());
    else if (token === "}") objects.pop();
    else if (colon !== undefined) {
      const names = objects.at(-1);
      const name: unknown = JSON.parse(String(quoted));
      if (names?.has(name)) return true;
      names?.add(name);
    }
  }
  return false;
}
