// The worker as it deploys: how large it is, of what, and what must not be in it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildBundle } from "../support/edge-bundle.ts";
import { createSenders } from "../support/senders.ts";
import { startWorkerd } from "../support/workerd.ts";

/** A tenth of a second to load on a slow line, and far below every limit of the platform. */
const MAX_GZIP_BYTES = 45 * 1024;

interface Import {
  readonly path: string;
  readonly kind: string;
}

interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly imports: readonly Import[]; readonly inputs: Record<string, { bytesInOutput: number }> }>
  >;
}

const stack = new AsyncDisposableStack();
let code: string;
let inputs: [path: string, bytes: number][];
let imports: readonly Import[];

beforeAll(async () => {
  const directory = await buildBundle(stack);
  code = readFileSync(join(directory, "index.js"), "utf8");
  const metafile = JSON.parse(readFileSync(join(directory, "bundle-meta.json"), "utf8")) as Metafile;
  const output = Object.entries(metafile.outputs).find(([path]) => path.endsWith("index.js"))?.[1];
  inputs = Object.entries(output?.inputs ?? {}).map(([path, { bytesInOutput }]) => [path, bytesInOutput]);
  imports = output?.imports ?? [];
});
afterAll(() => stack.disposeAsync());

/** The package of a dependency, the folder of our own. */
function partOf(path: string): string {
  const dependency = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
  return dependency ?? /(?:^|\/)(core|worker|origin|cli|test|bench)\/[^/]+$/.exec(path)?.[1] ?? path;
}

test("bundle stays within 45 KiB compressed", () => {
  const gzipBytes = gzipSync(code).byteLength;
  const parts = new Map<string, number>();
  for (const [path, bytes] of inputs) parts.set(partOf(path), (parts.get(partOf(path)) ?? 0) + bytes);
  const rows = [...parts].sort(([, a], [, b]) => b - a).map(([part, bytes]) => `${String(bytes).padStart(8)}  ${part}`);
  console.log(`bundle: ${code.length} bytes, ${gzipBytes} compressed; bytes by part:\n${rows.join("\n")}`);
  expect(rows.length).toBeGreaterThan(4);
  expect(gzipBytes).toBeLessThanOrEqual(MAX_GZIP_BYTES);
});

test("bundle is made of core, worker, and the policy with its mark", () => {
  const parts = inputs.map(([path]) => partOf(path).replace(/^.*\/(?=[^/]*\.json$)/, ""));
  expect([...new Set(parts)].sort()).toEqual(["core", "mark.json", "policy.json", "worker"]);
  // A policy is checked before it is deployed: the worker compiles what bears the mark of that.
  expect(inputs.filter(([path]) => /inspection|examination|remedies|policy-(?:schema|form)/.test(path))).toEqual([]);
});

test("bundle starts with no policy but the one that was checked", async () => {
  const { policy } = await createSenders();
  const deny = [{ sha256: "00".repeat(32) }];
  await expect(startWorkerd(stack, { ...policy, deny }, { edge: {} }, policy)).rejects.toThrow(
    /\/: is not the policy that `countersign policy check --mark` found sound/,
  );
});

test("bundle asks the runtime for crypto and buffers alone, and for zlib once it needs it", () => {
  const asked = new Set(imports.map(({ path, kind }) => `${kind} ${path.replace("node:", "")}`));
  expect([...asked].sort()).toEqual(["dynamic-import zlib", "import-statement buffer", "import-statement crypto"]);
  for (const name of ["cli/", "node:http", "node:fs", "node:sqlite", "child_process"]) expect(code).not.toContain(name);
});

test("bundle holds no key and no header of local tools", () => {
  expect(code).not.toMatch(/PRIVATE KEY|mf-cf-blob/i);
});
