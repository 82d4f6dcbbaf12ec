// A worker that runs one case of the core suite per request, in the runtime that the edge has.

import type { Fixtures } from "./fixtures.ts";
import { suites } from "./suites.ts";

export interface CaseRequest {
  readonly suite: string;
  readonly name: string;
}

export interface CaseResult {
  readonly passed: boolean;
  readonly message?: string;
}

/** Sent once, in a PUT: they are half a megabyte, and there are a thousand cases. */
let fixtures: Fixtures | undefined;

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method === "PUT") {
      fixtures = (await request.json()) as Fixtures;
      return new Response();
    }
    const { suite, name } = (await request.json()) as CaseRequest;
    return Response.json(await runCase(suite, name));
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
