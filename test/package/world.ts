// Makes the package as it would be published, and installs it into folders. Nothing is taken from the folder node_modules of this
// repository.

import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Finished } from "../support/running.ts";
import { ROOT } from "../support/running.ts";

/**
 * Runtimes in addition to the one that runs the tests. The two Node versions need aliases, because both are versions of the package
 * `node`.
 */
const RUNTIMES = {
  node22: "npm:node@22.23.3",
  node24: "npm:node@24.21.0",
  bun: "1.4.5",
  deno: "2.9.6",
} as const;

/** Runs a program until it ends. An exit code other than 0 is not an error here. */
export async function runIn(folder: string, file: string, ...args: readonly string[]): Promise<Finished> {
  const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024, timeout: 290_000 };
  return await promisify(execFile)(file, args, options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout = "", stderr = "" }: { code: unknown; stdout?: string; stderr?: string }) => ({
      code: typeof code === "number" ? code : -1,
      stdout,
      stderr,
    }),
  );
}

/** Runs npm. Returns its output. @throws Error if npm fails */
export async function npm(folder: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runIn(folder, "npm", ...args);
  if (code !== 0) throw new Error(`npm ${args.join(" ")}: ${code}\n${stdout}\n${stderr}`);
  return stdout;
}

/** Builds and packs the package. Returns the path of the tarball. */
export async function pack(folder: string): Promise<string> {
  await npm(ROOT, "pack", "--silent", "--pack-destination", folder);
  const [tarball] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  if (tarball === undefined) throw new Error("npm pack made no tarball");
  return join(folder, tarball);
}

/** Makes a project in which only these packages are installed. */
export async function install(folder: string, ...packages: readonly string[]): Promise<void> {
  mkdirSync(folder);
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "project", version: "1.0.0", private: true, type: "module" }),
  );
  await npm(folder, "install", "--no-audit", "--no-fund", ...packages);
}

/** Installs the runtimes. Returns the command line with which each runtime runs a module. The runtime of the tests is included. */
export async function installRuntimes(folder: string): Promise<Record<string, readonly string[]>> {
  await install(folder, ...Object.entries(RUNTIMES).map(([name, version]) => `${name}@${version}`));
  const program = (path: string) => join(folder, "node_modules", path);
  return {
    "Node 22": [program("node22/bin/node")],
    "Node 24": [program("node24/bin/node")],
    "Node 26": [process.execPath],
    Bun: [program(".bin/bun")],
    Deno: [program(".bin/deno"), "run", "-A"],
  };
}

/** Returns the size in octets of all files below a folder. */
export function bytesOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
