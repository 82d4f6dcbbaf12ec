// Sends events to every subject in every round, and reads the CPU time of each server's process.

import { type LoadedEvent, sendAll, type TlsClient } from "./load.ts";
import { readCpuMicroseconds } from "./processes.ts";
import type { Sample, Volume } from "./report.ts";

/** One server under test. */
export interface Subject {
  readonly name: string;
  readonly pid: number;
  /** Another process that works for the subject, for example the app behind a proxy. */
  readonly helperPid?: number;
  readonly url: string;
  /** The client for an https URL. */
  readonly tls?: TlsClient;
  /** If set, this function is called instead of sending events. It must make and handle `count` events itself. */
  readonly run?: (count: number) => void;
  /** The number of events that are in progress at the same time. The default is CONNECTIONS of load.ts. */
  readonly connections?: number;
  /** The share of a round's events that the subject gets. Slow subjects have a share of less than 1. The default is 1. */
  readonly share?: number;
}

/** The number of rounds before the measurement. After these rounds, the optimising compilers have finished. */
const WARM_UP_ROUNDS = 4;
const SETTLE_MILLISECONDS = 50;

/**
 * Measures every subject in every round. Each round starts with a different subject. `makeEvents` is called once in a round, and
 * every subject gets the same events.
 */
export async function measureRounds(
  subjects: readonly Subject[],
  { rounds, eventsPerRound }: Volume,
  makeEvents: (count: number) => readonly LoadedEvent[] | Promise<readonly LoadedEvent[]>,
): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(subjects.map(({ name }) => [name, []]));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const events = await makeEvents(eventsPerRound);
    for (const index of subjects.keys()) {
      const subject = subjects[(index + round + WARM_UP_ROUNDS) % subjects.length] as Subject;
      const sample = await measure(subject, events.slice(0, Math.ceil(events.length * (subject.share ?? 1))));
      if (round >= 0) samples.get(subject.name)?.push(sample);
      process.stderr.write(round < 0 ? "" : ".");
    }
  }
  process.stderr.write("\n");
  return samples;
}

async function measure(
  { pid, helperPid, url, tls, connections, run }: Subject,
  events: readonly LoadedEvent[],
): Promise<Sample> {
  const pids = helperPid === undefined ? [pid] : [pid, helperPid];
  const cpu = readCpuMicroseconds(pids);
  const start = performance.now();
  if (run === undefined) await sendAll(url, events, tls, connections);
  else run(events.length);
  const seconds = (performance.now() - start) / 1000;
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MILLISECONDS));
  return {
    cpuMicroseconds: (readCpuMicroseconds(pids) - cpu) / events.length,
    eventsPerSecond: events.length / seconds,
  };
}
