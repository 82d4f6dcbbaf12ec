// Formats a report of `countersign doctor`. Each check is one line, followed by what is wrong and what to do.

import type { Line } from "../output.ts";
import { bad, type Cell, doubtful, good, type Row, tabulate } from "../table.ts";
import type { CheckReport } from "./findings.ts";

/** Every mark is padded to the width of the widest mark, so that reports of different runs are aligned in the same way. */
const MARK_WIDTH = "warning".length;

export function formatReports(reports: readonly CheckReport[]): Line[] {
  const findings = reports.flatMap((report) => report.findings);
  const count = (severity: string) => findings.filter((one) => one.severity === severity).length;
  const [errors, warnings] = [count("error"), count("warning")];
  const skipped = reports.filter((report) => report.notChecked !== undefined).length;
  const total = `${plural(errors, "error")}, ${plural(warnings, "warning")}; not checked: ${skipped}`;
  return [...tabulate(reports.flatMap(formatReport)), "", total];
}

function formatReport(report: CheckReport): Row[] {
  const { check, seen, findings, notChecked } = report;
  return [
    [markOf(report), check],
    ...seen.map((line) => ["", `  ${line}`]),
    ...findings.flatMap(({ severity, problem, evidence, remedy, code }) => [
      ["", `  ${severity} ${code}: ${problem}${seen.includes(evidence) ? "" : ` (${evidence})`}`],
      ["", `    ${remedy}`],
    ]),
    ...(notChecked === undefined ? [] : [["", `  not checked: ${notChecked}`]]),
  ];
}

function markOf({ seen, findings, notChecked }: CheckReport): Cell {
  const pad = (mark: string) => mark.padEnd(MARK_WIDTH);
  if (findings.some(({ severity }) => severity === "error")) return bad(pad("ERROR"));
  if (findings.length > 0) return doubtful(pad("warning"));
  return seen.length === 0 && notChecked !== undefined ? pad("-") : good(pad("ok"));
}

function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
