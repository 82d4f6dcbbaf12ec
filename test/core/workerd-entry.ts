// A worker that runs one core suite per request, one case after another. It runs in workerd, as the edge does.

import type { Fixtures } from "../support/fixtures/fixtures.ts";
import { suites } from "./suites.ts";

/**
 * The name of a suite and the names of its cases, as Node lists them. If the worker lacks a case, the result for this case is an
 * error.
 */
export interface SuiteRequest {
  readonly suite: string;
  readonly names: readonly string[];
}

export interface CaseResult {
  readonly passed: boolean;
  readonly message?: string;
}

/** The fixtures have half a megabyte. They are sent only once, in a PUT request, and not again with each suite. */
let fixtures: Fixtures | undefined;

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method === "PUT") {
      fixtures = (await request.json()) as Fixtures;
      return new Response();
    }
    const { suite, names } = (await request.json()) as SuiteRequest;
    const results: Record<string, CaseResult> = {};
    for (const name of names) results[name] = await runCase(suite, name);
    return Response.json(results);
  },
};

async function runCase(suite: string, name: string): Promise<CaseResult> {
  const run = suites[suite]?.[name];
  if (run === undefined) return { passed: false, message: "no such case in the worker" };
  if (fixtures === undefined) return { passed: false, message: "the worker has no fixtures" };
  try {
    await run(fixtures);
    return { passed: true };
  } catch (error) {
    return { passed: false, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
