// A problem of a policy as the schema and the compiler find it: its place, its code and a detail. The worker carries no words
// for them: policy-words.ts has those, for the programs that print them.

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

/** For a program without the words: the code, and the detail in parentheses. */
export function codeOf({ code, detail }: ProblemCode): string {
  return detail === undefined ? code : `${code} (${detail})`;
}

/** The code of a rule in the schema. */
export function problem(code: PolicyProblemCode): PolicyProblemCode {
  return code;
}

/** The problems of the policy's form, all of whose codes are those of a policy. */
export function problemsOfIssues(issues: readonly FormProblem[]): readonly PolicyProblem[] {
  return issues as readonly PolicyProblem[];
}

/** What is wrong with one part. Whoever compiles the part knows its place. */
export class PolicyFault extends SyntaxError {
  readonly code: PolicyProblemCode;
  readonly detail: string | undefined;

  constructor(code: PolicyProblemCode, detail?: string) {
    super(codeOf({ code, detail }));
    this.code = code;
    this.detail = detail;
  }
}

/** What `read` returns. @throws PolicyFault with the words of what it throws, behind those of `before` */
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
