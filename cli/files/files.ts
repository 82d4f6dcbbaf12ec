// Reads the files of commands: bytes, text, JSON.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf } from "../../core/failure-chain.ts";
import { binaryContents, describeContents, nameUtf16, readContents, withoutMark } from "../../origin/contents/file.ts";
import { readBoundedFile } from "../../origin/node/bounded-file.ts";
import { FileProblems } from "../../origin/problems.ts";
import { shellWord } from "../../origin/shell-word.ts";
import { UsageError } from "../command.ts";
import { findRepeatedMembers, formatPosition, JsonSyntaxError, parseJson, type RepeatedMember } from "./json-text.ts";

/** The largest size of a file. It is more than the size of any policy, key set or CA bundle. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
/**
 * The largest size of a file with a body. It is more than a route may accept, so that a user can see the refusal of a body that is
 * too large.
 */
export const MAX_BODY_FILE_BYTES = 64 * 1024 * 1024;
/** The largest size of a log. It is limited, because a log is read into memory as one text and then split into lines. */
export const MAX_LOG_FILE_BYTES = 256 * 1024 * 1024;

/** @throws UsageError that names the file, also if the file is larger than `maxBytes` */
export function readBytes(file: string, maxBytes = MAX_FILE_BYTES): Buffer {
  try {
    return readBoundedFile(file, maxBytes);
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${messageOf(error)}${findElsewhere(file)}`);
  }
}

/**
 * Returns a hint if the file is in the folder in which the user called npm. npm runs a script in the folder of package.json, and
 * INIT_CWD contains the user's folder.
 */
export function findElsewhere(file: string): string {
  const folder = process.env["INIT_CWD"];
  if (folder === undefined || existsSync(file)) return "";
  const elsewhere = resolve(folder, file);
  return existsSync(elsewhere) ? `; npm runs it in ${process.cwd()}, and you may mean ${shellWord(elsewhere)}` : "";
}

/** Reads UTF-8 text, and drops the byte order mark that some editors write. @throws UsageError that names the file */
export function readText(file: string, maxBytes?: number): string {
  const bytes = readBytes(file, maxBytes);
  const utf16 = nameUtf16(bytes);
  if (utf16 !== undefined)
    throw new UsageError(
      `${file} is text in UTF-16: iconv -f ${utf16} -t UTF-8 ${shellWord(file)} > converted, and use the file converted`,
    );
  const binary = binaryContents(bytes);
  if (binary !== undefined) {
    const isPacked = binary.some(({ kind }) => kind === "compressed");
    const remedy = isPacked
      ? `unpack it first, as gzip -dc ${shellWord(file)} does, and give that`
      : "give another file";
    throw new UsageError(`${file} is no text, but ${describeContents(binary)}: ${remedy}`);
  }
  return withoutMark(bytes.toString("utf8"));
}

/**
 * Reads strict JSON without repeated members. Messages do not quote the content, because it may be a secret.
 * @throws UsageError that names the file, FileProblems that lists the repeated members
 */
export function readJson(file: string): unknown {
  return parseJsonFile(file, readText(file));
}

/** Does the same as `readJson`, with a text that was already read. */
export function parseJsonFile(file: string, text: string): unknown {
  const value = parseFile(file, text);
  const repeated = findRepeatedMembers(text);
  if (repeated.length > 0) {
    const problems = repeated.map((member) => `${member.pointer}: ${describeRepeated(member)}`);
    throw new FileProblems(file, problems);
  }
  return value;
}

/** @throws UsageError that names the file */
export function parseFile(file: string, text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const items = readContents(Buffer.from(text));
    const isKnown = items.some(({ kind }) => kind !== "json" && kind !== "other");
    const what = isKnown ? describeContents(items) : text.includes("\0") ? "something binary" : undefined;
    throw new UsageError(`${file} is not JSON: ${error.message}${what === undefined ? "" : ` (it holds ${what})`}`);
  }
}

/** A repeated member is an error, because JSON.parse would silently use the last one, here and at the edge. */
export function describeRepeated(member: RepeatedMember): string {
  return `is written a second time at ${formatPosition(member)}: remove one of them`;
}

export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
