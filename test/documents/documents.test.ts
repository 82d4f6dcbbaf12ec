// Each command and each snippet of these documents is run, in its order, in a new folder; what cannot be run here is parsed at least.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ROOT } from "../support/running.ts";
import { readBlocks } from "./blocks.ts";
import { Reader } from "./reader.ts";
import { checkSyntax } from "./syntax.ts";

const DOCUMENTS = ["README.md", "docs/start/origin-alone.md"];

const readRoot = (name: string) => readFileSync(join(ROOT, name), "utf8");

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

describe.each(DOCUMENTS)("%s", (name) => {
  const blocks = readBlocks(readRoot(name));

  test("has blocks, and what is not run has no fault of syntax", () => {
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) if (block.mark.kind === "parse") checkSyntax(block);
  });

  test("has the files of the repository as they are, and blocks that other tests have from it", () => {
    for (const { mark, code } of blocks) {
      if (mark.kind === "is") expect(code).toBe(readRoot(mark.path));
      if (mark.kind === "checked by") expect(readRoot(mark.path).includes(name), mark.path).toBe(true);
    }
  });

  test("is followed from its beginning to its end", async () => {
    const reader = await Reader.open(stack);
    for (const block of blocks) await reader.follow(block);
  }, 600_000);
});

test("a block without a mark, or with another one, is a fault", () => {
  expect(() => readBlocks("a\n\n```sh\nls\n```\n")).toThrow("line 3: what the test does with this block is not said");
  expect(() => readBlocks("<!-- runs -->\n```sh\nls\n```\n")).toThrow("is not said");
  expect(() => checkSyntax({ language: "sh", code: "if\n", line: 1, mark: { kind: "prints" } })).toThrow();
});
