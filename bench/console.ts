// Measures three things of the console: how fast an origin accepts events while a console page is open, the memory of this origin
// during 100,000 events, and the time for the list of a million events.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { publicJwk } from "../core/assertion/keys.ts";
import { prepareAssertedEvents } from "./assertions.ts";
import { AUDIENCE, ISSUER, makeFixture } from "./fixture.ts";
import { makeFullInbox } from "./inbox-full.ts";
import { sendAll } from "./load.ts";
import { makeFolder, type RunningProcess, startServer } from "./processes.ts";
import { type Report, type Sample, summarize, type Target, type Volume } from "./report.ts";
import { measureRounds, type Subject } from "./rounds.ts";
import type { OriginSettings } from "./servers/settings.ts";

const OPEN = "with its list open";
const CLOSED = "without a console";
const FULL = "list of 1 000 000 events";
const EMPTY = "list of none";
const CONNECTIONS = 64;
const ACCEPTANCE: readonly Target[] = [{ against: CLOSED, ratio: 0.95, isRate: true }];
const LISTS: readonly Target[] = [{ against: EMPTY, ratio: 1 / 3, isRate: true }];
const PAGES_PER_ROUND = 100;
const EVENTS = 100_000;
const MEMORY_MILLISECONDS = 500;
/**
 * The two parts of the run in which the memory is compared. The bounds of each part are fractions of `EVENTS`. The part before
 * EARLY is left out, because the caches are still filling and the code is not yet optimised.
 */
const EARLY = [0.25, 0.5] as const;
const LATE = [0.75, 1] as const;
/**
 * The mean memory in LATE may be at most this many times the mean memory in EARLY. A tenth more is allowed, because the size of
 * the heap varies between two garbage collections.
 */
const FLAT = 1.1;

type Served = RunningProcess & { readonly console: string };

export async function benchConsole(volume: Volume): Promise<Report[]> {
  const fixture = await makeFixture();
  const settings: OriginSettings = {
    policy: fixture.policy,
    jwks: { keys: [publicJwk(fixture.signingKey)] },
    issuer: ISSUER,
    audience: AUDIENCE,
  };
  const folder = makeFolder();
  const start = async (inbox: string): Promise<Served> => {
    const { pid, url } = await startServer("countersign", { ...settings, inbox, hasConsole: true });
    const [origin = "", console = ""] = url.split(" ");
    return { pid, url: origin, console };
  };
  const open = await start(join(folder, "open.sqlite"));
  const closed = await startServer("countersign", { ...settings, inbox: join(folder, "closed.sqlite") });
  const lists = [
    [FULL, await start(await makeFullInbox(folder))],
    [EMPTY, await start(join(folder, "empty.sqlite"))],
  ] as const;
  const reports = [await measureLists(lists, volume.rounds)];
  const page = await openPage(open);
  const subjects: Subject[] = [
    { ...open, name: OPEN, connections: CONNECTIONS },
    { ...closed, name: CLOSED, connections: CONNECTIONS },
  ];
  const makeEvents = await prepareAssertedEvents(fixture);
  const samples = await measureRounds(subjects, volume, makeEvents);
  reports.push(summarize(`console, ${CONNECTIONS} connections`, volume, samples, ACCEPTANCE));
  await page.close();
  reports.push(await measureMemory(await start(join(folder, "memory.sqlite")), makeEvents));
  return reports;
}

/** Measures the resident memory of an origin that accepts EVENTS events while a console page with the list of events is open. */
async function measureMemory(
  origin: Served,
  makeEvents: Awaited<ReturnType<typeof prepareAssertedEvents>>,
): Promise<Report> {
  const page = await openPage(origin);
  const memory: { readonly share: number; readonly mebibytes: number }[] = [];
  let accepted = 0;
  const timer = setInterval(
    () => memory.push({ share: accepted / EVENTS, mebibytes: memoryOf(origin.pid) }),
    MEMORY_MILLISECONDS,
  );
  const batch = EVENTS / 40;
  for (; accepted < EVENTS; accepted += batch)
    await sendAll(origin.url, await makeEvents(batch), undefined, CONNECTIONS);
  clearInterval(timer);
  const fetched = await page.close();
  const mean = ([from, to]: readonly [number, number]) => {
    const own = memory.filter(({ share }) => share >= from && share < to);
    return own.reduce((sum, { mebibytes }) => sum + mebibytes, 0) / own.length;
  };
  const quarters = [0, 0.25, 0.5, 0.75].map((from) => mean([from, from + 0.25]).toFixed(0));
  process.stderr.write(
    `memory in MiB, the mean of each quarter of ${EVENTS} events with the list open: ${quarters.join(", ")}; at most ${Math.max(...memory.map(({ mebibytes }) => mebibytes))}; the list was fetched ${fetched} times\n`,
  );
  const measured = mean(LATE) / mean(EARLY);
  const target = { against: "the second quarter", ratio: FLAT, measured, met: measured <= FLAT };
  const bench = "console, resident memory of the last quarter";
  return { bench, rounds: 1, eventsPerRound: EVENTS, figures: [], targets: [target] };
}

/** Measures requests for the lists of events, one after another. Each response is read with its body. */
async function measureLists(lists: readonly (readonly [string, Served])[], rounds: number): Promise<Report> {
  const samples = new Map<string, Sample[]>(lists.map(([name]) => [name, []]));
  for (let round = -2; round < rounds; round += 1) {
    for (const [name, { console }] of round % 2 === 0 ? lists : lists.toReversed()) {
      const cpu = process.cpuUsage();
      const start = performance.now();
      for (let page = 0; page < PAGES_PER_ROUND; page += 1) await (await fetch(`${console}/events`)).text();
      const seconds = (performance.now() - start) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      const sample = { cpuMicroseconds: (user + system) / PAGES_PER_ROUND, eventsPerSecond: PAGES_PER_ROUND / seconds };
      if (round >= 0) samples.get(name)?.push(sample);
    }
  }
  return summarize("console, pages by their reader", { rounds, eventsPerRound: PAGES_PER_ROUND }, samples, LISTS);
}

/** Opens the list of events in a separate process. `close` resolves to the number of times that the list was fetched. */
async function openPage({ console }: Served): Promise<{ close(): Promise<number> }> {
  const tab = await startServer("console-tab", { console });
  return { close: async () => Number(await (await fetch(tab.url)).text()) };
}

/** Returns the resident memory of the process, in MiB. */
function memoryOf(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}
