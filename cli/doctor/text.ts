// Formats a report of doctor: one line for each check, followed by what is wrong and what to do.

import type { CheckReport } from "./findings.ts";

const WIDTH = 9;

export function formatReports(reports: readonly CheckReport[]): string[] {
  const findings = reports.flatMap((report) => report.findings);
  const count = (severity: string) => findings.filter((one) => one.severity === severity).length;
  const [errors, warnings] = [count("error"), count("warning")];
  const skipped = reports.filter((report) => report.notChecked !== undefined).length;
  const total = `${plural(errors, "error")}, ${plural(warnings, "warning")}; not checked: ${skipped}`;
  return [...reports.flatMap(formatReport), "", total];
}

function formatReport({ check, seen, findings, notChecked }: CheckReport): string[] {
  const isBlank = seen.length === 0 && notChecked !== undefined && findings.length === 0;
  const worst = findings.some(({ severity }) => severity === "error") ? "ERROR" : "warning";
  const mark = findings.length > 0 ? worst : isBlank ? "-" : "ok";
  return [
    `${mark.padEnd(WIDTH)}${check}`,
    ...seen.map((line) => `${"".padEnd(WIDTH)}  ${line}`),
    ...findings.flatMap(({ severity, problem, evidence, remedy, code }) => [
      `${"".padEnd(WIDTH)}  ${severity} ${code}: ${problem}${seen.includes(evidence) ? "" : ` (${evidence})`}`,
      `${"".padEnd(WIDTH)}    ${remedy}`,
    ]),
    ...(notChecked === undefined ? [] : [`${"".padEnd(WIDTH)}  not checked: ${notChecked}`]),
  ];
}

function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
