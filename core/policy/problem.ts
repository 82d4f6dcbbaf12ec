// A problem that the schema or the compiler finds in a policy: its place, its code and a detail. words.ts has the texts, for the
// programs that print them. The worker does not carry the texts.

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

/** Returns its argument. It makes the compiler check the code of a rule in the schema. */
export function problem(code: PolicyProblemCode): PolicyProblemCode {
  return code;
}

/** The problems of the policy's form. All their codes are codes of a policy. */
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

/** Returns what `read` returns. @throws PolicyFault with `before` and the message of the error that `read` throws */
export function readOrFault<T>(code: PolicyProblemCode, read: () => T, before = ""): T {
  try {
    return read();
  } catch (error) {
    const cause = error instanceof Refusal ? error.details["cause"] : messageOf(error);
    throw new PolicyFault(code, `${before}${cause}`);
  }
}

/** A policy that cannot be used, with its problems as they were found. */
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
