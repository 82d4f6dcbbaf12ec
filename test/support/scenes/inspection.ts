// Makes a correct policy with two senders. A test adds an error in one place and reads the findings.

import assert from "node:assert/strict";
import { examinePolicy } from "../../../cli/policy/check/examine.ts";
import type { Finding } from "../../../cli/policy/check/finding.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { type CertificateName, type Fixtures, pemOf } from "./certificates.ts";
import { type Json, put } from "./policy.ts";

export type Change = readonly [path: readonly (string | number)[], value: Json | undefined];

export const ONE = ["senders", "one"] as const;
export const TWO = ["senders", "two"] as const;
export const ENTRY = [...ONE, "certificates", 0] as const;
export const ROUTE = ["routes", "/hooks"] as const;

/**
 * Returns a policy with the senders `one` and `two` on the route `/hooks`. Each sender needs only a certificate with the sender's
 * CN, issued by `root` or by a CA below `root`.
 */
export function soundDocument({ certificates }: Fixtures) {
  const sender = (CN: string) => ({ certificates: [{ subject: { CN } }], trust: { anchors: ["root"] } });
  return structuredClone({
    anchors: { root: pemOf(certificates.root) },
    senders: { one: sender("one.example"), two: sender("two.example") },
    routes: { "/hooks": { senders: ["one", "two"], methods: ["POST"] } },
  }) as unknown as { [member: string]: Json };
}

export function spoiled(fixtures: Fixtures, changes: readonly Change[]) {
  const document = soundDocument(fixtures);
  for (const [path, value] of changes) put(document, path, value);
  return document;
}

export function findingsOf(document: Json, now: number): readonly Finding[] {
  return examinePolicy(document, now).findings;
}

/** Returns each finding as `severity pointer`. If the finding depends on the date, the text ends in `(time)`. */
export function placesIn(findings: readonly Finding[]): string[] {
  return findings.map(({ severity, pointer, cause }) => `${severity} ${pointer}${cause === "time" ? " (time)" : ""}`);
}

/** Expects exactly these findings in any order, each with a problem and a remedy. Also expects that the policy still compiles. */
export function expectFindings(fixtures: Fixtures, changes: readonly Change[], ...expected: readonly string[]): void {
  const document = spoiled(fixtures, changes);
  compilePolicy(document);
  const findings = findingsOf(document, fixtures.now);
  assert.deepEqual(placesIn(findings).sort(), expected.toSorted(), JSON.stringify(findings, null, 1));
  for (const { problem, remedy } of findings) assert.ok(problem.length > 5 && remedy.length > 5);
}

export const anchorOf = ({ certificates }: Fixtures, name: CertificateName): string => pemOf(certificates[name]);
