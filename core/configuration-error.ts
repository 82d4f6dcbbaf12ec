// A fault in the configuration, told as a list: every problem at once, each with its place.

import type * as v from "valibot";

/** What was configured cannot be used: a policy, keys, secrets, options, an address, the runtime. Its message lists every problem. */
export class ConfigurationError extends Error {
  /** One text a problem, beginning with the JSON pointer of its place. Holds no value of a secret. */
  readonly problems: readonly string[];

  constructor(subject: string, problems: readonly string[]) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super(`${subject}: ${count}\n${problems.map((problem) => `  - ${problem}`).join("\n")}`);
    this.name = "ConfigurationError";
    this.problems = problems;
  }
}

/** The problems of a schema check. The library's own messages quote what they received, so they are replaced. */
export function describeIssues(issues: readonly v.BaseIssue<unknown>[]): string[] {
  return issues.flatMap((issue) => describeIssue(issue, []));
}

/** Of a value that may have several forms, the problems of the one form that it has the shape of, where there is one. */
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

/** The members of a JSON pointer (RFC 6901). */
export function parsePointer(pointer: string): string[] {
  const members = pointer.split("/").slice(1);
  return members.map((member) => member.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** A JSON pointer (RFC 6901), but "/" for the whole document. */
export function formatPointer(path: readonly unknown[]): string {
  return `/${path.map((key) => String(key).replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`;
}
