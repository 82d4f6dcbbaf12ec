// Makes one change of a policy file, in the same way for every command. Reads the file, changes its text, compiles the result, and
// shows the change. The file is written only if the result compiles.

import { existsSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { diff } from "node:util";
import type { Policy } from "../../core/policy/policy.ts";
import { systemClock } from "../../origin/clock.ts";
import { FileProblems } from "../../origin/problems.ts";
import { UsageError } from "../command.ts";
import { formatJson, parseJsonFile, readText } from "../files/files.ts";
import { rewriteJson } from "../files/json-edit.ts";
import { packageFolder } from "../files/package-folder.ts";
import { writeWhole } from "../files/write.ts";
import { examinePolicy } from "./check/examine.ts";
import { type Finding, formatFinding, isFatal } from "./check/finding.ts";
import { requirePolicyDocument } from "./contents.ts";
import { type PolicyDraft, readDraft } from "./draft.ts";

/** The options of every command that changes a policy. */
export const EDIT_OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  "dry-run": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

/** A change of a policy file, before it is written. */
export interface PolicyEdit {
  readonly file: string;
  readonly isNew: boolean;
  /** The texts before and after the change. `before` is empty for a new file. */
  readonly before: string;
  readonly after: string;
  /** The changed document. */
  readonly document: PolicyDraft;
  readonly policy: Policy;
  readonly findings: readonly Finding[];
}

/**
 * Returns the file to change. In the repository of Countersign, policy.json is an example. There, the user must name the file.
 * @throws UsageError
 */
export function fileToChange({ policy }: { readonly policy: string }, given: ReadonlySet<string>): string {
  if (!given.has("policy") && realpathSync(resolve(".")) === realpathSync(packageFolder()))
    throw new UsageError(
      `this is the checkout of Countersign, whose ${policy} belongs to its repository: name your own with --policy FILE, or this one with --policy ${policy}`,
    );
  return policy;
}

/**
 * Returns an empty policy that names the schema of the installed package. The policy names no schema if the package is not
 * installed in this folder.
 */
function emptyPolicy(folder: string): object {
  const schema = "./node_modules/countersign/policy.schema.json";
  return existsSync(join(folder, schema)) ? { $schema: schema } : {};
}

/**
 * Changes a policy file, or creates one, in memory.
 * @throws UsageError, FileProblems that lists the reasons why the result would not compile
 */
export function editPolicy(file: string, change: (draft: PolicyDraft) => void, mayStart = false): PolicyEdit {
  const isNew = mayStart && !existsSync(file);
  const before = isNew ? "" : readText(file);
  const start = isNew ? formatJson(emptyPolicy(dirname(file))) : before;
  const parsed = parseJsonFile(file, start);
  requirePolicyDocument(file, parsed);
  const document = readDraft(file, parsed);
  change(document);
  const { policy, findings } = examinePolicy(document, systemClock());
  const fatal = findings.filter(isFatal);
  if (policy === undefined || fatal.length > 0)
    throw new FileProblems(
      `${file} would have problems after this change, so nothing was written`,
      fatal.map(formatFinding),
    );
  return { file, isNew, before, after: rewriteJson(start, document), document, policy, findings };
}

/** Writes the change, unless nothing changed or it is a dry run. @returns whether the file was written */
export function writeEdit({ file, before, after }: PolicyEdit, isDryRun: boolean): boolean {
  const isWritten = !isDryRun && before !== after;
  if (isWritten) writeWhole(file, after);
  return isWritten;
}

/** Describes the change of the file for people: one line, and the differences. */
export function formatEdit(edit: PolicyEdit, isDryRun: boolean): string[] {
  const { file, isNew, before, after } = edit;
  if (before === after) return [`${file} says so already: nothing was changed`];
  const what = isNew ? "is new" : "changes";
  return [isDryRun ? `${file} ${what}; nothing was written (--dry-run):` : `${file} written:`, ...changesOf(edit)];
}

/** Describes the change of the file for programs. */
export function describeEdit(edit: PolicyEdit, isDryRun: boolean) {
  return { file: edit.file, written: !isDryRun && edit.before !== edit.after, changes: changesOf(edit) };
}

/** The number of unchanged lines that are shown before and after a change. */
const CONTEXT_LINES = 2;

/** Returns the removed lines with -, the added lines with +, and the unchanged lines around them. */
function changesOf({ before, after }: PolicyEdit): string[] {
  const lines = compareLines(linesOf(before), linesOf(after));
  const isNear = lines.map((_, index) =>
    lines.slice(Math.max(0, index - CONTEXT_LINES), index + CONTEXT_LINES + 1).some(({ sign }) => sign !== " "),
  );
  return lines.flatMap(({ sign, text }, index) => {
    if (!isNear[index]) return [];
    const isGap = index > 0 && !isNear[index - 1];
    return [...(isGap ? ["  …"] : []), `${sign} ${shorten(text, firstDifference(lines, index))}`];
  });
}

const SHOWN_CHARACTERS = 160;

/** Cuts a long line to the part that differs, because a certificate is one line of 2,000 characters. */
function shorten(text: string, difference: number): string {
  if (text.length <= SHOWN_CHARACTERS) return text;
  const from = Math.max(0, Math.min(difference - SHOWN_CHARACTERS / 2, text.length - SHOWN_CHARACTERS));
  const to = from + SHOWN_CHARACTERS;
  return `${from > 0 ? "…" : ""}${text.slice(from, to)}${to < text.length ? "…" : ""}`;
}

/** Returns the position of the first difference between a removed line and the added line after it. 0 if there is no such pair. */
function firstDifference(lines: readonly ComparedLine[], index: number): number {
  const line = lines[index];
  const other = line?.sign === "-" ? lines[index + 1] : lines[index - 1];
  if (line === undefined || other === undefined || line.sign === " " || other.sign === line.sign) return 0;
  if (other.sign === " ") return 0;
  let at = 0;
  while (at < line.text.length && line.text[at] === other.text[at]) at += 1;
  return at;
}

interface ComparedLine {
  readonly sign: "-" | "+" | " ";
  readonly text: string;
}

/**
 * Compares two lists of lines. Equal lines at the beginning and at the end are not passed to diff(), because diff() is slow for
 * long texts.
 */
function compareLines(before: readonly string[], after: readonly string[]): ComparedLine[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  const most = Math.min(before.length, after.length) - head;
  while (tail < most && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const same = (lines: readonly string[]) => lines.map((text): ComparedLine => ({ sign: " ", text }));
  const middle = diff(before.slice(head, before.length - tail), after.slice(head, after.length - tail));
  return [
    ...same(before.slice(0, head)),
    ...middle.map(([operation, text]): ComparedLine => ({ sign: signOf(operation), text })),
    ...same(before.slice(before.length - tail)),
  ];
}

/** Returns the sign of a compared line. `diff()` returns a positive number for a line that only the first list has. */
function signOf(operation: number): ComparedLine["sign"] {
  if (operation === 0) return " ";
  return operation > 0 ? "-" : "+";
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
}
