// countersign policy show: what a policy says.

import { ConfigurationError } from "../core/configuration-error.ts";
import { parseOptions } from "./command.ts";
import { print, printJson } from "./output.ts";
import { compilePolicyFile } from "./policy-file.ts";
import { formatSummary, summarize } from "./policy-summary.ts";

const OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  json: { type: "boolean", default: false },
} as const;

export function showPolicy(args: string[]): number {
  const { policy: file, json } = parseOptions(args, OPTIONS).values;
  try {
    const summary = summarize(compilePolicyFile(file));
    if (json) printJson({ ok: true, problems: [], ...summary });
    else print(formatSummary(summary));
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigurationError) || !json) throw error;
    printJson({ ok: false, problems: error.problems });
    return 2;
  }
}
