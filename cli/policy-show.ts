// countersign policy show: what a policy says.

import { ConfigurationError } from "../core/configuration-error.ts";
import { compilePolicy } from "../core/policy-compiler.ts";
import { parseOptions } from "./command.ts";
import { formatJson, readJson } from "./files.ts";
import { formatSummary, summarize } from "./policy-summary.ts";

const OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  json: { type: "boolean", default: false },
} as const;

export function showPolicy(args: string[]): number {
  const { policy: file, json } = parseOptions(args, OPTIONS).values;
  try {
    const summary = summarize(compilePolicy(readJson(file)));
    process.stdout.write(json ? formatJson({ ok: true, problems: [], ...summary }) : formatSummary(summary));
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigurationError) || !json) throw error;
    process.stdout.write(formatJson({ ok: false, problems: error.problems }));
    return 2;
  }
}
