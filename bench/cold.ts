// Measures the cost of an isolate until it has answered its first event. Each round starts a new process with many isolates of one
// worker.

import { type Candidate, OURS, prepareEdge } from "./edge.ts";
import { type LoadedEvent, sendAll } from "./load.ts";
import { readCpuMicroseconds } from "./processes.ts";
import { type Comparison, type Report, type Sample, summarize } from "./report.ts";

/**
 * The number of isolates in one process. With many isolates, the process itself costs little in comparison, and the coarse steps
 * of CPU time (a hundredth of a second) matter little.
 */
const ISOLATES = 20;
const SETTLE_MILLISECONDS = 100;
/** This worker does almost nothing, so it shows the cost that the platform has for any worker. */
const PLATFORM: Candidate = { name: "pass-through", worker: "pass-through" };
const CANDIDATES: readonly Candidate[] = [OURS, PLATFORM, { name: "naive signer", worker: "naive" }];

type Start = Awaited<ReturnType<Awaited<ReturnType<typeof prepareEdge>>["prepare"]>>;
/** The samples of each subject, by its name. */
type Samples = Map<string, Sample[]>;

/** `beside` is the folder of another checkout of this project. The worker of that checkout is measured too. */
export async function benchCold(rounds: number, beside: string | undefined): Promise<Report[]> {
  const { event, prepare } = await prepareEdge();
  const other: readonly Candidate[] = beside === undefined ? [] : [{ name: "other tree", tree: beside }];
  const candidates = [...CANDIDATES, ...other];
  const starts = await Promise.all(candidates.map((candidate) => prepare(candidate, ISOLATES)));
  const evaluations: Samples = new Map(candidates.map(({ name }) => [name, []]));
  const wholes: Samples = new Map(candidates.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const index of candidates.keys()) {
      const at = (index + round) % candidates.length;
      const { name } = candidates[at] as Candidate;
      const { evaluation, whole } = await measure(starts[at] as Start, event);
      evaluations.get(name)?.push(evaluation);
      wholes.get(name)?.push(whole);
      process.stderr.write(".");
    }
  }
  process.stderr.write("\n");
  const volume = { rounds, eventsPerRound: ISOLATES };
  const comparisons: Comparison[] = candidates.slice(1).map(({ name }) => ({ against: name }));
  return [
    summarize("cold start, until the module is evaluated", volume, evaluations, comparisons),
    summarize("cold start, until the first event is answered", volume, wholes, comparisons),
  ];
}

async function measure(start: Start, event: LoadedEvent): Promise<{ evaluation: Sample; whole: Sample }> {
  const began = performance.now();
  const { pid, urls, stop } = await start();
  const evaluation = await readSample(pid, began);
  // Sends one request at a time. Two simultaneous requests would wait for each other, and the CPU time of waiting would be
  // counted.
  for (const url of urls) await sendAll(url, [event], undefined, 1);
  const whole = await readSample(pid, began);
  await stop();
  return { evaluation, whole };
}

/** Returns the CPU time per isolate since the start of the process, and the number of isolates per second. */
async function readSample(pid: number, began: number): Promise<Sample> {
  const seconds = (performance.now() - began) / 1000;
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MILLISECONDS));
  return { cpuMicroseconds: readCpuMicroseconds([pid]) / ISOLATES, eventsPerSecond: ISOLATES / seconds };
}
