// Runs one core suite as a separate test file, so that a mutant loads only the suites that reach it.

import { describe, inject, test } from "vitest";
import type { Cases } from "../support/scenes/certificates.ts";

export function runSuite(name: string, cases: Cases): void {
  describe(name, () => {
    for (const [title, run] of Object.entries(cases)) test(title, () => run(inject("fixtures")));
  });
}
