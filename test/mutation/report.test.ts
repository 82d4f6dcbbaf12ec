// Tests how the report of the mutation tester is judged, and the lists that the judgement uses.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { changedFiles, DECIDING, PENDING } from "./files.ts";
import { judgeReport, type MutationReport, staleEntries, survivorsOf } from "./report.ts";

const DECIDES = "core/admission/admit.ts";
const ELSEWHERE = "core/elsewhere.ts";
const SOURCE = "export const isOpen =\n  a && b;\n";
const LISTED = { original: "a && b", line: "a && b;", replacement: "a || b" };

/**
 * Makes a report on one file, with `killed` mutants that a test noticed, and one mutant for each given status. All mutants are at
 * the same place.
 */
function reportOn(file: string, killed: number, ...statuses: readonly string[]): MutationReport {
  const mutants = [...Array.from({ length: killed }, () => "Killed"), ...statuses].map((status) => ({
    status,
    mutatorName: "LogicalOperator",
    replacement: "a || b",
    location: { start: { line: 2, column: 3 }, end: { line: 2, column: 9 } },
  }));
  return { files: { [file]: { source: SOURCE, mutants } } };
}

describe("judgeReport()", () => {
  test("finds no problem if every change was noticed or ran endlessly", () => {
    expect(judgeReport(reportOn(DECIDES, 1, "Timeout"), [])).toEqual({
      summary: [`${DECIDES}: 2 of 2 noticed, 0 listed as equivalent`],
      problems: [],
    });
  });
  test.each(["Survived", "NoCoverage"])("names what no test notices in a file that decides: %s", (status) => {
    const { problems } = judgeReport(reportOn(DECIDES, 99, status), []);
    expect(problems).toEqual([`${DECIDES}:2: no test notices\n  - a && b\n  + a || b`]);
  });
  test("accepts a listed equivalent, but only in its own file and line", () => {
    const entry = { file: DECIDES, ...LISTED, reason: "b follows from a" };
    expect(judgeReport(reportOn(DECIDES, 0, "Survived"), [entry])).toEqual({
      summary: [`${DECIDES}: 0 of 1 noticed, 1 listed as equivalent`],
      problems: [],
    });
    for (const other of [{ file: ELSEWHERE }, { line: "a && b," }, { original: "a" }, { replacement: "a" }]) {
      const report = reportOn(DECIDES, 0, "Survived");
      expect(judgeReport(report, [{ ...entry, ...other }]).problems).toHaveLength(1);
    }
  });
  test("accepts nine noticed changes of ten in a file that does not decide, but not fewer", () => {
    expect(judgeReport(reportOn(ELSEWHERE, 9, "Survived"), []).problems).toEqual([]);
    expect(judgeReport(reportOn(ELSEWHERE, 17, "Survived", "Survived"), []).problems).toHaveLength(2);
  });
  test.each([DECIDES, ELSEWHERE])("counts a change that could not be run as a problem: %s", (file) => {
    const { problems } = judgeReport(reportOn(file, 99, "RuntimeError"), []);
    expect(problems).toEqual([`${file}:2: not run: RuntimeError`]);
  });
});

test("survivorsOf() returns the text of a change over several lines", () => {
  const mutant = { status: "Survived", mutatorName: "BlockStatement", replacement: "{}" };
  const location = { start: { line: 1, column: 14 }, end: { line: 2, column: 9 } };
  expect(survivorsOf({ files: { [DECIDES]: { source: SOURCE, mutants: [{ ...mutant, location }] } } })).toEqual([
    { file: DECIDES, at: 1, original: "isOpen =\n  a && b", line: "export const isOpen = a && b;", replacement: "{}" },
  ]);
});

test("staleEntries() finds listed mutants that did not survive although their file was tried", () => {
  const entry = { file: DECIDES, ...LISTED, reason: "b follows from a" };
  expect(staleEntries(reportOn(DECIDES, 1), [entry])).toEqual([entry]);
  expect(staleEntries(reportOn(DECIDES, 0, "Survived"), [entry])).toEqual([]);
  expect(staleEntries(reportOn(ELSEWHERE, 1), [entry])).toEqual([]);
});

describe("the lists", () => {
  test("name files that exist, each once", () => {
    for (const list of [DECIDING, PENDING]) {
      expect(list.filter((file) => !existsSync(new URL(`../../${file}`, import.meta.url)))).toEqual([]);
      expect(new Set(list).size).toBe(list.length);
    }
  });
  test("give a reason for each equivalent, and each line is in its file", () => {
    const entries = JSON.parse(readFileSync(new URL("equivalent.json", import.meta.url), "utf8"));
    for (const { file, line, reason } of entries) {
      const source = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
      expect(
        source
          .split("\n")
          .map((text) => text.trim())
          .join(" "),
      ).toContain(line);
      expect(reason.length).toBeGreaterThan(20);
    }
  });
  test("put files that are not good enough yet last among the changed files of core", () => {
    const names = readdirSync(new URL("../../core/", import.meta.url), { recursive: true, encoding: "utf8" })
      .filter((name) => name.includes("."))
      .map((name) => `core/${name}`);
    const files = changedFiles(["README.md", "worker/index.ts", ...names, ""]);
    expect([...files].sort()).toEqual(names.filter((name) => name.endsWith(".ts")).sort());
    expect(files.slice(files.length - PENDING.length).sort()).toEqual([...PENDING].sort());
  });
});
