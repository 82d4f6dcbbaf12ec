// Acceptance into an inbox that holds a million events, next to one that holds few: the inbox alone, without a server around it.

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openInbox } from "../origin/inbox/open.ts";
import type { Inbox } from "../origin/inbox.ts";
import { deliveryOf } from "../test/support/inbox.ts";
import { makeFolder } from "./processes.ts";
import { type Report, type Sample, summarize, type Target, type Volume } from "./report.ts";

const MILLION = 1_000_000;
const BODY = "x".repeat(2048);
/** At most 1.2 × the time of an empty one. */
const TARGETS: readonly Target[] = [{ against: "empty", ratio: 1 / 1.2, isRate: true }];

export async function benchFullInbox({ rounds }: Volume): Promise<Report[]> {
  const folder = makeFolder();
  const fullFile = join(folder, "full.sqlite");
  await (await openInbox(fullFile)).close();
  fill(fullFile);
  const inboxes = [
    ["full", await openInbox(fullFile)],
    ["empty", await openInbox(join(folder, "empty.sqlite"))],
  ] as const;
  const reports: Report[] = [];
  for (const together of [1, 64]) {
    const count = together === 1 ? 100 : 20 * together;
    const samples = await measureInTurn(inboxes, rounds, count, together);
    const title = `inbox alone, holding ${MILLION} events or none, ${together} at a time`;
    reports.push(summarize(title, { rounds, eventsPerRound: count }, samples, TARGETS));
  }
  for (const [, inbox] of inboxes) await inbox.close();
  return reports;
}

async function measureInTurn(
  inboxes: readonly (readonly [string, Inbox])[],
  rounds: number,
  count: number,
  together: number,
): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(inboxes.map(([name]) => [name, []]));
  for (let round = -2; round < rounds; round += 1) {
    for (const [name, inbox] of round % 2 === 0 ? inboxes : inboxes.toReversed()) {
      const sample = await measure(inbox, count, together);
      if (round >= 0) samples.get(name)?.push(sample);
    }
  }
  return samples;
}

async function measure(inbox: Inbox, count: number, together: number): Promise<Sample> {
  const deliveries = Array.from({ length: count }, () =>
    deliveryOf({ id: randomUUID(), sender: "example", body: BODY }),
  );
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let first = 0; first < count; first += together) {
    const batch = deliveries.slice(first, first + together);
    await Promise.all(
      batch.map((delivery) => inbox.accept(delivery, { issuer: "bench", jti: delivery.id, expires: 0 })),
    );
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMicroseconds: (user + system) / count, eventsPerSecond: count / seconds };
}

/** Events that were handled long ago: their bodies are erased. Sorted only by chance, as real ids are. */
function fill(file: string): void {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA synchronous = OFF; PRAGMA cache_size = -524288; PRAGMA locking_mode = EXCLUSIVE");
  const headers = JSON.stringify(Array.from({ length: 4 }, (_, n) => [`x-header-${n}`, "y".repeat(40)]));
  const insert = database.prepare(`
    INSERT INTO event (id, issuer, jti, accepted_at, sender, method, target, content_type, headers, content_digest,
                       event_key, certificate, factors, policy_digest)
    VALUES (?1, 'bench', ?2, 1700000000, 'example', 'POST', '/hooks/orders', 'application/json', ?3,
            'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:', ?4, 'null', '["hmac"]', 'digest')`);
  database.exec("BEGIN");
  for (let n = 0; n < MILLION; n += 1) insert.run(randomUUID(), randomUUID(), headers, JSON.stringify([randomUUID()]));
  database.exec(`
    UPDATE work SET state = 'done', due_at = NULL, has_body = 0;
    COMMIT; PRAGMA wal_checkpoint(TRUNCATE)`);
  database.close();
}
