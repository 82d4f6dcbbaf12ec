// A policy document in the form of the schema, with every member that it holds: what the library passes over without a
// word is a problem here, because an operator would believe it in force.

import * as v from "valibot";
import { describeIssues, formatPointer } from "./configuration-error.ts";
import { type PolicyDocument, PolicySchema } from "./policy-schema.ts";

export interface PolicyForm {
  /** Undefined where there are problems. */
  readonly output: PolicyDocument | undefined;
  readonly problems: readonly string[];
}

/** Reads the value of policy.json. Each problem begins with the JSON pointer of its place. */
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
 * Members that are not in the output, or whose name every object has by nature: `constructor` names a sender as little as a
 * member of one.
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

/** Both begin as describeIssues() begins, which says it of the first unknown member alone. */
const UNKNOWN = "is no member that is known here";
const NATURAL = "is no member that can be named so: every JavaScript object has one of this name";

/** Whether an object that holds no member of this name seems to hold one. */
export function isNatural(name: string): boolean {
  return name === "prototype" || name in Object.prototype;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
