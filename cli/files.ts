// Files that the commands read and write: JSON, PEM, and secrets that nobody else may read.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { UsageError } from "./command.ts";

/** @throws UsageError that names the file */
export function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

/** @throws UsageError that names the file; the content is not quoted, it may be a secret */
export function readJson(file: string): unknown {
  const text = readText(file);
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${file} is not JSON`);
  }
}

/** Replaces the file in one step, readable by its owner alone when it holds a secret. */
export function writeWhole(file: string, content: string, mode: 0o600 | 0o644 = 0o644): void {
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, content, { mode });
  renameSync(draft, file);
}

export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The text of a secret that the policy names: environment variables hold them at an origin and in `dev`. */
export function readEnvironment(name: string): string | undefined {
  return process.env[name];
}
