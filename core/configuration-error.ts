// The error for a faulty configuration. It lists every problem with its place, so that the operator can correct all of them at
// once.

/**
 * Thrown if the configuration cannot be used. The fault is in a policy, keys, secrets, options, an address, or the runtime. The
 * message lists every problem.
 */
export class ConfigurationError extends Error {
  /**
   * One text for each problem. Each text begins with the JSON pointer of the problem's place, and contains no value of a secret.
   */
  readonly problems: readonly string[];

  constructor(subject: string, problems: readonly string[]) {
    const list = problems.map((problem) => `\n  - ${problem}`).join("");
    super(`${subject}: ${problems.length === 1 ? problems[0] : `${problems.length} problems${list}`}`);
    this.name = "ConfigurationError";
    this.problems = problems;
  }
}

/** The names and indexes that lead to a value in a document, in the order of a JSON pointer. */
export type Place = readonly (string | number)[];

/**
 * The texts of the problems that a value of any form can have. The detail of a problem, for example the expected kind, replaces the
 * `%`.
 */
export const FORM_PROBLEMS = {
  unknown_member: "is no member that is known here",
  reserved_name: "is no member that can be named so",
  missing: "is missing",
  empty: "must not be empty",
  wrong_kind: "must be %",
} as const;

/** A problem of a value. `code` is a key of `FORM_PROBLEMS`, or a text that the form gives. */
export interface FormProblem {
  readonly at: Place;
  readonly code: string;
  readonly detail?: string | undefined;
}

/** Describes the problems of a value in words, each with its place. */
export function describeIssues(issues: readonly FormProblem[]): string[] {
  const words: Readonly<Record<string, string>> = FORM_PROBLEMS;
  return issues.map(({ at, code, detail }) => `${formatPointer(at)}: ${formatWords(words[code] ?? code, detail)}`);
}

/** Returns the words with `%` replaced by the detail. */
export function formatWords(words: string, detail = ""): string {
  return words.replace("%", () => detail);
}

/** Returns the member names of a JSON pointer (RFC 6901). */
export function parsePointer(pointer: string): string[] {
  const members = pointer.split("/").slice(1);
  return members.map((member) => member.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Writes a JSON pointer (RFC 6901). For the whole document, returns "/" instead of the empty text of the RFC. */
export function formatPointer(path: readonly unknown[]): string {
  return `/${path.map((key) => String(key).replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`;
}
