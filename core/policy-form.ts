// Checks the form of a policy document, including members that the schema library would skip silently: an operator would believe
// that they have an effect, so they are problems here.

import * as v from "valibot";
import { describeIssues, formatPointer } from "./configuration-error.ts";
import { type PolicyDocument, PolicySchema } from "./policy-schema.ts";

export interface PolicyForm {
  /** Undefined if there are problems. */
  readonly output: PolicyDocument | undefined;
  readonly problems: readonly string[];
}

/** Checks the parsed policy.json. Each problem begins with the JSON pointer of its place. */
export function readPolicyForm(document: unknown): PolicyForm {
  const { success, output, issues = [] } = v.safeParse(PolicySchema, document);
  const told = describeIssues(issues);
  const untold = findPassedOver(document, output, []).filter(
    ({ pointer }) => !told.some((problem) => problem.startsWith(`${pointer}: `)),
  );
  const problems = [...told, ...untold.map(({ pointer, problem }) => `${pointer}: ${problem}`)];
  return { output: success && problems.length === 0 ? output : undefined, problems };
}

/**
 * Members that are missing from the output, or whose name every JavaScript object has: `constructor` cannot name a sender or a
 * member.
 */
function findPassedOver(
  input: unknown,
  output: unknown,
  path: readonly string[],
): { pointer: string; problem: string }[] {
  if (!isObject(input) || !isObject(output)) return [];
  return Object.entries(input).flatMap(([name, member]) => {
    const place = [...path, name];
    if (isNatural(name)) return [{ pointer: formatPointer(place), problem: NATURAL }];
    if (!Object.hasOwn(output, name)) return [{ pointer: formatPointer(place), problem: UNKNOWN }];
    return findPassedOver(member, output[name], place);
  });
}

/** Both begin like the texts of describeIssues(), which reports only the first unknown member. */
const UNKNOWN = "is no member that is known here";
const NATURAL = "is no member that can be named so: every JavaScript object has one of this name";

/** Whether every JavaScript object seems to have a member of this name. */
export function isNatural(name: string): boolean {
  return name === "prototype" || name in Object.prototype;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
