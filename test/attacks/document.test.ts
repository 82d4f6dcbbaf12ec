// Checks that docs/design/known-attacks.md agrees with the tests. This document says which test covers which attack.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "../support/running.ts";

const ID = /CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}/g;
const HERE = "test/attacks/document.test.ts";

interface Line {
  /** The CVE or GHSA ids of the attack, or its name if it has no id. */
  readonly ids: readonly string[];
  readonly tests: readonly { readonly file: string; readonly name: string }[];
}

const document = readFileSync(join(ROOT, "docs/design/known-attacks.md"), "utf8");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

const lines = [...document.matchAll(/^\| ([^|]+) \| ([^|]+) \| (`test\/[^|]+) \|$/gm)].map(
  ([, id = "", , tests = ""]): Line => ({
    ids: id.match(ID) ?? [id],
    tests: tests.split(" <br> ").map((text) => {
      const [, file = "", name = ""] = /^`(test\/\S+\.ts)`: "([^"]+)"$/.exec(text) ?? [];
      return { file, name };
    }),
  }),
);

test("each line of the table is read", () => {
  const rows = document.split("\n").filter((line) => /^\| .+ \| .+ \| .+ \|$/.test(line) && !line.startsWith("| id |"));
  expect(lines).toHaveLength(rows.length);
  expect(lines.length).toBeGreaterThanOrEqual(28);
});

describe.each(lines)("$ids", ({ ids, tests }) => {
  test.each(tests)("$name", ({ file, name }) => {
    const literals = [`"${name}"`, `\`${name}\``];
    const source = read(file)
      .split("\n")
      .filter((line) => !/^\s*\/\//.test(line))
      .join("\n");
    expect(
      literals.some((literal) => source.includes(literal)),
      `${file} holds no test of this name`,
    ).toBe(true);
  });

  test("is in the name of a test", () => {
    for (const id of ids)
      expect(
        tests.some(({ name }) => name.includes(id)),
        id,
      ).toBe(true);
  });
});

test("each id in the name of a test is in the table", () => {
  const known = new Set(lines.flatMap(({ ids }) => ids));
  const files = readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" })
    .map((file) => `test/${file}`)
    .filter((file) => file.endsWith(".ts") && file !== HERE);
  const named = new Set(files.flatMap((file) => read(file).match(ID) ?? []));
  expect([...named].filter((id) => !known.has(id))).toEqual([]);
});
