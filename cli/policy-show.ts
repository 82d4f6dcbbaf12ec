// countersign policy check and show: whether a policy compiles, and what it says.

import { ConfigurationError } from "../core/configuration-error.ts";
import { compilePolicy } from "../core/policy-compiler.ts";
import { parseOptions } from "./command.ts";
import { formatJson, readJson } from "./files.ts";
import { formatSummary, summarize } from "./policy-summary.ts";

const OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  json: { type: "boolean", default: false },
} as const;

/** Names every problem, or says that there is none. */
export function checkPolicy(args: string[]): number {
  const { policy: file, json } = parseOptions(args, OPTIONS).values;
  return tell(file, json, (policy) => `${file} is sound: ${policy.routes.length} route(s), digest ${policy.digest}\n`);
}

export function showPolicy(args: string[]): number {
  const { policy: file, json } = parseOptions(args, OPTIONS).values;
  return tell(file, json, formatSummary);
}

function tell(file: string, asJson: boolean, format: (summary: ReturnType<typeof summarize>) => string): number {
  try {
    const summary = summarize(compilePolicy(readJson(file)));
    process.stdout.write(asJson ? formatJson({ ok: true, problems: [], ...summary }) : format(summary));
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigurationError) || !asJson) throw error;
    process.stdout.write(formatJson({ ok: false, problems: error.problems }));
    return 2;
  }
}
