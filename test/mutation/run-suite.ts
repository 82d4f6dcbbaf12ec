// Runs one core suite as a separate test file. For each mutant, the mutation tester then loads only the suites that run the mutated
// code.

import { describe, inject, test } from "vitest";
import type { Cases } from "../support/scenes/certificates.ts";

export function runSuite(name: string, cases: Cases): void {
  describe(name, () => {
    for (const [title, run] of Object.entries(cases)) test(title, () => run(inject("fixtures")));
  });
}
