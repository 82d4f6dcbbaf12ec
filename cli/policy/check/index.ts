// `countersign policy check` reports every problem of a policy file, with its place and a remedy.

import { compilePolicy } from "../../../core/policy/compile.ts";
import type { Policy } from "../../../core/policy/policy.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { systemClock } from "../../../origin/clock.ts";
import { compileEdgePolicy } from "../../../worker/configuration.ts";
import { parseOptions, UsageError } from "../../command.ts";
import { complain, complainLines, print, printJson } from "../../output.ts";
import { bad, doubtful, type Row, tabulate } from "../../table.ts";
import { type ExaminedFile, examinePolicyFile, type LocatedFinding } from "../load.ts";
import { summarize } from "../summary.ts";
import { askWays, needsOf } from "../ways.ts";
import { formatFinding } from "./finding.ts";
import { inspectPresets } from "./presets.ts";

const OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  edge: { type: "boolean", default: false },
  wrangler: { type: "string" },
  strict: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

/**
 * Checks a policy file. Returns 0 if the policy compiles without errors. With `--edge`, it must also compile for the edge. Returns
 * 2 for errors, including errors about dates. With `--strict`, also returns 2 for warnings.
 */
export async function checkPolicy(args: string[]): Promise<number> {
  const { policy: file, edge, wrangler, strict, json } = parseOptions(args, OPTIONS).values;
  if (wrangler !== undefined && !edge) throw new UsageError("--wrangler goes with --edge");
  const examined = examine(file, edge ? compileEdgePolicy : compilePolicy, json);
  if (examined === undefined) return 2;
  const { policy } = examined;
  const findings = [...examined.findings, ...(await findMore(examined))];
  const lacking = wrangler === undefined || policy === undefined ? [] : await checkDeployment(wrangler, policy);
  const problems = [
    ...findings.filter(({ severity }) => strict || severity === "error").map(formatFinding),
    ...lacking.map((problem) => `${wrangler}: ${problem}`),
  ];
  const isSound = policy !== undefined && problems.length === 0;
  if (json) {
    const summary = policy === undefined ? {} : { ways: askWays(policy), needs: needsOf(policy), ...summarize(policy) };
    printJson({ ok: isSound, problems, findings, ...summary });
  } else {
    complainLines(
      tabulate(
        [
          ...findings.map((finding) => rowOf(file, finding)),
          ...lacking.map((one) => [bad("error"), `${wrangler}  ${one}`]),
        ],
        process.stderr,
      ),
    );
    if (isSound) reportSound(file, policy);
    else complain(`${file} is not sound: ${problems.length} to correct`);
  }
  return isSound ? 0 : 2;
}

/**
 * Compares the senders of a policy with what their presets know. Returns the problems, or none if the policy does not compile.
 */
async function findMore({ policy, document, locate }: ExaminedFile): Promise<LocatedFinding[]> {
  // The cast is safe, because a document that compiles has the form of the schema.
  return policy === undefined ? [] : locate(await inspectPresets(document as PolicyDocument));
}

/**
 * Returns the problems of the wrangler file. The code of the check is loaded only here, because the package wrangler is installed
 * only on machines that build the edge.
 */
async function checkDeployment(file: string, policy: Policy): Promise<string[]> {
  const { readWranglerFile } = await import("../../cloudflare/wrangler-file.ts");
  const { findDeploymentProblems } = await import("../../cloudflare/deployment-check.ts");
  return findDeploymentProblems(policy, await readWranglerFile(file, undefined)).map(({ text }) => text);
}

/**
 * Examines a policy file. If the file is not JSON and `--json` is given, prints the fault as a JSON document and returns undefined.
 */
function examine(file: string, compile: typeof compilePolicy, json: boolean): ExaminedFile | undefined {
  try {
    return examinePolicyFile(file, systemClock(), compile);
  } catch (error) {
    if (!(error instanceof UsageError) || !json) throw error;
    printJson({ ok: false, problems: [error.message], findings: [] });
    return undefined;
  }
}

function rowOf(file: string, finding: LocatedFinding): Row {
  const { severity, line, column } = finding;
  return [
    severity === "error" ? bad(severity) : doubtful(severity),
    `${file}:${line}:${column}  ${formatFinding(finding)}`,
  ];
}

/** Reports the modes in which the policy can start, and the reason for every mode in which it cannot. */
function reportSound(file: string, policy: Policy): void {
  const ways = Object.entries(askWays(policy));
  const starting = ways.filter(([, problems]) => problems.length === 0).map(([way]) => way);
  for (const [way, problems] of ways)
    for (const problem of problems) complain(`${way} does not start with ${file}: ${problem}`);
  const forWhom = starting.length === ways.length ? "" : ` for ${starting.join(", ")}`;
  const { routes, digest } = policy;
  print([
    `${file} is sound${forWhom}: ${routes.length} route(s), digest ${digest}`,
    ...tabulate(needsOf(policy).map((need) => ["needs", need])),
  ]);
}
