// Runs the cases of the core suites inside a worker on workerd. The cases are the same as in Node.

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "vitest";
import { createTestHarness } from "wrangler";
import { askShared } from "../support/ask-shared.ts";
import { suites } from "./suites.ts";
import type { CaseResult, SuiteRequest } from "./workerd-entry.ts";

const main = fileURLToPath(new URL("workerd-entry.ts", import.meta.url));
const harness = createTestHarness({
  workers: [{ config: { name: "core-suite", main, compatibility_date: "2026-10-01" } }],
});

beforeAll(async () => {
  const [fixtures] = await Promise.all([askShared("fixtures"), harness.listen()]);
  await harness.fetch("/", { method: "PUT", body: JSON.stringify(fixtures) });
});
afterAll(() => harness.close());

/** Runs a whole suite in one request, because one request for each of a thousand cases takes longer than the cases themselves. */
async function runSuite(request: SuiteRequest): Promise<Readonly<Record<string, CaseResult>>> {
  const response = await harness.fetch("/", { method: "POST", body: JSON.stringify(request) });
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  return (await response.json()) as Record<string, CaseResult>;
}

describe.each(Object.entries(suites))("%s in workerd", (suite, cases) => {
  const names = Object.keys(cases);
  let results: Readonly<Record<string, CaseResult>>;
  beforeAll(async () => {
    results = await runSuite({ suite, names });
  });

  test.each(names)("%s", (name) => {
    const { passed, message } = results[name] ?? { passed: false, message: "the worker says nothing of it" };
    if (!passed) throw new Error(message);
  });
});
