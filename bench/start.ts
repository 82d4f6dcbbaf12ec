// Measures the cost of commands of the built package, from their start to their end. This cost is compared with the cost of Node
// without a program.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "./processes.ts";
import { type Report, type Sample, summarize, type Volume } from "./report.ts";

/** The number of starts in each round. One start is too short, because the system counts CPU time in hundredths of a second. */
const STARTS = 10;
const NOTHING = "node -e 0";
/** The limit is 1.3 times the time of bare Node, plus 100 ms. */
const LIMIT = { against: NOTHING, ratio: 1.3, plusMicroseconds: 100_000 };
const ROOT = join(import.meta.dirname, "..");

export function benchStart({ rounds }: Volume): Report {
  execFileSync("npm", ["run", "--silent", "build"], { cwd: ROOT, stdio: "inherit" });
  const program = join(ROOT, "dist/cli/main.js");
  const project = join(makeFolder(), "project");
  start([program, "init", project, "--preset", "docusign", "--mode", "origin", "--yes"]);
  const subjects = new Map([
    ["countersign --help", [program, "--help"]],
    ["countersign policy check", [program, "policy", "check", "--policy", join(project, "policy.json")]],
    [NOTHING, ["-e", "0"]],
  ]);
  const samples = new Map<string, Sample[]>(Array.from(subjects.keys(), (name) => [name, []]));
  const names = [...subjects.keys()];
  for (let round = 0; round < rounds; round++) {
    for (const index of names.keys()) {
      const name = names[(index + round) % names.length] as string;
      samples.get(name)?.push(measure(subjects.get(name) as string[]));
      process.stderr.write(".");
    }
  }
  process.stderr.write("\n");
  const [help = "", check = ""] = names;
  const targets = [help, check].map((subject) => ({ ...LIMIT, subject }));
  return summarize("start of a command", { rounds, eventsPerRound: STARTS }, samples, targets);
}

function measure(args: readonly string[]): Sample {
  const began = performance.now();
  const cpu = readEndedMicroseconds();
  for (let count = 0; count < STARTS; count++) start(args);
  const seconds = (performance.now() - began) / 1000;
  return { cpuMicroseconds: (readEndedMicroseconds() - cpu) / STARTS, eventsPerSecond: STARTS / seconds };
}

function start(args: readonly string[]): void {
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}: ${stderr}`);
}

/** Reads the user and system time of all children of this process that have ended (proc(5)). */
function readEndedMicroseconds(): number {
  const [, fields = ""] = /^.*\) (.*)$/s.exec(readFileSync("/proc/self/stat", "utf8")) ?? [];
  const [user, system] = fields.split(" ").slice(13, 15).map(Number);
  return (Number(user) + Number(system)) * TICK_MICROSECONDS;
}

/** USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MICROSECONDS = 10_000;
