// Makes the objects that all test files of a run share. Each costs a second of CPU time or more. It is made when the first file
// asks for it.

import { readFileSync } from "node:fs";
import type { TestProject } from "vitest/node";
import { buildPackage } from "../api/declarations.ts";
import type { makeCorpus } from "../conformance/corpus.ts";
import { buildBundle, WRANGLER_TOML } from "./edge-bundle.ts";
import type { Fixtures } from "./fixtures/fixtures.ts";
import { listen } from "./http.ts";
import { startPostgres } from "./postgres.ts";
import { temporaryDirectory, temporaryJson } from "./temporary.ts";

export interface Shared {
  readonly bundle: SharedBundle;
  /** The folder of the package as it is published. */
  readonly package: string;
  readonly fixtures: Fixtures;
  readonly corpus: Awaited<ReturnType<typeof makeCorpus>>;
  /** The URL of a new database. */
  readonly database: string;
}

export interface SharedBundle {
  /** The directory of index.js, which holds POLICY_PLACE once. */
  readonly directory: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
}

/** Is built into the bundle instead of a policy. It is a JSON document, so the bundle contains it unchanged. */
export const POLICY_PLACE = "countersign: here is the policy of a test";

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const stack = new AsyncDisposableStack();
  const postgres = once(() => startPostgres(stack, SETTINGS));
  const makers: { readonly [Name in keyof Shared]: () => Promise<Shared[Name]> } = {
    bundle: once(() => build(stack)),
    package: once(() => buildPackage(temporaryDirectory(stack))),
    fixtures: once(async () => (await import("./fixtures/fixtures.ts")).makeFixtures()),
    corpus: once(async () => (await import("../conformance/corpus.ts")).makeCorpus()),
    database: async () => (await postgres()).createDatabase(),
  };
  const url = await listen(stack, (incoming, outgoing) => {
    makers[incoming.url?.slice(1) as keyof Shared]().then(
      (made) => outgoing.end(JSON.stringify(made)),
      (error: Error) => outgoing.writeHead(500).end(error.stack),
    );
  });
  project.provide("shared", url);
  return () => stack.disposeAsync();
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** No test kills this server, so nothing has to be written to the disk. */
const SETTINGS = { fsync: "off", full_page_writes: "off", max_connections: "300" };

async function build(stack: AsyncDisposableStack): Promise<SharedBundle> {
  return {
    directory: await buildBundle(stack, temporaryJson(stack, POLICY_PLACE)),
    compatibilityDate: readSetting("compatibility_date") as string,
    compatibilityFlags: readSetting("compatibility_flags") as string[],
  };
}

/** Reads a setting of wrangler.toml whose value is valid JSON. Asking wrangler takes a second. @throws SyntaxError if it is missing */
function readSetting(name: string): unknown {
  const text = readFileSync(WRANGLER_TOML, "utf8");
  return JSON.parse(new RegExp(`^${name} = (.*)$`, "m").exec(text)?.[1] ?? "");
}

declare module "vitest" {
  interface ProvidedContext {
    /** The URL of the server for shared things: see ask-shared.ts. */
    shared: string;
  }
}
