// Runs all commands and snippets of README.md and of the guides, in order, in a new folder for each document. If a block cannot be
// run here, at least its syntax is checked.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ROOT } from "../support/running.ts";
import { readBlocks } from "./blocks.ts";
import { Reader } from "./reader.ts";
import { checkSyntax, isParsed } from "./syntax.ts";

const FOLLOWED: ReadonlySet<string> = new Set(["run", "background", "file", "prints"]);
/** The documents that are generated from the code. They hold no commands. */
const OTHERS = ["docs/api.md", "docs/cli.md"];
const DOCUMENTS = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "README.md", "CONTRIBUTING.md", "docs/*.md"],
  {
    cwd: ROOT,
    encoding: "utf8",
  },
)
  .trim()
  .split("\n")
  .filter((name) => !OTHERS.includes(name) && readRoot(name).includes("```"));

function readRoot(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
}

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

describe.each(DOCUMENTS)("%s", (name) => {
  const blocks = readBlocks(readRoot(name));

  test("has blocks, and what is not run has no fault of syntax", () => {
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) if (block.mark.kind === "parse") checkSyntax(block);
    expect(blocks.filter(({ mark, language }) => mark.kind === "not checked" && isParsed(language))).toEqual([]);
  });

  test("has the files of the repository as they are, and blocks that other tests have from it", () => {
    for (const { mark, code } of blocks) {
      if (mark.kind === "is") expect(code).toBe(readRoot(mark.path));
      if (mark.kind === "checked by") expect(readRoot(mark.path).includes(name), mark.path).toBe(true);
    }
  });

  if (blocks.some(({ mark }) => FOLLOWED.has(mark.kind)))
    test("is followed from its beginning to its end", async () => {
      const reader = await Reader.open(stack);
      for (const block of blocks) await reader.follow(block);
    }, 600_000);
});

test("the documents are found", () => {
  expect(DOCUMENTS).toEqual(expect.arrayContaining(["README.md", "docs/start/origin-alone.md", "docs/policy.md"]));
});

test("a command that ends with another code than the document says is a fault", async () => {
  const reader = await Reader.open(stack);
  const block = { language: "sh", code: "false\n", line: 7, mark: { kind: "run", code: 0 } } as const;
  await expect(reader.follow(block)).rejects.toThrow("line 7 ends with this code");
  await reader.follow({ ...block, mark: { kind: "run", code: 1 } });
});

test("a block without a mark, or with another one, is a fault", () => {
  expect(() => readBlocks("a\n\n```sh\nls\n```\n")).toThrow("line 3: what the test does with this block is not said");
  expect(() => readBlocks("<!-- runs -->\n```sh\nls\n```\n")).toThrow("is not said");
  expect(() => checkSyntax({ language: "sh", code: "if\n", line: 1, mark: { kind: "prints" } })).toThrow();
});
