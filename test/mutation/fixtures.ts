// Makes the certificates of the core suites once for a whole run of the mutation tester.

import type { TestProject } from "vitest/node";
import { type Fixtures, makeFixtures } from "../support/fixtures/fixtures.ts";

export default async function setup(project: TestProject): Promise<void> {
  project.provide("fixtures", await makeFixtures());
}

declare module "vitest" {
  interface ProvidedContext {
    fixtures: Fixtures;
  }
}
