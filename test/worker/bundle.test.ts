// Tests the worker as it is deployed: its size, the code that it contains, and the code that it must not contain.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { buildBundle } from "../support/edge-bundle.ts";
import { startWorkerd } from "../support/workerd.ts";

/**
 * The maximum size of the compressed bundle. A slow network connection transfers this size in a tenth of a second. The limits of
 * the platform are much higher.
 */
const MAX_GZIP_BYTES = 50 * 1024;

interface Metafile {
  readonly outputs: Readonly<
    Record<
      string,
      { readonly imports: readonly { path: string }[]; readonly inputs: Record<string, { bytesInOutput: number }> }
    >
  >;
}

const SIGNING: PolicyDocument["senders"][string] = { signature: { scheme: "github", secrets: ["ACME_KEY"] } };

const stack = new AsyncDisposableStack();
let code: string;
let inputs: [path: string, bytes: number][];
let imports: string[];

beforeAll(async () => {
  const directory = await buildBundle(stack);
  code = readFileSync(join(directory, "index.js"), "utf8");
  const metafile = JSON.parse(readFileSync(join(directory, "bundle-meta.json"), "utf8")) as Metafile;
  const output = Object.entries(metafile.outputs).find(([path]) => path.endsWith("index.js"))?.[1];
  inputs = Object.entries(output?.inputs ?? {}).map(([path, { bytesInOutput }]) => [path, bytesInOutput]);
  imports = (output?.imports ?? []).map(({ path }) => path);
});
afterAll(() => stack.disposeAsync());

/** Returns the name of the dependency, or the top folder for a file of this project. */
function partOf(path: string): string {
  const dependency = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
  return dependency ?? /(?:^|\/)(core|worker|origin|cli|test|bench)\/(?:[\w-]+\/)*[\w.-]+$/.exec(path)?.[1] ?? path;
}

test("bundle stays within 50 KiB compressed", () => {
  const gzipBytes = gzipSync(code).byteLength;
  const parts = new Map<string, number>();
  for (const [path, bytes] of inputs) parts.set(partOf(path), (parts.get(partOf(path)) ?? 0) + bytes);
  const rows = [...parts].sort(([, a], [, b]) => b - a).map(([part, bytes]) => `${String(bytes).padStart(8)}  ${part}`);
  console.log(`bundle: ${code.length} bytes, ${gzipBytes} compressed; bytes by part:\n${rows.join("\n")}`);
  expect(rows.length).toBeGreaterThan(2);
  expect(gzipBytes).toBeLessThanOrEqual(MAX_GZIP_BYTES);
});

test("bundle is made of core and worker", () => {
  const parts = new Set(inputs.map(([path]) => partOf(path)));
  expect([...parts]).toEqual(expect.arrayContaining(["core", "worker"]));
  for (const stranger of [
    "cli",
    "origin",
    "test",
    "bench",
    "hono",
    "@hono/node-server",
    "wrangler",
    "reflect-metadata",
    "asn1js",
    "@peculiar/asn1-schema",
    "jsonc-parser",
    "jose",
    "valibot",
  ]) {
    expect([...parts]).not.toContain(stranger);
  }
  // The worker must not contain code that inspects a policy before its deployment, or that explains log lines.
  expect(inputs.filter(([path]) => /inspection|examination|remedies|words/.test(path))).toEqual([]);
});

test("bundle asks the runtime for crypto, buffers and zlib alone", () => {
  expect([...new Set(imports)].filter((path) => !/^(node:)?(crypto|buffer|zlib)$/.test(path))).toEqual([]);
  for (const name of ["cli/", "node:http", "node:fs", "node:sqlite", "child_process"]) expect(code).not.toContain(name);
});

test("bundle holds no key and no header of local tools", () => {
  expect(code).not.toMatch(/PRIVATE KEY|mf-cf-blob/i);
});

test("a policy that does not compile starts no worker, and the error names every code and place", async () => {
  const routes: PolicyDocument["routes"] = { "/hooks/*/acme": { senders: ["nobody"], methods: ["POST"] } };
  const policy: PolicyDocument = { anchors: {}, senders: { acme: {} }, routes };
  const started = startWorkerd(stack, policy, { edge: {} });
  await expect(started).rejects.toThrow(/^workerd ended: .*policy: \/senders\/acme: no_factor/s);
  const unfit = startWorkerd(stack, { ...policy, senders: { acme: SIGNING } }, { edge: {} });
  await expect(unfit).rejects.toThrow(/\/routes\/~1hooks~1\*~1acme: star_within/);
});
