// Makes the objects that all test files of a run share, because each takes a second of CPU time or more. An object is made when the
// first test file asks for it.

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
  /** The folder that contains the package as it is published. */
  readonly package: string;
  readonly fixtures: Fixtures;
  readonly corpus: Awaited<ReturnType<typeof makeCorpus>>;
  /** The URL of an empty database. Each request for this member makes a new database on the same PostgreSQL server. */
  readonly database: string;
}

export interface SharedBundle {
  /** The directory that contains index.js. In index.js, POLICY_PLACE occurs exactly once. */
  readonly directory: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
}

/**
 * The text that is built into the bundle instead of a policy. Each test replaces this text by its own policy. The bundler copies
 * the text unchanged, because the bundle's policy is then a JSON file that contains only this string.
 */
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
    // Node closes an idle connection after 5 s. If a test sent a request on such a connection at that moment, it would get no
    // response.
    outgoing.setHeader("connection", "close");
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

/** The settings of the PostgreSQL server. Nothing has to be synced to the disk, because no test kills this server. */
const SETTINGS = { fsync: "off", full_page_writes: "off", max_connections: "300" };

async function build(stack: AsyncDisposableStack): Promise<SharedBundle> {
  return {
    directory: await buildBundle(stack, temporaryJson(stack, POLICY_PLACE)),
    compatibilityDate: readSetting("compatibility_date") as string,
    compatibilityFlags: readSetting("compatibility_flags") as string[],
  };
}

/**
 * Reads a setting of wrangler.toml whose value is valid JSON. Does not run wrangler, because a run takes a second.
 * @throws SyntaxError if the setting is missing
 */
function readSetting(name: string): unknown {
  const text = readFileSync(WRANGLER_TOML, "utf8");
  return JSON.parse(new RegExp(`^${name} = (.*)$`, "m").exec(text)?.[1] ?? "");
}

declare module "vitest" {
  interface ProvidedContext {
    /** The URL of the server for the shared objects. ask-shared.ts uses it. */
    shared: string;
  }
}
