// Tests the tables that commands print: the width of texts, and the output to a terminal, to a file and to another program.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { Shown } from "../../cli/output.ts";
import { bad, type Row, tabulate, whole, widthOf } from "../../cli/table.ts";
import { run } from "../support/running.ts";
import { temporaryDirectory } from "../support/temporary.ts";

type Stream = NodeJS.WriteStream;

function terminal(columns: number): Stream {
  return Object.assign(new PassThrough(), { isTTY: true, columns }) as unknown as Stream;
}

const file = new PassThrough() as unknown as Stream;
const linesOf = (rows: readonly Row[], stream: Stream) => tabulate(rows, stream).map(({ text }) => text);
const uncoloured = (rows: readonly Row[], stream: Stream) => linesOf(rows, stream).map(stripVTControlCharacters);

test("widthOf() agrees with Node's own measure of every character that can be shown", () => {
  const output = Object.assign(new PassThrough(), { columns: Number.MAX_SAFE_INTEGER });
  const reader = createInterface({ input: new PassThrough(), output, terminal: true, prompt: "" });
  const line = reader as { line: string; cursor: number };
  // Matches the characters that this test leaves out. Characters without their own width are left out, because every output escapes
  // them. Unassigned characters are left out too. Musical symbols are left out, because Node composes their marks before it
  // measures the width.
  const left = /[\p{Cc}\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u{1d15e}-\u{1d1c0}]/u;
  const different: string[] = [];
  for (let code = 0x20; code <= 0x3ffff; code += 1) {
    const character = String.fromCodePoint(code);
    if (left.test(character)) continue;
    line.line = character;
    line.cursor = character.length;
    if (reader.getCursorPos().cols !== widthOf(character)) different.push(code.toString(16));
  }
  reader.close();
  expect(different).toEqual([]);
});

describe("tabulate()", () => {
  test("aligns columns by what a terminal shows, and leaves no space at the end of a line", () => {
    const rows = [["id", "名前", "last"], ["x", "a", ""], ["e\u0301e", "b", "c"], ["one cell through all columns"]];
    expect(linesOf(rows, file)).toEqual([
      "id  名前  last",
      "x   a",
      "e\u0301e  b     c",
      "one cell through all columns",
    ]);
    expect(tabulate(rows, file)[0]).toBeInstanceOf(Shown);
  });

  test("escapes control characters, and measures the escaped text", () => {
    expect(
      linesOf(
        [
          ["\u001b[2J", "a"],
          ["b", "\u202ec\nd"],
        ],
        file,
      ),
    ).toEqual(["\\u001b[2J  a", "b          \\u202ec\\u000ad"]);
  });

  const LONG = "several words that say why it is so";
  test.each([
    ["a file gets a long cell in one line", file, [`dead  ${LONG}`]],
    ["a wide terminal too", terminal(80), [`dead  ${LONG}`]],
    ["a terminal gets it below its column", terminal(34), ["dead  several words that say why", "      it is so"]],
    ["a narrow one gets it below the row", terminal(26), ["dead", "    several words that say", "    why it is so"]],
    ["one that does not know its width is no limit", terminal(0), [`dead  ${LONG}`]],
  ])("%s", (_, stream, lines) => {
    expect(uncoloured([[bad("dead"), LONG]], stream)).toEqual(lines);
  });

  test("breaks no word and no command that is to be pasted, and keeps an indentation", () => {
    const digest = "a".repeat(64);
    const narrow = terminal(40);
    expect(uncoloured([["sha256", `the ${digest} end`]], narrow)).toEqual([
      "sha256  the",
      `        ${digest}`,
      "        end",
    ]);
    const command = `countersign policy add --certificate ${digest}.pem`;
    expect(uncoloured([["accept", whole(command)]], narrow)).toEqual([`accept  ${command}`]);
    expect(uncoloured([["    a remedy that is longer than this terminal is"]], narrow)).toEqual([
      "    a remedy that is longer than this",
      "    terminal is",
    ]);
  });

  test("measures wide characters when it wraps", () => {
    for (const line of uncoloured([["a", "名前 ".repeat(30)]], terminal(40)))
      expect(widthOf(line)).toBeLessThanOrEqual(40);
  });
});

describe("a command", () => {
  const stack = new AsyncDisposableStack();
  const policy = join(temporaryDirectory(stack), "policy.json");
  writeFileSync(policy, "{}");
  afterAll(() => stack.disposeAsync());

  const UNSET = ["NO_COLOR", "FORCE_COLOR", "NODE_DISABLE_COLORS", "CI"].flatMap((name) => ["-u", name]);
  const COLUMNS = 50;

  test.each([
    ["in a terminal", true, [], [], true, true],
    ["in a terminal, with NO_COLOR", true, ["NO_COLOR=1"], [], false, true],
    ["in a terminal, with --json", true, [], ["--json"], false, false],
    ["in a pipe", false, [], [], false, false],
    ["in a pipe, with FORCE_COLOR", false, ["FORCE_COLOR=1"], [], true, false],
    ["in a pipe, with FORCE_COLOR and --json", false, ["FORCE_COLOR=1"], ["--json"], false, false],
  ])("%s", async (_, isTerminal, environment, more, isColoured, isWrapped) => {
    const args = [process.execPath, "cli/main.ts", "policy", "check", "--policy", policy, ...more];
    const line = args.map((word) => `'${word}'`).join(" ");
    const program = isTerminal ? ["script", "-qec", `stty cols ${COLUMNS}; ${line}`, "/dev/null"] : args;
    const { stdout, stderr, code } = await run("env", [...UNSET, "TERM=xterm-256color", ...environment, ...program]);
    expect(code).toBe(2);
    const output = stdout + stderr;
    expect(output).toContain("/anchors");
    expect(output.includes("\u001b[31m")).toBe(isColoured);
    expect(/^error +\S+\r\n {7}\S/m.test(stripVTControlCharacters(output))).toBe(isWrapped);
  });
});
