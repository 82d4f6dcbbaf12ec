// Tests a loss of power while an origin stores events. Data that was on the disk when an event was acknowledged is kept. Data that
// was written later may be missing or wrong, in whole or in part.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openSqliteInbox } from "../../origin/inbox/sqlite/inbox.ts";
import { freePort } from "../support/free-port.ts";
import type { Running } from "../support/running.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { expectBalance } from "./books.ts";
import { mountPowerDisk } from "./disks.ts";
import { createFaultWorld, type FaultWorld } from "./world.ts";

const POWER_CUTS = 5;
const EVENTS_BETWEEN = 100;
const TRIED_LENGTHS = 40;
/**
 * The padding of each event in octets. The events are so large that SQLite runs checkpoints between two power cuts. A checkpoint
 * moves the log into the database file. Some of the power cuts happen during a checkpoint.
 */
const PADDING = 12_000;
const PADDED_EVENTS_BETWEEN = 600;
const WAIT = { timeout: 60_000, interval: 5 };
/** Up to this size, SQLite only appends to the log. So the length of the log shows which events the log contains. */
const MAX_LOG_BYTES = 16 * 1024 * 1024;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/**
 * An event, and the length of the log when the event was acknowledged. The first `length` octets of the log contain the commit of
 * the event.
 */
interface Mark {
  readonly name: string;
  readonly length: number;
}

test(`a log that is cut at any length, ${POWER_CUTS} times under load, holds all events acknowledged up to this length`, async () => {
  const file = join(temporaryDirectory(stack), "inbox.sqlite");
  const log = `${file}-wal`;
  const world = await createFaultWorld(stack, file);
  const port = await freePort();
  const marks: Mark[] = [];
  let isOver = false;
  const load = world.send(
    [port],
    () => isOver,
    (name) => marks.push({ name, length: statSync(log, { throwIfNoEntry: false })?.size ?? 0 }),
  );
  for (let cut = 0; cut < POWER_CUTS; cut += 1) {
    // This origin reads the inbox that the previous cut left. The origin stops normally, so it leaves no log file.
    const before = await world.start(port);
    await vi.waitUntil(() => world.ledger.acknowledged.size > cut * EVENTS_BETWEEN, WAIT);
    expect(await before.stop()).toBe(0);
    const origin = await world.start(port);
    marks.length = 0;
    await vi.waitUntil(() => marks.length > EVENTS_BETWEEN, WAIT);
    await tryLengths(world, file, marks);
    // The senders run in this process, so tryLengths() held them up. The test waits until events are acknowledged again, so that
    // the cut happens under load.
    const tried = marks.length;
    await vi.waitUntil(() => marks.length > tried + EVENTS_BETWEEN, WAIT);
    await end(origin, world);
    expect(statSync(log).size).toBeLessThan(MAX_LOG_BYTES);
    damage(log, Math.max(...marks.map(({ length }) => length)), cut);
    rmSync(`${file}-shm`, { force: true });
  }
  const last = await world.start(port);
  isOver = true;
  await load;
  expectBalance(await world.balance(`SQLite, log cut ${POWER_CUTS} times`));
  expect(await last.stop()).toBe(0);
});

test(`a disk that loses power ${POWER_CUTS} times under load keeps all acknowledged events`, async ({ skip }) => {
  const disk = mountPowerDisk(stack);
  if (disk === undefined) return skip();
  const file = join(disk.path, "inbox.sqlite");
  const world = await createFaultWorld(stack, file, { padding: PADDING });
  const { acknowledged } = world.ledger;
  const port = await freePort();
  let isOver = false;
  const load = world.send([port], () => isOver);
  for (let cut = 1; cut <= POWER_CUTS; cut += 1) {
    const origin = await world.start(port);
    await vi.waitUntil(() => acknowledged.size > cut * PADDED_EVENTS_BETWEEN, WAIT);
    await disk.losePower();
    await end(origin, world);
    disk.restorePower();
    expect(acknowledged.difference(await world.stored(file)), `cut ${cut}`).toEqual(new Set());
  }
  const last = await world.start(port);
  isOver = true;
  await load;
  expectBalance(await world.balance(`SQLite, power gone ${POWER_CUTS} times`));
  expect(await last.stop()).toBe(0);
});

/** Kills the origin. Then waits for the responses that were already on their way. */
async function end(origin: Running, { settled }: FaultWorld): Promise<void> {
  origin.process.kill("SIGKILL");
  await once(origin.process, "exit");
  await settled();
}

/**
 * Copies the inbox while the origin writes, and cuts the log of the copy at several lengths. At each length, the copy must open, be
 * intact, accept writes, and contain the events that were acknowledged when the log was not longer than this length.
 */
async function tryLengths(world: FaultWorld, file: string, marks: readonly Mark[]): Promise<void> {
  const known = [...marks];
  const copy = join(temporaryDirectory(stack), "copy.sqlite");
  const [database, log] = [readFileSync(file), readFileSync(`${file}-wal`)];
  for (let tried = 0; tried <= TRIED_LENGTHS; tried += 1) {
    const length = Math.floor((log.byteLength * tried) / TRIED_LENGTHS);
    writeFileSync(copy, database);
    writeFileSync(`${copy}-wal`, log.subarray(0, length));
    rmSync(`${copy}-shm`, { force: true });
    const inbox = openSqliteInbox(copy);
    await inbox.work.claim(1, 1_000);
    await inbox.close();
    expect(soundness(copy), `${length} of ${log.byteLength} bytes`).toBe("ok");
    const stored = await world.stored(copy);
    const missing = known.filter((mark) => mark.length <= length && !stored.has(mark.name));
    expect(missing, `${length} of ${log.byteLength} bytes`).toEqual([]);
    expect([...stored.values()].filter((times) => times > 1)).toEqual([]);
  }
}

function soundness(file: string): unknown {
  const database = new DatabaseSync(file);
  try {
    return database.prepare("PRAGMA integrity_check").get()?.["integrity_check"];
  } finally {
    database.close();
  }
}

/**
 * Damages the part of the log after the last acknowledgement: cuts off half of this part, or replaces all of it by random bytes.
 */
function damage(log: string, length: number, cut: number): void {
  const bytes = readFileSync(log);
  const rest = bytes.byteLength - length;
  if (cut % 2 === 0) truncateSync(log, length + Math.floor(rest / 2));
  else writeFileSync(log, Buffer.concat([bytes.subarray(0, length), randomBytes(rest)]));
}
