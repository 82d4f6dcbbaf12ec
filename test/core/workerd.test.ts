// The core suite in workerd: the same cases, run by a worker.

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "vitest";
import { createTestHarness } from "wrangler";
import { makeFixtures } from "./fixtures.ts";
import { suites } from "./suites.ts";
import type { CaseRequest, CaseResult } from "./workerd-entry.ts";

const main = fileURLToPath(new URL("workerd-entry.ts", import.meta.url));
const harness = createTestHarness({
  workers: [{ config: { name: "core-suite", main, compatibility_date: "2026-10-01" } }],
});

beforeAll(async () => {
  const [fixtures] = await Promise.all([makeFixtures(), harness.listen()]);
  await harness.fetch("/", { method: "PUT", body: JSON.stringify(fixtures) });
});
afterAll(() => harness.close());

async function runCase(suite: string, name: string): Promise<void> {
  const body = JSON.stringify({ suite, name } satisfies CaseRequest);
  const response = await harness.fetch("/", { method: "POST", body });
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  const { passed, message } = (await response.json()) as CaseResult;
  if (!passed) throw new Error(message);
}

describe.each(Object.entries(suites))("%s in workerd", (suite, cases) => {
  test.each(Object.keys(cases))("%s", (name) => runCase(suite, name));
});
