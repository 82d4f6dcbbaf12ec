// All commands print through this file. It escapes control characters in all text from strangers: a certificate, a header, a
// response. So such text cannot control the terminal, look like other text, or continue on a new line.

import { formatLogLine, type LogLine, stampLine } from "../core/log-line.ts";
import { escapeControls } from "../core/shown-text.ts";

/** A line that is already escaped and may have colours. Only `tabulate` makes it. */
export class Shown {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Line = string | Shown;

/** Prints lines. A line feed within a line is escaped too. */
export function print(lines: readonly Line[]): void {
  if (lines.length > 0) console.log(format(lines));
}

/** Prints a text of several lines. */
export function printText(text: string): void {
  print(linesOf(text));
}

/** Prints a JSON document. Escaping does not change its value. */
export function printJson(value: unknown): void {
  print(linesOf(JSON.stringify(value, null, 2)));
}

export function printLogLine(line: LogLine): void {
  console.log(formatNow(line));
}

/** Writes bytes unchanged to a file or another program. For a terminal, they are escaped. */
export function printBytes(bytes: Uint8Array): void {
  if (process.stdout.isTTY) printText(Buffer.from(bytes).toString());
  else process.stdout.write(bytes);
}

/** Prints a text of several lines on stderr. */
export function complain(text: string): void {
  console.error(format(linesOf(text)));
}

/** Prints lines on stderr. */
export function complainLines(lines: readonly Line[]): void {
  if (lines.length > 0) console.error(format(lines));
}

export function complainLogLine(line: LogLine): void {
  console.error(formatNow(line));
}

function formatNow(line: LogLine): string {
  return formatLogLine(stampLine(line, Date.now()));
}

function format(lines: readonly Line[]): string {
  return lines.map((line) => (typeof line === "string" ? escapeControls(line) : line.text)).join("\n");
}

/** Returns the lines of a text. Drops the last line end, because printing adds it. */
function linesOf(text: string): string[] {
  return text.replace(/\r?\n$/, "").split(/\r?\n/);
}
