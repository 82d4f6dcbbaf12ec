// Reads the mutation tester's report, and compares the mutants that no test noticed with the list of equivalent mutants.

import { DECIDING, NOTICED_ELSEWHERE_PERCENT } from "./files.ts";

interface Position {
  readonly line: number;
  readonly column: number;
}

/** The members of a report that are read (mutation testing report schema, version 2). */
export interface MutationReport {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: string;
        readonly mutants: readonly {
          readonly status: string;
          readonly mutatorName: string;
          readonly replacement?: string;
          readonly location: { readonly start: Position; readonly end: Position };
        }[];
      }
    >
  >;
}

/** A mutant that no test can notice, because the program behaves the same. */
export interface EquivalentMutant {
  readonly file: string;
  /**
   * The replaced text, and the complete line or lines that contain it, without indentation. Line numbers are not used, so that an
   * entry stays valid if the line moves.
   */
  readonly original: string;
  readonly line: string;
  readonly replacement: string;
  readonly reason: string;
}

export type Survivor = Omit<EquivalentMutant, "reason"> & { readonly at: number };

const NOTICED = new Set(["Killed", "Timeout"]);
const SURVIVED = new Set(["Survived", "NoCoverage"]);

export function survivorsOf(report: MutationReport): Survivor[] {
  return Object.entries(report.files).flatMap(([file, { source, mutants }]) => {
    const lines = source.split("\n");
    return mutants
      .filter(({ status }) => SURVIVED.has(status))
      .map(({ location: { start, end }, replacement = "" }) => ({
        file,
        at: start.line,
        original: textBetween(lines, start, end),
        line: lines
          .slice(start.line - 1, end.line)
          .map((line) => line.trim())
          .join(" "),
        replacement,
      }));
  });
}

/** Returns the text between two positions. Both positions count from 1. The character at the end is not included. */
function textBetween(lines: readonly string[], start: Position, end: Position): string {
  const part = lines.slice(start.line - 1, end.line);
  const last = part.length - 1;
  part[last] = part[last]?.slice(0, end.column - 1) ?? "";
  part[0] = part[0]?.slice(start.column - 1) ?? "";
  return part.join("\n");
}

export interface Judgement {
  /** One line for each file, for example `core/wire.ts: 8 of 10 noticed, 1 listed as equivalent`. The numbers count mutants. */
  readonly summary: readonly string[];
  readonly problems: readonly string[];
}

/** Judges a report. A mutant that could not be run counts as a problem, because it proves nothing. */
export function judgeReport(report: MutationReport, equivalent: readonly EquivalentMutant[]): Judgement {
  const known = new Set(equivalent.map(keyOf));
  const unknown = survivorsOf(report).filter((survivor) => !known.has(keyOf(survivor)));
  const summary: string[] = [];
  const problems: string[] = [];
  for (const [file, { mutants }] of Object.entries(report.files)) {
    const survivors = unknown.filter((survivor) => survivor.file === file);
    const noticed = mutants.filter(({ status }) => NOTICED.has(status)).length;
    const broken = mutants.filter(({ status }) => !NOTICED.has(status) && !SURVIVED.has(status));
    const listed = mutants.length - noticed - broken.length - survivors.length;
    summary.push(`${file}: ${noticed} of ${mutants.length} noticed, ${listed} listed as equivalent`);
    for (const { status, location } of broken) problems.push(`${file}:${location.start.line}: not run: ${status}`);
    const isTolerable =
      !DECIDING.includes(file) && (noticed + listed) * 100 >= NOTICED_ELSEWHERE_PERCENT * mutants.length;
    if (!isTolerable) problems.push(...survivors.map(describe));
  }
  return { summary, problems };
}

/**
 * Returns the equivalent mutants that are out of date: the file of the mutant was tried, but the mutant did not survive. Either its
 * line has changed, or a test now notices the mutant.
 */
export function staleEntries(report: MutationReport, equivalent: readonly EquivalentMutant[]): EquivalentMutant[] {
  const survivors = new Set(survivorsOf(report).map(keyOf));
  return equivalent.filter((entry) => Object.hasOwn(report.files, entry.file) && !survivors.has(keyOf(entry)));
}

function keyOf({ file, original, line, replacement }: Omit<EquivalentMutant, "reason">): string {
  return JSON.stringify([file, original, line, replacement]);
}

function describe({ file, at, original, replacement }: Survivor): string {
  return `${file}:${at}: no test notices\n  - ${original}\n  + ${replacement}`;
}
