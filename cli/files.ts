// Files that the commands read: JSON, PEM, secrets.

import { readFileSync } from "node:fs";
import { ConfigurationError } from "../core/configuration-error.ts";
import { UsageError } from "./command.ts";
import { findRepeatedMembers, formatPosition, JsonSyntaxError, parseJson, type RepeatedMember } from "./json-text.ts";

/** @throws UsageError that names the file */
export function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * Reads strict JSON in which no member is written twice. The content is not quoted, it may be a secret.
 * @throws UsageError that names the file, ConfigurationError that lists the repeated members
 */
export function readJson(file: string): unknown {
  const text = readText(file);
  const value = parseFile(file, text);
  const repeated = findRepeatedMembers(text);
  if (repeated.length > 0) {
    const problems = repeated.map((member) => `${member.pointer}: ${file}: ${describeRepeated(member)}`);
    throw new ConfigurationError(file, problems);
  }
  return value;
}

/** @throws UsageError that names the file */
export function parseFile(file: string, text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new UsageError(`${file} is not JSON: ${error.message}`);
    throw error;
  }
}

/** JSON.parse takes the last one without a word, and so would the edge. */
export function describeRepeated(member: RepeatedMember): string {
  return `is written a second time at ${formatPosition(member)}: remove one of them`;
}

export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The text of a secret that the policy names: environment variables hold them at an origin and in `dev`. */
export function readEnvironment(name: string): string | undefined {
  return process.env[name];
}
