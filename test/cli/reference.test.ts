// Tests that docs/cli.md is up to date.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatReference } from "../../cli/reference.ts";

test("docs/cli.md is what npm run cli makes", async () => {
  const file = join(import.meta.dirname, "../../docs/cli.md");
  expect(readFileSync(file, "utf8")).toBe(`${await formatReference()}\n`);
});
