// Tests a full disk under load. The disk contains the SQLite file, or the tables of PostgreSQL. It is full for some time only.

import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { missingPostgres } from "../support/inbox-stores.ts";
import { startPostgres } from "../support/postgres.ts";
import { expectBalance } from "./books.ts";
import { mountSmallDisk } from "./disks.ts";
import { createFaultWorld, sleep } from "./world.ts";

const TIMES_FULL = 3;
const DISK_MEGABYTES = 64;
const PADDING = 4_000;
const FULL_MILLISECONDS = 1_500;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/** Fills the disk. Returns a function that makes the space free again. */
function fill(disk: string): () => void {
  const filler = join(disk, "filler");
  const descriptor = openSync(filler, "w");
  for (let block = 1024 * 1024; block >= 512; block /= 2) {
    const bytes = Buffer.alloc(block);
    try {
      while (writeSync(descriptor, bytes) === block);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }
  closeSync(descriptor);
  return () => rmSync(filler);
}

async function expectRecovery(title: string, disk: string, inbox: string): Promise<void> {
  const world = await createFaultWorld(stack, inbox, { padding: PADDING });
  const port = await freePort();
  const origin = await world.start(port);
  let isOver = false;
  const load = world.send([port], () => isOver);
  const refused = () => world.ledger.answers.get(503) ?? 0;
  for (let time = 0; time < TIMES_FULL; time += 1) {
    await sleep(700);
    const before = refused();
    const empty = fill(disk);
    await expect.poll(refused, { message: "refused while the disk was full" }).toBeGreaterThan(before);
    await sleep(FULL_MILLISECONDS);
    empty();
    const acknowledged = world.ledger.acknowledged.size;
    await expect.poll(() => world.ledger.acknowledged.size).toBeGreaterThan(acknowledged + 20);
  }
  isOver = true;
  await load;
  expectBalance(await world.balance(`${title}, disk full ${TIMES_FULL} times`));
  expect([...world.ledger.answers.keys()].toSorted((a, b) => a - b)).toEqual(
    [200, 202, 503].filter((status) => world.ledger.answers.has(status)),
  );
  // The process of the origin has run all the time without a restart.
  expect(origin.process.exitCode).toBeNull();
  expect(await origin.stop()).toBe(0);
}

test("SQLite on a full disk tells senders to retry, and recovers by itself", async ({ skip }) => {
  const disk = mountSmallDisk(stack, DISK_MEGABYTES);
  if (disk === undefined) return skip();
  await expectRecovery("SQLite", disk, join(disk, "inbox.sqlite"));
});

describe.skipIf(missingPostgres())("PostgreSQL", () => {
  test("with tables on a full disk tells senders to retry, and recovers by itself", async ({ skip }) => {
    const disk = mountSmallDisk(stack, DISK_MEGABYTES);
    if (disk === undefined) return skip();
    const server = await startPostgres(stack);
    await expectRecovery("PostgreSQL", disk, await server.createDatabase(disk));
  });
});
