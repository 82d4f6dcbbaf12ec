// The one outlet of all commands. What a stranger wrote into a certificate, a header, an answer or a reason reaches the
// terminal escaped: it can neither steer it nor be read as another text, and it stays within its line.

import { formatLogLine, type LogLine, stampLine } from "../core/log-line.ts";
import { escapeControls } from "../core/shown-text.ts";

/** A line that is escaped already, and may have colours: made by `tabulate` alone. */
export class Shown {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Line = string | Shown;

/** Prints lines. A line feed within one of them is escaped as well. */
export function print(lines: readonly Line[]): void {
  if (lines.length > 0) console.log(format(lines));
}

/** Prints a text of several lines. */
export function printText(text: string): void {
  print(linesOf(text));
}

/** Prints a JSON document: escaped, it has the same value. */
export function printJson(value: unknown): void {
  print(linesOf(JSON.stringify(value, null, 2)));
}

export function printLogLine(line: LogLine): void {
  console.log(formatNow(line));
}

/** Writes bytes as they are into a file or another program, and never so to a terminal. */
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

/** Without the end of the last line, which printing adds. */
function linesOf(text: string): string[] {
  return text.replace(/\r?\n$/, "").split(/\r?\n/);
}
