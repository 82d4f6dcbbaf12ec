// Runs the cases of a suite only in Node, for code that no other runtime loads.

import { test } from "vitest";
import { askShared } from "./ask-shared.ts";
import type { Cases } from "./scenes/certificates.ts";

export async function runInNode(cases: Cases): Promise<void> {
  const fixtures = await askShared("fixtures");
  for (const [name, run] of Object.entries(cases)) test(name, () => run(fixtures));
}
