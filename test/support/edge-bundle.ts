// Builds the bundle of the worker exactly as a deployment does, with wrangler itself.

import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryDirectory } from "./temporary.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const WRANGLER_TOML = join(ROOT, "wrangler.toml");

/** Builds the bundle. Resolves to the directory that contains the bundle's index.js. */
export async function buildBundle(
  stack: AsyncDisposableStack,
  policyFile = join(ROOT, "policy.json"),
): Promise<string> {
  const directory = temporaryDirectory(stack);
  // Removes the check of the policy that runs before each build. The check takes a second, and some tests build policies that would
  // fail it.
  const moved = readFileSync(WRANGLER_TOML, "utf8")
    .replace(/^\[build\]\n(?:.+\n)*/m, "")
    .replace('main = "worker/', `main = "${ROOT}worker/`)
    .replace('"countersign:policy" = "./policy.json"', `"countersign:policy" = "${policyFile}"`);
  const config = join(directory, "wrangler.toml");
  writeFileSync(config, moved);
  const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  const args = ["deploy", "--dry-run", "--config", config, "--outdir", join(directory, "out"), "--metafile"];
  await promisify(execFile)(process.execPath, [wrangler, ...args], { cwd: ROOT });
  return join(directory, "out");
}
