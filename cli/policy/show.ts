// `countersign policy show` prints what a policy says, in words or as one document.

import { ConfigurationError } from "../../core/configuration-error.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { systemClock } from "../../origin/clock.ts";
import { inFile } from "../../origin/problems.ts";
import { parseOptions } from "../command.ts";
import { print, printJson } from "../output.ts";
import { readPolicyDocument } from "./contents.ts";
import { statePolicy } from "./statement.ts";
import { formatStatement } from "./statement-text.ts";

const OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  json: { type: "boolean", default: false },
} as const;

export function showPolicy(args: string[]): number {
  const { policy: file, json } = parseOptions(args, OPTIONS).values;
  try {
    const document = readPolicyDocument(file);
    const policy = inFile(file, () => compilePolicy(document));
    // The cast is safe, because a document that compiles has the form of the schema.
    const statement = statePolicy(document as PolicyDocument, policy, systemClock());
    if (json) printJson({ ok: true, problems: [], ...statement });
    else print(formatStatement(file, statement));
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigurationError) || !json) throw error;
    printJson({ ok: false, problems: error.problems });
    return 2;
  }
}
