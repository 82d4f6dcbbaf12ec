// Formats columns for people. A column is as wide as its texts are on a terminal, whatever characters a stranger wrote into them.
// On a terminal, the last column is wrapped and verdicts have colours. In a file or a pipe, every cell is on one line.

import { styleText } from "node:util";
import { escapeControls } from "../core/shown-text.ts";
import { Shown } from "./output.ts";

/** The text of a cell. A marked text has a colour, or is never wrapped, so that a user can copy it. */
export type Cell = string | Marked;
export type Row = readonly Cell[];

interface Marked {
  readonly text: string;
  readonly style?: "green" | "red" | "yellow" | "bold";
  readonly isWhole?: boolean;
}

export const good = (text: string): Cell => ({ text, style: "green" });
export const bad = (text: string): Cell => ({ text, style: "red" });
export const doubtful = (text: string): Cell => ({ text, style: "yellow" });
export const heading = (text: string): Cell => ({ text, style: "bold" });
export const whole = (text: string): Cell => ({ text, isWhole: true });

const GAP = "  ";
/** If the last column would be narrower than this, it is printed below the other columns. */
const LEAST_ROOM = 24;
const INDENT_BELOW = 4;

/**
 * Formats rows as aligned lines for a stream. A column is as wide as its widest cell. The last cell of a row is not measured, so
 * that a row of one cell can span all columns. Other cells are never cut or wrapped: they are names, times and ids.
 */
export function tabulate(rows: readonly Row[], stream: NodeJS.WriteStream = process.stdout): Shown[] {
  const measured = rows.map((row) => dropEmptyEnd(row.map(measure)));
  const widths: number[] = [];
  for (const row of measured) {
    for (const [column, { width }] of row.slice(0, -1).entries()) widths[column] = Math.max(widths[column] ?? 0, width);
  }
  const columns = stream.isTTY && stream.columns > 0 ? stream.columns : Number.POSITIVE_INFINITY;
  return measured.flatMap((row) => layOut(row, widths, columns, stream)).map((line) => new Shown(line));
}

interface Measured extends Marked {
  readonly width: number;
}

function measure(cell: Cell): Measured {
  const marked = typeof cell === "string" ? { text: cell } : cell;
  const text = escapeControls(marked.text);
  return { ...marked, text, width: widthOf(text) };
}

function dropEmptyEnd(row: readonly Measured[]): readonly Measured[] {
  return row.slice(0, row.findLastIndex(({ text }) => text !== "") + 1);
}

function layOut(row: readonly Measured[], widths: readonly number[], columns: number, stream: NodeJS.WriteStream) {
  const last = row.at(-1);
  if (last === undefined) return [""];
  const before = row.slice(0, -1);
  const head = before.map((cell, column) => paint(cell, cell.text, stream) + fill(cell, widths[column]) + GAP).join("");
  const headWidth = before.reduce((sum, _, column) => sum + (widths[column] ?? 0) + GAP.length, 0);
  if (last.isWhole === true || headWidth + last.width <= columns) return [head + paint(last, last.text, stream)];
  const isBelow = columns - headWidth < LEAST_ROOM;
  const indent = isBelow ? INDENT_BELOW : headWidth;
  const lines = wrap(last.text, columns - indent).map((line) => paint(last, line, stream));
  const below = (line: string) => " ".repeat(indent) + line;
  if (isBelow && before.length > 0) return [head.trimEnd(), ...lines.map(below)];
  return lines.map((line, index) => (index === 0 ? head + line : below(line)));
}

function fill({ width }: Measured, columnWidth = 0): string {
  return " ".repeat(columnWidth - width);
}

function paint({ style }: Measured, text: string, stream: NodeJS.WriteStream): string {
  // styleText() respects `NO_COLOR` and `FORCE_COLOR`, and the abilities of the stream.
  return style === undefined ? text : styleText(style, text, { stream });
}

/**
 * Breaks a text into lines. Breaks only at spaces, so a long word, for example a digest or a URL, stays whole. Each new line has
 * the indentation of the text.
 */
function wrap(text: string, room: number): string[] {
  const indent = /^ */.exec(text)?.[0] ?? "";
  const lines: string[] = [];
  let line = "";
  for (const word of text.slice(indent.length).split(" ")) {
    const longer = line === "" ? indent + word : `${line} ${word}`;
    if (line === "" || widthOf(longer) <= room) {
      line = longer;
      continue;
    }
    lines.push(line);
    line = indent + word;
  }
  return [...lines, line];
}

const PLAIN = /^[\u0020-\u007e]*$/;
/** Matches combining marks, which have no width of their own. */
const MARK = /[\p{Mn}\p{Me}]/u;
/** Matches characters that a terminal shows in two columns: East Asian Wide and Fullwidth (UAX #11) by block, and emoji. */
const WIDE =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2329\u232a\u2630-\u2637\u268a-\u268f\u2e80-\u303e\u3041-\u3247\u3250-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1d300}-\u{1d376}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]/u;

/** Returns the number of terminal columns that a text needs. The text must contain no control characters. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += WIDE.test(character) ? 2 : MARK.test(character) ? 0 : 1;
  return width;
}
