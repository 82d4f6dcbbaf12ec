// A fault of the configuration. It lists every problem at once, each with its place.

import type * as v from "valibot";

/**
 * The configuration cannot be used: a policy, keys, secrets, options, an address, or the runtime. The message lists every
 * problem.
 */
export class ConfigurationError extends Error {
  /** One text for each problem, beginning with the JSON pointer of its place. Holds no secret value. */
  readonly problems: readonly string[];

  constructor(subject: string, problems: readonly string[]) {
    const list = problems.map((problem) => `\n  - ${problem}`).join("");
    super(`${subject}: ${problems.length === 1 ? problems[0] : `${problems.length} problems${list}`}`);
    this.name = "ConfigurationError";
    this.problems = problems;
  }
}

/** A place in a document, as the members of a JSON pointer. */
export type Place = readonly (string | number)[];

/** What the form of any value can lack. A % stands for what must be there. */
export const FORM_PROBLEMS = {
  unknown_member: "is no member that is known here",
  missing: "is missing",
  empty: "must not be empty",
  wrong_kind: "must be %",
} as const;

/** What a schema complains of: `code` is one of FORM_PROBLEMS, or the message that the schema gives. */
interface FormProblem {
  readonly at: Place;
  readonly code: string;
  readonly detail?: string | undefined;
}

/** The problems of a failed schema check. Replaces the library's own messages, because they quote the value. */
export function describeIssues(issues: readonly v.BaseIssue<unknown>[]): string[] {
  const words: Readonly<Record<string, string>> = FORM_PROBLEMS;
  return readIssues(issues).map(
    ({ at, code, detail }) => `${formatPointer(at)}: ${formatWords(words[code] ?? code, detail)}`,
  );
}

/** Words with the detail in the place of the %. */
export function formatWords(words: string, detail = ""): string {
  return words.replace("%", () => detail);
}

/** The same problems, each with its place and what it is. */
export function readIssues(issues: readonly v.BaseIssue<unknown>[], parent: Place = []): FormProblem[] {
  return issues.flatMap((issue) => {
    const at = [...parent, ...(issue.path?.map(({ key }) => key as string | number) ?? [])];
    // If a value may have one of several forms, only the problems of the form whose shape it has, if there is one.
    const forms = issue.issues ?? [];
    const inside = forms.filter((form) => form.path !== undefined);
    if (inside.length > 0 && inside.length < forms.length) return readIssues(inside, at);
    return [{ at, ...readIssue(issue) }];
  });
}

function readIssue({ type, message, expected, received }: v.BaseIssue<unknown>): Omit<FormProblem, "at"> {
  if (expected === "never") return { code: "unknown_member" };
  if (received === "undefined") return { code: "missing" };
  if (!message.startsWith("Invalid")) return { code: message };
  return /^min_(length|entries)$/.test(type) ? { code: "empty" } : { code: "wrong_kind", detail: String(expected) };
}

/** The member names of a JSON pointer (RFC 6901). */
export function parsePointer(pointer: string): string[] {
  const members = pointer.split("/").slice(1);
  return members.map((member) => member.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Writes a JSON pointer (RFC 6901). The whole document is "/", not the empty text. */
export function formatPointer(path: readonly unknown[]): string {
  return `/${path.map((key) => String(key).replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`;
}
