// A worker that runs one core suite per request, one case after the other, in the same runtime as the edge.

import type { Fixtures } from "../support/fixtures/fixtures.ts";
import { suites } from "./suites.ts";

/** The cases of one suite, as Node lists them. If the worker does not have one of them, its result reports that. */
export interface SuiteRequest {
  readonly suite: string;
  readonly names: readonly string[];
}

export interface CaseResult {
  readonly passed: boolean;
  readonly message?: string;
}

/** The fixtures are sent once, in a PUT, because they have half a megabyte and there are a thousand cases. */
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
