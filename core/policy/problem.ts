// Describes a problem that the schema or the compiler finds in a policy. A problem has a place, a code and a detail. The texts of
// the codes are in words.ts, which the worker does not load.

import { ConfigurationError, type FormProblem, formatPointer, type Place } from "../configuration-error.ts";
import { messageOf } from "../failure-chain.ts";
import { Refusal } from "../refusal.ts";
import type { PolicyProblemCode, ProblemCode } from "./words.ts";

export { POLICY_PROBLEMS, type PolicyProblemCode, wordsOf } from "./words.ts";

export interface PolicyProblem extends ProblemCode {
  readonly at: Place;
}

/** Formats a problem without its place. */
export type TellProblem = (problem: ProblemCode) => string;

/** Formats a problem for a program that does not load words.ts: the code, and the detail in parentheses. */
export function codeOf({ code, detail }: ProblemCode): string {
  return detail === undefined ? code : `${code} (${detail})`;
}

/** Returns its argument. The rules of the schema call this function, so that TypeScript checks that their codes exist. */
export function problem(code: PolicyProblemCode): PolicyProblemCode {
  return code;
}

/** Returns its argument with another type. Every code that the policy's form can report is a PolicyProblemCode. */
export function problemsOfIssues(issues: readonly FormProblem[]): readonly PolicyProblem[] {
  return issues as readonly PolicyProblem[];
}

/** A fault of one part of the policy. It has no place, because only the code that compiles the part knows the place. */
export class PolicyFault extends SyntaxError {
  readonly code: PolicyProblemCode;
  readonly detail: string | undefined;

  constructor(code: PolicyProblemCode, detail?: string) {
    super(codeOf({ code, detail }));
    this.code = code;
    this.detail = detail;
  }
}

/**
 * Returns what `read` returns. @throws PolicyFault if `read` throws. The detail is `before`, followed by the message of the error
 */
export function readOrFault<T>(code: PolicyProblemCode, read: () => T, before = ""): T {
  try {
    return read();
  } catch (error) {
    const cause = error instanceof Refusal ? error.details["cause"] : messageOf(error);
    throw new PolicyFault(code, `${before}${cause}`);
  }
}

/** Thrown if a policy cannot be used. `found` has the problems before they are formatted. */
export class PolicyError extends ConfigurationError {
  readonly found: readonly PolicyProblem[];

  constructor(found: readonly PolicyProblem[], tell: TellProblem = codeOf) {
    super(
      "policy",
      found.map((one) => `${formatPointer(one.at)}: ${tell(one)}`),
    );
    this.found = found;
  }
}
