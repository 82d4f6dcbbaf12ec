// countersign policy check: every problem of a policy file with its place and what to do about it.

import type { Policy } from "../core/policy.ts";
import { compilePolicy } from "../core/policy-compiler.ts";
import { formatFinding } from "../core/policy-finding.ts";
import { systemClock } from "../origin/clock.ts";
import { compileEdgePolicy } from "../worker/edge.ts";
import { parseOptions, UsageError } from "./command.ts";
import { complain, print, printJson } from "./output.ts";
import { type ExaminedFile, examinePolicyFile, type LocatedFinding } from "./policy-file.ts";
import { summarize } from "./policy-summary.ts";

const OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  edge: { type: "boolean", default: false },
  strict: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

/** 0 when the policy is sound; 2 for errors, those of time among them, and with --strict for warnings. */
export function checkPolicy(args: string[]): number {
  const { policy: file, edge, strict, json } = parseOptions(args, OPTIONS).values;
  const examined = examine(file, edge ? compileEdgePolicy : compilePolicy, json);
  if (examined === undefined) return 2;
  const { policy, findings } = examined;
  const problems = findings.filter(({ severity }) => strict || severity === "error");
  const isSound = policy !== undefined && problems.length === 0;
  if (json) {
    const summary = policy === undefined ? {} : summarize(policy);
    printJson({ ok: isSound, problems: problems.map(formatFinding), findings, ...summary });
  } else {
    for (const finding of findings) complain(formatLine(file, finding));
    if (isSound) print([formatVerdict(file, policy)]);
    else complain(`${file} is not sound: ${problems.length} to mend`);
  }
  return isSound ? 0 : 2;
}

/** Undefined when the file is not JSON, which has been said then: to machines in the same document as everything else. */
function examine(file: string, compile: typeof compilePolicy, json: boolean): ExaminedFile | undefined {
  try {
    return examinePolicyFile(file, systemClock(), compile);
  } catch (error) {
    if (!(error instanceof UsageError) || !json) throw error;
    printJson({ ok: false, problems: [error.message], findings: [] });
    return undefined;
  }
}

function formatLine(file: string, finding: LocatedFinding): string {
  return `${finding.severity.padEnd(7)}  ${file}:${finding.line}:${finding.column}  ${formatFinding(finding)}`;
}

function formatVerdict(file: string, { routes, digest }: Policy): string {
  return `${file} is sound: ${routes.length} route(s), digest ${digest}`;
}
