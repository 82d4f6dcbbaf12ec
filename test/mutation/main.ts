// `npm run mutate -- [FILE…] [--since REVISION] [--minutes N]` makes single changes in core, and checks that a test notices each
// change. Without files, it tries the files of DECIDING (files.ts). With `--since`, it tries the files of core that have changed
// since this revision. It stops after N minutes. A file that was not finished by then does not count, and its name is printed.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { changedFiles, DECIDING, PENDING } from "./files.ts";
import { type EquivalentMutant, judgeReport, type MutationReport, staleEntries, survivorsOf } from "./report.ts";

const REPORT = ".stryker/report.json";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    since: { type: "string" },
    minutes: { type: "string", default: "0" },
    /** Prints, as JSON, the changes that no test notices. They can then be copied into equivalent.json and get a reason there. */
    json: { type: "boolean", default: false },
  },
});
const minutes = Number(values.minutes);
if (!(minutes >= 0)) fail("--minutes takes a number");

const equivalent = JSON.parse(
  readFileSync(new URL("equivalent.json", import.meta.url), "utf8"),
) as readonly EquivalentMutant[];
const files = filesToTry();
const deadline = minutes > 0 ? performance.now() + minutes * 60_000 : Number.POSITIVE_INFINITY;
const leftOut: string[] = [];
let problems = 0;
for (const file of files) {
  const found = tryFile(file);
  if (found === undefined) leftOut.push(file);
  else if (!PENDING.includes(file)) problems += found;
}
if (leftOut.length > 0) console.log(`not tried within ${minutes} minutes: ${leftOut.join(", ")}`);
console.log(`${files.length - leftOut.length} files tried, ${problems} problems`);
process.exit(problems > 0 ? 1 : 0);

function filesToTry(): readonly string[] {
  if (positionals.length > 0) return positionals;
  if (values.since === undefined) return DECIDING;
  const changed = execFileSync("git", ["diff", "--name-only", values.since, "--", "core"], { encoding: "utf8" });
  return changedFiles(changed.split("\n")).filter((file) => existsSync(file));
}

/** Tries the mutants of one file. Returns how many problems it printed. Undefined if there was not enough time. */
function tryFile(file: string): number | undefined {
  const left = deadline - performance.now();
  if (left <= 0) return undefined;
  // Each file has its own results file. Otherwise the tester would report the results of the other files again.
  const results = `.stryker/${file.replaceAll("/", "-")}.json`;
  const options = ["run", "--mutate", file, "--incrementalFile", results];
  const timeout = Number.isFinite(left) ? Math.ceil(left) : undefined;
  const { status, signal, stdout, stderr } = spawnSync("stryker", options, { encoding: "utf8", timeout });
  if (performance.now() > deadline && (signal !== null || status !== 0)) return undefined;
  if (status !== 0) fail(`the mutation tester failed on ${file}\n${stdout}${stderr}`);
  const report = JSON.parse(readFileSync(REPORT, "utf8")) as MutationReport;
  const { summary, problems: found } = judgeReport(report, equivalent);
  const stale = staleEntries(report, equivalent).map(
    ({ line, replacement }) => `${file}: listed as equivalent, but noticed or gone: ${line} (${replacement})`,
  );
  console.log([...summary, ...found, ...stale].join("\n"));
  if (values.json) console.log(JSON.stringify(survivorsOf(report), undefined, 2));
  return found.length + stale.length;
}

function fail(problem: string): never {
  console.error(problem);
  process.exit(2);
}
