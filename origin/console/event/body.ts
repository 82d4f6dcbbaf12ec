// Shows the body of an event for people: formatted JSON, the text as it arrived, or octets in hexadecimal. Of a large body, only
// the beginning is shown. The download has the whole body.

import { html } from "hono/html";
import { folded, formatBytes, type Html, marked } from "../show.ts";

export const BODY_FORMS = ["pretty", "raw", "hex"] as const;
export type BodyForm = (typeof BODY_FORMS)[number];

/** The number of octets of a body that a page shows. */
export const SHOWN_BYTES = 64 * 1024;
const HEX_BYTES = 4 * 1024;
const HEX_COLUMNS = 16;
/** The largest indentation, in levels. Deeper levels have this indentation too. */
const MAX_INDENT = 20;
/**
 * The largest numbers of lines and tokens that are shown. Each line and token becomes an element of the page, and a body that
 * consists only of brackets would have too many of them.
 */
const MAX_LINES = 5_000;
const MAX_TOKENS = 10_000;
const MAX_LINE_CHARACTERS = 2_000;

/** Returns the bytes as text. Undefined if they are not text in UTF-8. */
function readText(bytes: Uint8Array): string | undefined {
  // The last character may be cut off, so up to three octets at the end may be left out.
  for (let cut = 0; cut < 4; cut += 1) {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, bytes.length - cut));
    } catch {}
  }
  return undefined;
}

/** Returns `pretty` for JSON, `raw` for other text, and `hex` for everything else. */
export function usualForm(body: Uint8Array): BodyForm {
  const text = readText(body.subarray(0, SHOWN_BYTES));
  if (text === undefined) return "hex";
  return tokensOf(text, body.length <= SHOWN_BYTES) === undefined ? "raw" : "pretty";
}

export function showBody(body: Uint8Array, form: BodyForm, label = "Body"): Html {
  const part = body.subarray(0, form === "hex" ? HEX_BYTES : SHOWN_BYTES);
  const text = form === "hex" ? undefined : readText(part);
  const tokens = form === "pretty" && text !== undefined ? tokensOf(text, part.length === body.length) : undefined;
  const lines = tokens !== undefined ? layOut(tokens) : text !== undefined ? linesOf(text) : hexDump(part);
  const isCut = part.length < body.length || lines.length >= MAX_LINES || tokens?.length === MAX_TOKENS;
  const rest = isCut
    ? html`<p class="dim">This is the beginning of ${formatBytes(body.length)}. The download has all of it.</p>`
    : "";
  return html`<div class="code" tabindex="0" role="region" aria-label="${label}">${lines}</div>${rest}`;
}

function linesOf(text: string): Html[] {
  return text
    .split(/\r\n|\n|\r/, MAX_LINES)
    .map((line) => html`<div class="line">${lineOf(line.replaceAll("\t", "  "))}</div>`);
}

function lineOf(line: string): Html {
  return line.length > MAX_LINE_CHARACTERS ? folded(line, "a line of") : html`${marked(line)}`;
}

const TOKEN = /[ \t\r\n]*(?:"(?:[^"\\]|\\.)*"|[{}[\],:]|[-+.\w]+)/suy;

/**
 * Returns the tokens of a JSON document as they are written, so that a number keeps its digits. Undefined if the text is not JSON.
 */
function tokensOf(text: string, isWhole: boolean): string[] | undefined {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  let end = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    tokens.push(match[0].trimStart());
    end = TOKEN.lastIndex;
    if (tokens.length === MAX_TOKENS) break;
  }
  if (!/^[{[]$/.test(tokens[0] ?? "")) return undefined;
  const rest = tokens.length === MAX_TOKENS ? "" : text.slice(end).trim();
  if (rest === "") return tokens;
  // If the text is only the beginning of a body, its last token may be cut off. That token is shown as it is.
  return isWhole ? undefined : [...tokens, rest];
}

function layOut(tokens: readonly string[]): Html[] {
  const lines: Html[] = [];
  let [line, depth]: [(string | Html)[], number] = [[], 0];
  const end = () => {
    if (line.length > 0) lines.push(html`<div class="line i${Math.min(Math.max(depth, 0), MAX_INDENT)}">${line}</div>`);
    line = [];
  };
  for (const [index, token] of tokens.entries()) {
    const isEmpty = /^[{[]$/.test(tokens[index - 1] ?? "");
    if ((token === "}" || token === "]") && !isEmpty) {
      end();
      depth -= 1;
    }
    line.push(...(token === ":" ? [": "] : [showToken(token, tokens[index + 1])]));
    if ((token === "{" || token === "[") && !/^[}\]]$/.test(tokens[index + 1] ?? "")) {
      end();
      depth += 1;
    } else if (token === ",") end();
  }
  end();
  return lines;
}

function showToken(token: string, next: string | undefined): Html {
  if (!token.startsWith('"'))
    return html`<span class="${/^[\w+.-]+$/.test(token) ? "literal" : "mark"}">${marked(token)}</span>`;
  return next === ":"
    ? html`<span class="name">${folded(token, "a name of")}</span>`
    : html`<span class="text">${folded(token, "a text of")}</span>`;
}

function hexDump(bytes: Uint8Array): Html[] {
  const lines: Html[] = [];
  for (let start = 0; start < bytes.length; start += HEX_COLUMNS) {
    const row = bytes.subarray(start, start + HEX_COLUMNS);
    const hex = Array.from(row, (octet) => octet.toString(16).padStart(2, "0")).join(" ");
    const text = Array.from(row, (octet) => (octet >= 0x20 && octet < 0x7f ? String.fromCharCode(octet) : ".")).join(
      "",
    );
    lines.push(
      html`<div class="line hex">${start.toString(16).padStart(8, "0")}  ${hex.padEnd(HEX_COLUMNS * 3)} ${text}</div>`,
    );
  }
  return lines;
}
