// Runs the suites in Node.

import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { askShared } from "../support/ask-shared.ts";
import { suites } from "./suites.ts";

const fixtures = await askShared("fixtures");

describe.each(Object.entries(suites))("%s in Node", (_, cases) => {
  for (const [name, run] of Object.entries(cases)) test(name, () => run(fixtures));
});

test("suites.ts lists every suite", () => {
  const files = readdirSync(new URL("..", import.meta.url), { recursive: true, encoding: "utf8" });
  const named = files.flatMap((file) => (file.endsWith(".suite.ts") ? [file.slice(0, -".suite.ts".length)] : []));
  expect(Object.keys(suites).sort()).toEqual(named.sort());
});
