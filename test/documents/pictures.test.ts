// Tests the pictures of the documents. A document shows each picture, each picture file exists and is small, and the script that
// makes the pictures runs.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { afterAll, expect, test } from "vitest";
import { missingChromium } from "../support/chromium.ts";
import { ROOT, run } from "../support/running.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const FOLDER = "docs/pictures";
const MAX_BYTES = 120_000;

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

/** Returns the paths of the files that a document shows as pictures. */
function picturesOf(name: string): string[] {
  const text = readFileSync(join(ROOT, name), "utf8");
  return Array.from(text.matchAll(/<(?:img|source) [^>]*(?:src|srcset)="([^"]+)"/g), ([, path = ""]) =>
    relative(ROOT, join(ROOT, dirname(name), path)),
  );
}

const files = readdirSync(join(ROOT, FOLDER)).map((name) => `${FOLDER}/${name}`);

test("a document shows each picture, and each picture that a document shows is there", () => {
  const documents = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  const shown = new Set(documents.trim().split("\n").flatMap(picturesOf));
  expect([...shown].sort()).toEqual(files.sort());
});

test("each picture is small", () => {
  for (const file of files) expect(statSync(join(ROOT, file)).size, file).toBeLessThan(MAX_BYTES);
});

test.skipIf(missingChromium())(
  "npm run docs:pictures makes each of the pictures",
  async () => {
    const folder = temporaryDirectory(stack);
    const { code, stderr } = await run(process.execPath, ["test/documents/pictures/main.ts", folder]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readdirSync(folder).sort()).toEqual(files.map((file) => relative(FOLDER, file)).sort());
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).size, name).toBeGreaterThan(1_000);
  },
  900_000,
);
