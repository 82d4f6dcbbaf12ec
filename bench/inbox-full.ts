// Measures acceptance into an inbox with a million events, and into a new inbox. Both measurements run in this process, without
// a server.

import { randomBytes, randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { formatEventId } from "../core/delivery/id.ts";
import type { AcceptDelivery } from "../origin/accept.ts";
import { openInbox } from "../origin/inbox/open.ts";
import { deliveryOf } from "../test/support/inbox.ts";
import { openPlainInbox } from "./plain-inbox.ts";
import { makeFolder } from "./processes.ts";
import { type Report, type Sample, summarize, type Target, type Volume } from "./report.ts";

const MILLION = 1_000_000;
const BODY = "x".repeat(2048);
const LOOP = "plain loop";
/**
 * The full inbox may take at most 1.2 × the time of the new inbox. With 64 events at a time, the new inbox must store at least
 * 5 × as many events per second as the plain loop. The plain loop makes one insert and one commit per event (plain-inbox.ts).
 */
const TARGETS: readonly Target[] = [
  { subject: "full", against: "new", ratio: 1 / 1.2, isRate: true },
  { against: LOOP, ratio: 5, isRate: true },
];

interface Case {
  /** The number of events that are accepted at the same time. */
  readonly together: number;
  readonly isKeyed: boolean;
  readonly title: string;
}

const MANY = 64;
const CASES: readonly Case[] = [
  { together: 1, isKeyed: false, title: "1 at a time, without keys" },
  { together: MANY, isKeyed: false, title: "64 at a time, without keys" },
  { together: MANY, isKeyed: true, title: "64 at a time, with keys of random texts" },
];

/**
 * The number of batches in each round. SQLite copies its log into the file after about twenty batches. With this many batches, each
 * round contains several of these copies, so the copies are part of the cost of every round.
 */
const BATCHES = 80;

export async function benchFullInbox({ rounds }: Volume): Promise<Report[]> {
  const folder = makeFolder();
  const full = await openInbox(await makeFullInbox(folder));
  const loop = openPlainInbox(join(folder, "loop.sqlite"));
  const reports: Report[] = [];
  for (const one of CASES) {
    const count = one.together === 1 ? 200 : BATCHES * one.together;
    const samples = await measureInTurn({ full: full.accept, [LOOP]: loop }, rounds, count, one);
    const targets = one.together === 1 ? TARGETS.slice(0, 1) : TARGETS;
    const title = `inbox alone, holding ${MILLION} events or new, ${one.title}`;
    reports.push(summarize(title, { rounds, eventsPerRound: count }, samples, targets));
  }
  await full.close();
  return reports;
}

/**
 * Measures these inboxes, and an inbox that is made anew for each round. The new inbox first stores as many events as a round
 * has, so that its log has its full size. A log that still grows takes longer to write.
 */
async function measureInTurn(
  inboxes: Readonly<Record<string, AcceptDelivery>>,
  rounds: number,
  count: number,
  one: Case,
): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>();
  for (let round = -2; round < rounds; round += 1) {
    const folder = makeFolder();
    const fresh = await openInbox(join(folder, "new.sqlite"));
    await measure(fresh.accept, BATCHES * MANY, { ...one, together: MANY });
    const subjects = Object.entries({ new: fresh.accept, ...inboxes });
    for (const [name, accept] of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const sample = await measure(accept, count, one);
      if (round >= 0) samples.set(name, [...(samples.get(name) ?? []), sample]);
    }
    await fresh.close();
    rmSync(folder, { recursive: true });
  }
  return samples;
}

async function measure(accept: AcceptDelivery, count: number, { together, isKeyed }: Case): Promise<Sample> {
  const deliveries = Array.from({ length: count }, () =>
    deliveryOf({
      ...{ id: newId(), sender: "example", body: BODY },
      eventKey: isKeyed ? JSON.stringify([randomUUID()]) : undefined,
    }),
  );
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let first = 0; first < count; first += together) {
    const batch = deliveries.slice(first, first + together);
    await Promise.all(batch.map((delivery) => accept(delivery, { issuer: "bench", jti: delivery.id, expires: 0 })));
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMicroseconds: (user + system) / count, eventsPerSecond: count / seconds };
}

/** Returns an id in the form that edge and origin use for events. */
function newId(): string {
  return formatEventId(Date.now(), randomBytes(16));
}

/** Makes an SQLite file with a million events that were handled long ago, so their bodies are erased. */
export async function makeFullInbox(folder: string): Promise<string> {
  const file = join(folder, "full.sqlite");
  await (await openInbox(file)).close();
  const database = new DatabaseSync(file);
  database.exec("PRAGMA synchronous = OFF; PRAGMA cache_size = -524288; PRAGMA locking_mode = EXCLUSIVE");
  const headers = JSON.stringify(Array.from({ length: 4 }, (_, n) => [`x-header-${n}`, "y".repeat(40)]));
  const insert = database.prepare(`
    INSERT INTO event (id, issuer, jti, accepted_at, sender, method, target, content_type, headers, content_digest,
                       event_key, certificate, factors, relied_on_edge, policy_digest, assertion_expires)
    VALUES (?1, 'bench', ?2, 1700000000, 'example', 'POST', '/hooks/orders', 'application/json', ?3,
            'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:', ?4, 'null', '["hmac"]', '[]', 'digest', 0)`);
  database.exec("BEGIN");
  for (let n = 0; n < MILLION; n += 1) insert.run(newId(), newId(), headers, JSON.stringify([randomUUID()]));
  database.exec(`
    UPDATE work SET state = 'done', due_at = NULL, has_body = 0;
    COMMIT; PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)`);
  // Writes the file to disk now. Otherwise the kernel would write a gigabyte during the measurement.
  database.close();
  return file;
}
