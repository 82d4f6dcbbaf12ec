// Measures dispatch from the inbox to a handler, next to a hand-written queue table that does the same work. Both are measured
// with SQLite and with PostgreSQL. The inbox is also measured while many events wait in it.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { formatEventId } from "../core/delivery/id.ts";
import { Dispatcher } from "../origin/dispatch/dispatcher.ts";
import { DISPATCH_LIMITS } from "../origin/dispatch/limits.ts";
import type { Inbox } from "../origin/inbox/inbox.ts";
import { openInbox } from "../origin/inbox/open.ts";
import { deliveryOf } from "../test/support/inbox.ts";
import { findPostgres, startPostgres } from "../test/support/postgres.ts";
import { openPlainPostgresQueue, openPlainSqliteQueue, type PlainQueue } from "./plain-queue.ts";
import { makeFolder, readCpuMicroseconds } from "./processes.ts";
import { type Report, type Sample, summarize, type Target, type Volume } from "./report.ts";

const BODY = "x".repeat(2048);
const LANES = DISPATCH_LIMITS.concurrency;
const BACKLOG = 50_000;
const STORE_AT_A_TIME = 250;
/**
 * The maximum time that a handler takes. The time is random. If all attempts ended at the same moment, the dispatcher could end
 * many of them in one transaction, which does not happen in practice.
 */
const MAX_HANDLER_MILLISECONDS = 4;
const WARM_UP_ROUNDS = 2;
/** Our dispatch must cost no more than a bare table, although it also has leases, order, retries and reasons of failures. */
const TARGETS: readonly Target[] = [
  { against: "by hand", ratio: 1 },
  { against: "by hand", ratio: 1, isRate: true },
];

/** One implementation of a queue. */
interface Subject {
  fill(count: number): Promise<void>;
  /** Handles this number of events, then stops. */
  run(count: number): Promise<void>;
}

export async function benchDispatch(volume: Volume): Promise<Report[]> {
  const folder = makeFolder();
  const open = async (name: string) => dispatchFrom(await openInbox(join(folder, name)));
  const waiting = await open("waiting.sqlite");
  await waiting.fill(BACKLOG);
  const sqlite = {
    SQLite: await open("inbox.sqlite"),
    [`SQLite, ${BACKLOG} more wait`]: waiting,
    "by hand": runByHand(openPlainSqliteQueue(join(folder, "plain.sqlite"))),
  };
  const reports = [await measureAll("dispatch from SQLite", volume, sqlite, [process.pid])];
  if (findPostgres() === undefined) {
    process.stderr.write("PostgreSQL is not installed: left out\n");
    return reports;
  }
  const server = await startPostgres(new AsyncDisposableStack());
  const postgres = {
    PostgreSQL: dispatchFrom(await openInbox(await server.createDatabase())),
    "by hand": runByHand(await openPlainPostgresQueue(await server.createDatabase(), LANES)),
  };
  const pids = [process.pid, server.pid()];
  return [...reports, await measureAll("dispatch from PostgreSQL, with the server's CPU", volume, postgres, pids)];
}

async function measureAll(
  bench: string,
  volume: Volume,
  subjects: Readonly<Record<string, Subject>>,
  pids: readonly number[],
): Promise<Report> {
  const entries = Object.entries(subjects);
  const samples = new Map<string, Sample[]>(entries.map(([name]) => [name, []]));
  for (let round = -WARM_UP_ROUNDS; round < volume.rounds; round += 1) {
    for (const [name, subject] of round % 2 === 0 ? entries : entries.toReversed()) {
      await subject.fill(volume.eventsPerRound);
      const sample = await measure(subject, volume.eventsPerRound, pids);
      if (round >= 0) samples.get(name)?.push(sample);
      process.stderr.write(round < 0 ? "" : ".");
    }
  }
  process.stderr.write("\n");
  return summarize(bench, volume, samples, TARGETS);
}

async function measure(subject: Subject, count: number, pids: readonly number[]): Promise<Sample> {
  const cpu = readCpuMicroseconds(pids);
  const start = performance.now();
  await subject.run(count);
  const seconds = (performance.now() - start) / 1000;
  return { cpuMicroseconds: (readCpuMicroseconds(pids) - cpu) / count, eventsPerSecond: count / seconds };
}

function handle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * MAX_HANDLER_MILLISECONDS));
}

function dispatchFrom(inbox: Inbox): Subject {
  const accept = () => {
    const id = formatEventId(Date.now(), randomBytes(16));
    return inbox.accept(deliveryOf({ id, sender: "example", body: BODY }), { issuer: "bench", jti: id, expires: 0 });
  };
  return {
    async fill(count) {
      for (let first = 0; first < count; first += STORE_AT_A_TIME) {
        await Promise.all(Array.from({ length: Math.min(STORE_AT_A_TIME, count - first) }, accept));
      }
    },
    async run(count) {
      let handled = 0;
      const done = Promise.withResolvers<void>();
      const dispatcher = new Dispatcher({
        work: inbox.work,
        handler: handle,
        log({ decision }) {
          if (decision === "dispatched") handled += 1;
          else done.reject(new Error(`an attempt was ${decision}`));
          if (handled === count) done.resolve();
        },
      });
      dispatcher.start();
      await done.promise;
      await dispatcher.stop();
    },
  };
}

function runByHand(queue: PlainQueue): Subject {
  return {
    fill: (count) => queue.add(Array.from({ length: count }, () => Buffer.from(BODY))),
    async run(count) {
      let taken = 0;
      const lane = async () => {
        while (taken < count) {
          taken += 1;
          const event = await queue.take();
          if (event === undefined) throw new Error("fewer events than were added");
          await handle();
          await queue.end(event.sequence);
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
    },
  };
}
