// A worker that runs one case of the core suite per request, in the runtime that the edge has.

import type { Fixtures } from "./fixtures.ts";
import { suites } from "./suites.ts";

export interface CaseRequest {
  readonly suite: string;
  readonly name: string;
  readonly fixtures: Fixtures;
}

export interface CaseResult {
  readonly passed: boolean;
  readonly message?: string;
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { suite, name, fixtures } = (await request.json()) as CaseRequest;
    return Response.json(await runCase(suite, name, fixtures));
  },
};

async function runCase(suite: string, name: string, fixtures: Fixtures): Promise<CaseResult> {
  const run = suites[suite]?.[name];
  if (run === undefined) return { passed: false, message: "no such case in the worker" };
  try {
    await run(fixtures);
    return { passed: true };
  } catch (error) {
    return { passed: false, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
