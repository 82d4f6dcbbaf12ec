// The core suite in Node.

import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { askShared } from "../support/ask-shared.ts";
import { suites } from "./suites.ts";

const fixtures = await askShared("fixtures");

describe.each(Object.entries(suites))("%s in Node", (_, cases) => {
  for (const [name, run] of Object.entries(cases)) test(name, () => run(fixtures));
});

test("suites.ts lists every suite of this folder", () => {
  const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".suite.ts"));
  expect(Object.keys(suites).sort()).toEqual(files.map((file) => file.replace(".suite.ts", "")).sort());
});
