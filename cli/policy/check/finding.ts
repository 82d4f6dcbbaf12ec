// One problem of a policy: its place, a description and a remedy.

import { formatPointer, type Place } from "../../../core/configuration-error.ts";
import type { PolicyProblemCode } from "../../../core/policy/words.ts";

export type { Place } from "../../../core/configuration-error.ts";

export interface Finding {
  /** The compiler's code of the problem. Undefined if the finding does not prevent the policy from compiling. */
  readonly code?: PolicyProblemCode;
  /** The place of the problem, as a JSON pointer (RFC 6901). */
  readonly pointer: string;
  readonly problem: string;
  readonly remedy: string;
  /**
   * An error means that something does not work as written. A warning means that something may be a mistake, has no effect, or soon
   * will have none.
   */
  readonly severity: "error" | "warning";
  /**
   * `time` means that the finding appeared because a date passed, not because somebody changed the policy. A program still starts
   * with such a finding, because the program also serves senders that the finding does not concern.
   */
  readonly cause: "policy" | "time";
  /** Set if the finding concerns a part of the policy that has no effect. This part can be removed. */
  readonly isUnused?: true;
}

export function errorAt(at: Place, problem: string, remedy: string): Finding {
  return { pointer: formatPointer(at), problem, remedy, severity: "error", cause: "policy" };
}

export function warningAt(at: Place, problem: string, remedy: string): Finding {
  return { pointer: formatPointer(at), problem, remedy, severity: "warning", cause: "policy" };
}

/** Returns a warning about a part that has no effect. */
export function unusedAt(at: Place, problem: string, remedy: string): Finding {
  return { ...warningAt(at, problem, remedy), isUnused: true };
}

export function overdueAt(at: Place, problem: string, remedy: string, severity: Finding["severity"]): Finding {
  return { pointer: formatPointer(at), problem, remedy, severity, cause: "time" };
}

/** Returns true if the finding must prevent a start. */
export function isFatal({ severity, cause }: Finding): boolean {
  return severity === "error" && cause === "policy";
}

/** Writes the finding as a problem of a ConfigurationError. */
export function formatFinding({ pointer, problem, remedy }: Finding): string {
  return `${pointer}: ${problem} → ${remedy}`;
}
