// Checks the form of a policy document, including members that the schema library would skip silently: an operator would believe
// that they have an effect, so they are problems here.

import * as v from "valibot";
import { formatPointer } from "./configuration-error.ts";
import { type PolicyProblem, problemsOfIssues } from "./policy-problem.ts";
import { type PolicyDocument, PolicySchema } from "./policy-schema.ts";

export interface PolicyForm {
  /** Undefined if there are problems. */
  readonly output: PolicyDocument | undefined;
  readonly problems: readonly PolicyProblem[];
}

/** Checks the parsed policy.json. */
export function readPolicyForm(document: unknown): PolicyForm {
  const { success, output, issues = [] } = v.safeParse(PolicySchema, document);
  const told = problemsOfIssues(issues);
  const places = new Set(told.map(({ at }) => formatPointer(at)));
  const untold = findPassedOver(document, output, []).filter(({ at }) => !places.has(formatPointer(at)));
  const problems = [...told, ...untold];
  return { output: success && problems.length === 0 ? output : undefined, problems };
}

/**
 * Members that are missing from the output, or whose name every JavaScript object has: `constructor` cannot name a sender or a
 * member. The schema itself reports only the first unknown member of an object.
 */
function findPassedOver(input: unknown, output: unknown, at: readonly string[]): PolicyProblem[] {
  if (!isObject(input) || !isObject(output)) return [];
  return Object.entries(input).flatMap(([name, member]) => {
    const place = [...at, name];
    if (isNatural(name)) return [{ at: place, code: "reserved_name" }];
    if (!Object.hasOwn(output, name)) return [{ at: place, code: "unknown_member" }];
    return findPassedOver(member, output[name], place);
  });
}

/** Whether every JavaScript object seems to have a member of this name. */
export function isNatural(name: string): boolean {
  return name === "prototype" || name in Object.prototype;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
