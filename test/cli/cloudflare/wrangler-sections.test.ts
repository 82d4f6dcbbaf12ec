// wrangler.toml and the template's wrangler.jsonc contain some sections as comments. Tests that wrangler.toml can be deployed with
// each of these sections alone and with all of them, and that wrangler.jsonc can be deployed with all of them.

import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { unstable_readConfig } from "wrangler";
import { WRANGLER_TOML } from "../../support/edge-bundle.ts";
import { ROOT } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
const directory = temporaryDirectory(stack);
afterAll(() => stack.disposeAsync());

/** The worker is empty, because other tests check that the real worker can be built. */
writeFileSync(join(directory, "index.js"), "export default { fetch: () => new Response() };");

const TOML = readFileSync(WRANGLER_TOML, "utf8")
  .replace(/^\[build\]\n(?:.+\n)*/m, "")
  .replace(/^main = .*/m, 'main = "index.js"');
const JSONC = readFileSync(join(ROOT, "template/wrangler.jsonc"), "utf8")
  .replace(/^ *"build": \{[^}]*\},/m, "")
  .replace('"src/index.ts"', '"index.js"');

/** Matches the lines of a comment that are settings, and the lines after them that explain a setting. */
const TOML_SECTION = /(?:^# (?:\[\[|[A-Za-z_]+ = ).*\n(?:^# {4,}#.*\n)*)+/gm;
const JSONC_SECTION = /(?:^ *\/\/ +["{}\]].*\n)+/gm;

const sectionsOf = (text: string, section: RegExp): readonly string[] => text.match(section) ?? [];
const uncomment = (text: string, sections: readonly string[]) =>
  sections.reduce((now, section) => now.replace(section, () => section.replace(/^( *)(?:# |\/\/ )/gm, "$1")), text);
function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

/** Returns the output of a deployment that wrangler only simulates, with all warnings and errors. */
async function deployDry(config: string): Promise<string> {
  const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  const args = [wrangler, "deploy", "--dry-run", "--config", config];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
    cwd: directory,
    // An earlier test of `dev` may have set WRANGLER_LOG so that wrangler prints fewer lines.
    env: { ...process.env, WRANGLER_LOG: "log" },
  });
  return stdout + stderr;
}

const CRLS = /env\.CRLS .*KV Namespace/;
const QUEUE = /env\.EVENTS .*Queue/;
const DATASET = /env\.DECISIONS .*Analytics Engine Dataset/;
const BUCKET = /env\.BODIES .*R2 Bucket/;
const TOML_SECTIONS = [
  ["routes"],
  ["RETRY_SECONDS", /env\.RETRY_SECONDS /],
  ["kv_namespaces", CRLS],
  ["queues", QUEUE],
  ["r2_buckets", BUCKET],
  ["analytics_engine_datasets", DATASET],
] as const;

test("wrangler.toml: each section alone, and all together", async () => {
  const sections = sectionsOf(TOML, TOML_SECTION);
  expect(sections).toEqual(TOML_SECTIONS.map(([name]) => expect.stringMatching(`^# (\\[\\[)?${name}`)));
  const trials = [
    ...TOML_SECTIONS.map(([name, binding], index) => ({
      name,
      chosen: sections.slice(index, index + 1),
      bindings: [binding],
    })),
    { name: "all", chosen: sections, bindings: TOML_SECTIONS.map(([, binding]) => binding) },
  ];
  await Promise.all(
    trials.map(async ({ name, chosen, bindings }) => {
      const config = write(`${name}.toml`, uncomment(TOML, chosen));
      const told = await deployDry(config);
      expect(told).not.toMatch(/warning|error/i);
      for (const binding of bindings) if (binding !== undefined) expect(told).toMatch(binding);
      const { routes = [] } = unstable_readConfig({ config });
      expect(routes).toEqual(
        chosen.includes(sections[0] ?? "") ? [{ pattern: "hooks.example.com", custom_domain: true }] : [],
      );
    }),
  );
});

test("the template's wrangler.jsonc: all sections together", async () => {
  const sections = sectionsOf(JSONC, JSONC_SECTION);
  expect(sections).toHaveLength(4);
  const told = await deployDry(write("all.jsonc", uncomment(JSONC, sections)));
  expect(told).not.toMatch(/warning|error/i);
  for (const binding of [CRLS, QUEUE, BUCKET, DATASET]) expect(told).toMatch(binding);
});
