// One thing that is wrong with a policy: where, what, and what to do about it.

import { formatPointer } from "./configuration-error.ts";

/** A place in the document, as the members of a JSON pointer. */
export type Place = readonly (string | number)[];

export interface Finding {
  /** JSON pointer (RFC 6901). */
  readonly pointer: string;
  readonly problem: string;
  readonly remedy: string;
  /** An error keeps something from working as it is written; a warning says what is of no use, or soon will be. */
  readonly severity: "error" | "warning";
  /** `time`: nothing was changed, a date was passed. A start goes on with these, because other senders depend on it. */
  readonly cause: "policy" | "time";
}

export function errorAt(at: Place, problem: string, remedy: string): Finding {
  return { pointer: formatPointer(at), problem, remedy, severity: "error", cause: "policy" };
}

export function warningAt(at: Place, problem: string, remedy: string): Finding {
  return { pointer: formatPointer(at), problem, remedy, severity: "warning", cause: "policy" };
}

export function overdueAt(at: Place, problem: string, remedy: string, severity: Finding["severity"]): Finding {
  return { pointer: formatPointer(at), problem, remedy, severity, cause: "time" };
}

/** Whether a program must not start with it. */
export function isFatal({ severity, cause }: Finding): boolean {
  return severity === "error" && cause === "policy";
}

/** As the problems of a ConfigurationError are written. */
export function formatFinding({ pointer, problem, remedy }: Finding): string {
  return `${pointer}: ${problem} → ${remedy}`;
}
