// Compares signatures and Basic with the bare HMAC over the body, in this process and in workerd. Also compares body matchers with
// JSON.parse.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MATCH, makeBodySubjects, PARSE } from "./body-subjects.ts";
import { startWorker } from "./edge-bundle.ts";
import { BARE, BASIC, ED25519, makeFactorSubjects } from "./factor-subjects.ts";
import { measureInProcess, times } from "./in-process.ts";
import { makeFolder, type RunningProcess, readCpuMicroseconds } from "./processes.ts";
import { type Report, type Sample, summarize, type Target, type Volume } from "./report.ts";

/**
 * The sizes of the body. `node` and `workerd` multiply the number of events in a round. Expensive sizes have fewer events. For the
 * larger sizes, workerd gets more events than Node, because the CPU time of workerd has steps of 10 ms.
 */
const SIZES = [
  { size: "1 KB", bytes: 1024, node: 20, workerd: 20 },
  { size: "150 KB", bytes: 150 * 1024, node: 0.2, workerd: 0.8 },
  { size: "5 MB", bytes: 5 * 1024 * 1024, node: 0.01, workerd: 0.02 },
];
/** The payments in an event whose body is matched: one, as most senders send, and as many as fit into 1 MiB. */
const PAYMENTS = [
  { name: "one payment", payments: 1, node: 20 },
  { name: "4,000 payments", payments: 4_000, node: 0.05 },
];
const RATIO = 1.3;
const WARM_UP_ROUNDS = 2;
/**
 * Only this share of the events is used to measure Ed25519, because an event with Ed25519 takes longer. Ed25519 has a separate
 * report, because its verification copies the body. Otherwise the garbage collection of these copies would be counted for other
 * subjects.
 */
const ED25519_SHARE = 0.2;

export async function benchFactors(volume: Volume): Promise<Report[]> {
  const reports: Report[] = [];
  for (const { size, bytes, node } of SIZES) {
    const all = makeFactorSubjects(bytes);
    const subjects = Object.fromEntries(heldSubjects(bytes).map((name) => [name, all[name] as () => unknown]));
    const name = `factors in Node, ${size}`;
    const few = times(volume, node * ED25519_SHARE);
    reports.push(await measureInProcess(name, times(volume, node), subjects, targetsOf(Object.keys(subjects))));
    reports.push(await measureInProcess(name, few, { [ED25519]: all[ED25519] as () => unknown }, []));
  }
  for (const { name, payments, node } of PAYMENTS) {
    const targets = [{ subject: MATCH, against: PARSE, ratio: RATIO }];
    reports.push(
      await measureInProcess(`body matcher, ${name}`, times(volume, node), makeBodySubjects(payments), targets),
    );
  }
  const worker = await startFactorWorker();
  for (const { size, bytes, workerd } of SIZES) {
    const name = `factors in workerd, ${size}`;
    const few = times(volume, workerd * ED25519_SHARE);
    reports.push(await measureInWorkerd(name, times(volume, workerd), worker, bytes, heldSubjects(bytes)));
    reports.push(await measureInWorkerd(name, few, worker, bytes, [ED25519]));
  }
  return reports;
}

/**
 * Returns the names of all subjects except Ed25519. Basic is included only for the smallest size, because it does not read the
 * body.
 */
function heldSubjects(bytes: number): string[] {
  const names = Object.keys(makeFactorSubjects(0));
  return names.filter((name) => name !== ED25519 && (name !== BASIC || bytes === SIZES[0]?.bytes));
}

function targetsOf(subjects: readonly string[]): Target[] {
  const held = subjects.includes(BARE) ? subjects.filter((subject) => subject !== BARE) : [];
  return held.map((subject) => ({ subject, against: BARE, ratio: RATIO }));
}

function startFactorWorker(): Promise<RunningProcess> {
  const folder = makeFolder();
  const policyFile = join(folder, "policy.json");
  writeFileSync(policyFile, "{}");
  const main = fileURLToPath(new URL("edge-workers/factors.ts", import.meta.url));
  return startWorker({ main, policyFile, bindings: {}, folder: join(folder, "worker") });
}

async function measureInWorkerd(
  bench: string,
  volume: Volume,
  worker: RunningProcess,
  bytes: number,
  subjects: readonly string[],
): Promise<Report> {
  const samples = new Map<string, Sample[]>(subjects.map((subject) => [subject, []]));
  for (let round = -WARM_UP_ROUNDS; round < volume.rounds; round++) {
    for (const index of subjects.keys()) {
      const subject = subjects[(index + round + WARM_UP_ROUNDS) % subjects.length] as string;
      const sample = await measureRequest(worker, subject, bytes, volume.eventsPerRound);
      if (round >= 0) samples.get(subject)?.push(sample);
    }
  }
  return summarize(bench, volume, samples, targetsOf(subjects));
}

async function measureRequest({ pid, url }: RunningProcess, subject: string, bytes: number, count: number) {
  const query = new URLSearchParams({ subject, bytes: String(bytes), count: String(count) });
  const cpu = readCpuMicroseconds([pid]);
  const start = performance.now();
  const { status } = await fetch(`${url}/?${query}`);
  if (status !== 202) throw new Error(`${subject}: ${status}`);
  const seconds = (performance.now() - start) / 1000;
  return { cpuMicroseconds: (readCpuMicroseconds([pid]) - cpu) / count, eventsPerSecond: count / seconds };
}
