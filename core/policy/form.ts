// Checks the form of a policy document. An unknown member is an error, because the operator would believe that it has an effect.

import { isNatural, type Reading, readForm } from "../form-reading.ts";
import { type PolicyProblem, problemsOfIssues } from "./problem.ts";
import { type PolicyDocument, PolicySchema } from "./schema.ts";

export { isNatural };

export interface PolicyForm extends Reading<PolicyDocument> {
  readonly problems: readonly PolicyProblem[];
}

/** Checks the parsed policy.json. */
export function readPolicyForm(document: unknown): PolicyForm {
  const { output, problems } = readForm(PolicySchema, document);
  return { output, problems: problemsOfIssues(problems) };
}
