// Reads policy files for all commands. A file is compiled and inspected as a whole, so that all problems are reported at once. A
// check, a start and the build of the edge report the same problems.

import type { LogLine } from "../../core/log-line.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { systemClock } from "../../origin/clock.ts";
import { FileProblems, inFile } from "../../origin/problems.ts";
import { reportsFiles } from "../../origin/service/workers/worker.ts";
import { parseFile, readText } from "../files/files.ts";
import { findRepeatedMembers, formatPosition, locateMembers, type Position } from "../files/json-text.ts";
import { complainLogLine } from "../output.ts";
import { nameContents } from "./anchor-contents.ts";
import { type CompilePolicy, type Examination, examinePolicy } from "./check/examine.ts";
import { type Finding, formatFinding, isFatal } from "./check/finding.ts";
import { parsePlace } from "./check/remedies.ts";
import { readPolicyDocument, requirePolicyDocument } from "./contents.ts";

export type LocatedFinding = Finding & Position;

export interface ExaminedFile extends Examination {
  readonly findings: readonly LocatedFinding[];
  readonly document: unknown;
  /** Adds to each finding its place in the file. */
  readonly locate: (findings: readonly Finding[]) => LocatedFinding[];
}

/**
 * Returns everything that is wrong with a policy file at `now` (Unix seconds).
 * @throws UsageError if the file cannot be read or is not JSON
 */
export function examinePolicyFile(file: string, now: number, compile?: CompilePolicy): ExaminedFile {
  const text = readText(file);
  const document = parseFile(file, text);
  requirePolicyDocument(file, document);
  const { policy, findings } = examinePolicy(document, now, compile);
  const locate = (found: readonly Finding[]): LocatedFinding[] => {
    const places = found.length === 0 ? undefined : locateMembers(text);
    return found.map((finding) => ({
      ...nameContents(finding, document),
      ...(places?.(parsePlace(finding.pointer)) as Position),
    }));
  };
  return { policy, document, locate, findings: [...describeRepetitions(text), ...locate(findings)] };
}

/**
 * Returns the policy of a file, for a command that only reads the policy and does not start with it. Warnings are not reported.
 * @throws UsageError, FileProblems
 */
export function compilePolicyFile(file: string): Policy {
  const document = readPolicyDocument(file);
  return inFile(file, () => compilePolicy(document));
}

function describeRepetitions(text: string): LocatedFinding[] {
  return findRepeatedMembers(text).map((member) => ({
    ...member,
    problem: `is written a second time at ${formatPosition(member)}, and the last one alone would count`,
    remedy: "remove one of them",
    severity: "error",
    cause: "policy",
  }));
}

/**
 * Returns the policy of a file, for a program that starts or reloads. Findings about dates are reported on stderr, but do not
 * prevent the start. Otherwise, a restart after the expiry of one anchor would stop the senders of all other anchors too. `more`
 * are warnings that concern only this program.
 * @throws UsageError if the file cannot be read, FileProblems that lists all other problems of the policy
 */
export function loadPolicy(file: string, compile?: CompilePolicy, more: readonly Finding[] = []): Policy {
  const { policy, findings: found, locate } = examinePolicyFile(file, systemClock(), compile);
  const findings = [...found, ...locate(more)];
  const fatal = findings.filter(isFatal);
  if (policy === undefined || fatal.length > 0) throw new FileProblems(file, fatal.map(formatFinding));
  if (reportsFiles()) for (const finding of findings) complainLogLine(describeWarning(file, finding));
  return policy;
}

function describeWarning(file: string, { pointer, problem, remedy, severity }: LocatedFinding): LogLine {
  return { decision: "warning", code: "policy_finding", file, severity, pointer, problem, remedy };
}
