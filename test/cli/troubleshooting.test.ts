// Tests docs/troubleshooting.md, and the tables from which it is made.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatTroubleshooting } from "../../cli/troubleshooting.ts";
import { DECISIONS, OPERATIONAL_CODES } from "../../core/log-words.ts";

const ROOT = join(import.meta.dirname, "../..");

test("docs/troubleshooting.md is what npm run troubleshooting makes", () => {
  expect(readFileSync(join(ROOT, "docs/troubleshooting.md"), "utf8")).toBe(`${formatTroubleshooting()}\n`);
});

test("every row of its tables is complete", () => {
  const rows = formatTroubleshooting().match(/^\|.*$/gm) ?? [];
  expect(rows.length).toBeGreaterThan(110);
  for (const row of rows) expect(row.split(" | ").length, row).toBeLessThanOrEqual(5);
  expect(rows.filter((row) => row.split(" | ").length < 4)).toEqual([]);
});

test("every word and code that is explained is logged by some program", () => {
  const files = globSync("{core,worker,origin,cli}/**/*.ts", { cwd: ROOT }).filter(
    (file) => !file.endsWith("log-words.ts"),
  );
  const source = files.map((file) => readFileSync(join(ROOT, file), "utf8")).join("\n");
  const words = [...Object.keys(DECISIONS), ...Object.keys(OPERATIONAL_CODES)];
  // The source contains a word as the name of a member in a table, or as a quoted text in other code.
  const isLogged = (word: string) =>
    source.includes(`"${word}"`) || new RegExp(`^  ${word}: \\[$|^  ${word}: \\[\\d`, "m").test(source);
  expect(words.filter((word) => !isLogged(word))).toEqual([]);
});
