// Measures functions in this process. Every function runs in every round.

import { type Report, type Sample, summarize, type Target, type Volume } from "./report.ts";

/**
 * The functions that are measured, by name. Each call does the work of one event. `index` counts from 0 in each round. If a
 * function returns a promise, the promise is awaited.
 */
export type Subjects = Readonly<Record<string, (index: number) => unknown>>;

const WARM_UP_ROUNDS = 4;

/** Measures every subject in every round. Each round starts with a different subject. */
export async function measureInProcess(
  bench: string,
  volume: Volume,
  subjects: Subjects,
  targets: readonly Target[],
): Promise<Report> {
  const entries = Object.entries(subjects);
  const samples = new Map<string, Sample[]>(entries.map(([name]) => [name, []]));
  for (let round = -WARM_UP_ROUNDS; round < volume.rounds; round++) {
    for (const index of entries.keys()) {
      const [name, work] = entries[(index + round + WARM_UP_ROUNDS) % entries.length] as (typeof entries)[number];
      const sample = await measureOnce(work, volume.eventsPerRound);
      if (round >= 0) samples.get(name)?.push(sample);
    }
  }
  return summarize(bench, volume, samples, targets);
}

async function measureOnce(work: (index: number) => unknown, count: number): Promise<Sample> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let index = 0; index < count; index++) {
    const result = work(index);
    if (result instanceof Promise) await result;
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMicroseconds: (user + system) / count, eventsPerSecond: count / seconds };
}

/**
 * Multiplies the number of events in a round. If the work of an event takes a microsecond, it must be repeated more often than work
 * of a millisecond.
 */
export function times({ rounds, eventsPerRound }: Volume, factor: number): Volume {
  return { rounds, eventsPerRound: Math.ceil(eventsPerRound * factor) };
}
