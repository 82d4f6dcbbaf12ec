// Tests the public types. Each export is in docs/api.md, has an explanation, and compiles in a program without the types of Node.

import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askShared } from "../support/ask-shared.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { compile, doorsOf, linkPackages, ROOT, readExports } from "./declarations.ts";
import { formatReport } from "./report.ts";

const stack = new AsyncDisposableStack();
let project: string;
let doors: ReadonlyMap<string, string>;

beforeAll(async () => {
  project = temporaryDirectory(stack);
  cpSync(await askShared("package"), join(project, "node_modules/countersign"), { recursive: true });
  doors = doorsOf(join(project, "node_modules/countersign"));
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const names = [...Object.keys(dependencies), "hono", "@types/node", "undici-types", "@cloudflare/workers-types"];
  linkPackages(project, ...names.map((name) => [name] as const));
  writeFileSync(join(project, "package.json"), '{"type":"module"}');
  cpSync(join(ROOT, "test/api/consumer"), project, { recursive: true });
  copyFileSync(join(ROOT, "policy.json"), join(project, "policy.json"));
  mkdirSync(join(project, "src"));
  writeFileSync(join(project, "jwks.json"), '{"keys":[]}');
  writeFileSync(join(project, "guard.ts"), codeOf("docs/hono.md", "countersign/hono"));
  writeFileSync(join(project, "src/index.ts"), codeOf("docs/start/cloudflare.md", "countersign/edge"));
});
afterAll(() => stack.disposeAsync());

/** Finds the first program in a document that imports `door`. Returns the code of this program. */
function codeOf(document: string, door: string): string {
  const programs = readFileSync(join(ROOT, document), "utf8").matchAll(/^```ts\n(.*?)^```$/gms);
  const found = Array.from(programs, ([, code = ""]) => code).find((code) => code.includes(`from "${door}"`));
  if (found === undefined) throw new Error(`${document} has no program that imports ${door}`);
  return found;
}

test("docs/api.md is the report of the exports (npm run api)", () => {
  expect(readFileSync(join(ROOT, "docs/api.md"), "utf8")).toBe(formatReport(doors));
});

test("the report names no type of Node", () => {
  const report = formatReport(doors).replace(/\/\*\*.*?\*\//gs, "");
  expect(report.match(/\b(?:Buffer|KeyObject|NodeJS|IncomingMessage|Socket|Readable)\b/g)).toBeNull();
});

test("every export is explained", () => {
  const exported = [...doors.values()].flatMap(readExports);
  expect(exported.length).toBeGreaterThan(50);
  expect(exported.filter(({ comment }) => comment === "").map(({ name }) => name)).toEqual([]);
});

const OPTIONS = { strict: true, skipLibCheck: false, noEmit: true, exactOptionalPropertyTypes: true };
const NODE = { module: "nodenext", target: "es2024", lib: ["es2024", "dom"], types: [] };
const WORKER = {
  module: "esnext",
  moduleResolution: "bundler",
  target: "es2024",
  lib: ["es2024"],
  types: ["@cloudflare/workers-types"],
  resolveJsonModule: true,
};

test.each([
  ["every door, with the types of the web alone", NODE, ["origin.ts", "edge.ts"]],
  [
    "the guard of docs/hono.md",
    { ...NODE, lib: ["es2024", "dom", "esnext.disposable"], types: ["node"] },
    ["guard.ts"],
  ],
  ["Workers, with Cloudflare's types alone", WORKER, ["worker.ts", "src/index.ts"]],
])("compiles under strict, with skipLibCheck off: %s", async (_, options, files) => {
  const config = join(project, `tsconfig.${files[0]}.json`);
  writeFileSync(config, JSON.stringify({ compilerOptions: { ...OPTIONS, ...options }, files }));
  await compile("-p", config);
});
