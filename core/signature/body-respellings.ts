// Guesses what a body was before a proxy rewrote it. Tries other line ends, other spellings of the same JSON, and the value of a
// form field. The guesses come from a generator, so that the search stops at the first body that matches.

/** A short description of the change, for the operator, and the changed body. */
export type Respelling = readonly [how: string, body: Buffer];

/** Limits of the JSON that is rewritten. Even a small body is expensive to rewrite if its values are deep or numerous. */
const MAX_DEPTH = 12;
const MAX_VALUES = 4_096;
/** The number of form fields that are tried. */
const MAX_FORM_FIELDS = 3;

/** Yields other spellings of a body, the likely ones first. */
export function* respellBody(bytes: Uint8Array): Generator<Respelling> {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [how, text] of respellLines(body.toString("latin1"))) yield [how, Buffer.from(text, "latin1")];
  const text = body.toString();
  for (const [how, other] of respellJson(text)) yield [how, Buffer.from(other)];
  for (const [how, other] of respellForm(text)) yield [how, Buffer.from(other)];
}

type Spelling = readonly [how: string, text: string];

function* respellLines(text: string): Generator<Spelling> {
  let end = text.length;
  while (text[end - 1] === "\n") end -= text[end - 2] === "\r" ? 2 : 1;
  const bare = text.slice(0, end);
  if (bare !== text) yield ["without a line feed at its end", bare];
  yield ["with a line feed at its end", `${bare}\n`];
  yield ["with CR and LF at its end", `${bare}\r\n`];
  if (text.includes("\r\n")) yield ["with LF instead of CR and LF", text.replaceAll("\r\n", "\n")];
  else if (bare.includes("\n")) yield ["with CR and LF instead of LF", text.replaceAll("\n", "\r\n")];
  const mark = "\xef\xbb\xbf";
  if (text.startsWith(mark)) yield ["without its byte order mark", text.slice(mark.length)];
  if (text.trim() !== bare) yield ["without the white space around it", text.trim()];
}

/**
 * A way to write JSON: its white space, and the changes to its members and characters. `""` writes no white space at all. `","`
 * writes a space after each comma and colon, and no line feed. `sorted` sorts members by name. `letters` writes each character
 * beyond ASCII as an escape, for example `\u00e9`. `slashes` writes `/` as `\/`. `html` writes `<`, `>` and `&` as `\u003c` and so
 * on.
 */
type Style = readonly [indent: Indent, ...changes: ("sorted" | Escape)[]];

type Indent = "" | "," | "  " | "    " | "\t";

const INDENTS: Readonly<Record<Indent, string>> = {
  "": "without spaces",
  ",": "with a space after each comma and colon",
  "  ": "indented by two spaces",
  "    ": "indented by four spaces",
  "\t": "indented by tabs",
};

type Escape = "letters" | "slashes" | "html";

const asUnicode = (letter: string) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;

const ESCAPES: Readonly<Record<Escape, { pattern: RegExp; write: (found: string) => string; how: string }>> = {
  letters: { pattern: /[^\n\t -~]/g, write: asUnicode, how: "letters beyond ASCII escaped" },
  slashes: { pattern: /\//g, write: () => "\\/", how: "slashes escaped" },
  html: { pattern: /[<>&\u2028\u2029]/g, write: asUnicode, how: "<, > and & escaped" },
};

/** The styles in which JavaScript, Python, PHP, Go and others write JSON, by default and with their usual options. */
const STYLES: readonly Style[] = [
  [""],
  ["  "],
  [",", "letters"],
  [","],
  ["", "letters", "slashes"],
  ["", "slashes"],
  ["", "letters"],
  ["", "html"],
  ["    "],
  ["", "sorted"],
  [",", "sorted", "letters"],
  ["", "sorted", "letters"],
  ["", "sorted", "html"],
  [",", "sorted"],
  ["  ", "sorted"],
  ["    ", "sorted"],
  ["    ", "letters", "slashes"],
  ["    ", "slashes"],
  ["  ", "letters"],
  ["    ", "letters"],
  ["  ", "sorted", "letters"],
  ["    ", "sorted", "letters"],
  ["\t"],
];

function* respellJson(text: string): Generator<Spelling> {
  const value = parseJson(text);
  if (value === undefined) return;
  const compact = JSON.stringify(value);
  const sorted = sortMembers(value);
  const isSorted = JSON.stringify(sorted) === compact;
  for (const [indent, ...changes] of STYLES) {
    // If there is nothing to sort or to escape, another style gives the same result, so this style is skipped.
    if (changes.some((name) => (name === "sorted" ? isSorted : compact.search(ESCAPES[name].pattern) < 0))) continue;
    let written = writeJson(changes[0] === "sorted" ? sorted : value, indent);
    const notes = [`as JSON ${INDENTS[indent]}`];
    for (const name of changes) {
      if (name === "sorted") notes.push("members sorted");
      else {
        written = written.replace(ESCAPES[name].pattern, ESCAPES[name].write);
        notes.push(ESCAPES[name].how);
      }
    }
    yield [notes.join(", "), written];
  }
}

function writeJson(value: unknown, indent: Indent): string {
  if (indent !== ",") return JSON.stringify(value, null, indent);
  // JSON escapes line feeds inside strings, so every raw line feed is between values.
  return JSON.stringify(value, null, 1).replace(/,\n */g, ", ").replace(/\n */g, "");
}

/** The functions of ES2025 that keep the source text of numbers. TypeScript does not declare them yet. */
const json = JSON as unknown as {
  parse(text: string, revive: (name: string, value: unknown, context: { source: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): boolean;
};
/** Matches numbers that JavaScript would write with other digits, for example 12.50, 1e3 and 12345678901234567890. */
const OTHER_DIGITS = /\d(?:\.\d*0|[eE])|\d{16}|-0/;

/** Returns undefined if the text is not JSON, or is too large to rewrite. Numbers keep their digits. */
function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (countValues(value, MAX_DEPTH) > MAX_VALUES) return undefined;
    if (!OTHER_DIGITS.test(text)) return value;
    return json.parse(text, (_, member, { source }) => (typeof member === "number" ? json.rawJSON(source) : member));
  } catch {
    return undefined;
  }
}

/** Counts a value and all values in it. Returns Infinity if the value is deeper than `depth`. */
function countValues(value: unknown, depth: number): number {
  if (typeof value !== "object" || value === null) return 1;
  if (depth === 0) return Infinity;
  let count = 1;
  for (const member of Object.values(value)) {
    count += countValues(member, depth - 1);
    if (count > MAX_VALUES) break;
  }
  return count;
}

function sortMembers(value: unknown): unknown {
  if (typeof value !== "object" || value === null || json.isRawJSON(value)) return value;
  if (Array.isArray(value)) return value.map(sortMembers);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, sortMembers(member)]));
}

function* respellForm(text: string): Generator<Spelling> {
  if (!/^[\w.%[\]-]{1,64}=/.test(text)) return;
  for (const [name, value] of [...new URLSearchParams(text)].slice(0, MAX_FORM_FIELDS)) {
    yield [`as the decoded value of the form's field ${name}`, value];
  }
  try {
    yield ["without percent-encoding", decodeURIComponent(text.replaceAll("+", " "))];
  } catch {}
}
