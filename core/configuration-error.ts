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

/** The problems of a failed schema check. Replaces the library's own messages, because they quote the value. */
export function describeIssues(issues: readonly v.BaseIssue<unknown>[]): string[] {
  return issues.flatMap((issue) => describeIssue(issue, []));
}

/** If a value may have one of several forms, reports only the problems of the form whose shape it has, if there is one. */
function describeIssue(issue: v.BaseIssue<unknown>, parent: readonly unknown[]): string[] {
  const path = [...parent, ...(issue.path?.map(({ key }) => key) ?? [])];
  const forms = issue.issues ?? [];
  const inside = forms.filter((form) => form.path !== undefined);
  if (inside.length > 0 && inside.length < forms.length) return inside.flatMap((form) => describeIssue(form, path));
  return [`${formatPointer(path)}: ${describe(issue)}`];
}

function describe({ message, expected, received }: v.BaseIssue<unknown>): string {
  if (expected === "never") return "is no member that is known here";
  if (received === "undefined") return "is missing";
  return message.startsWith("Invalid") ? `must be ${expected}` : message;
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
