// Power that goes while an origin stores events: what the disk had taken when an event was acknowledged stays, of what was written
// after it any part may be missing or wrong.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { cpSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openSqliteInbox } from "../../origin/inbox/sqlite.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { expectBalance } from "./books.ts";
import { createFaultWorld, type FaultWorld, freePort, sleep } from "./world.ts";

const POWER_CUTS = 5;
const EVENTS_BETWEEN = 100;
const TRIED_LENGTHS = 20;
const WAIT = { timeout: 20_000, interval: 5 };
/** Until then SQLite appends to the log, and its length tells what it holds. */
const MAX_LOG_BYTES = 16 * 1024 * 1024;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/** The length of the log when this event was acknowledged: its commit is before. */
interface Mark {
  readonly name: string;
  readonly length: number;
}

test(`power that goes ${POWER_CUTS} times under load takes nothing that was acknowledged`, async () => {
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
    // Takes up what the cut before left; its end in good order leaves no log.
    const before = await world.start(port);
    await vi.waitUntil(() => world.ledger.acknowledged.size > cut * EVENTS_BETWEEN, WAIT);
    expect(await before.stop()).toBe(0);
    const origin = await world.start(port);
    marks.length = 0;
    await vi.waitUntil(() => marks.length > EVENTS_BETWEEN, WAIT);
    origin.process.kill("SIGKILL");
    await once(origin.process, "exit");
    // Answers that were on their way are there now.
    await sleep(100);
    expect(statSync(log).size).toBeLessThan(MAX_LOG_BYTES);
    await tryLengths(world, file, marks);
    damage(log, Math.max(...marks.map(({ length }) => length)), cut);
    rmSync(`${file}-shm`, { force: true });
  }
  const last = await world.start(port);
  isOver = true;
  await load;
  expectBalance(await world.balance(`SQLite, power gone ${POWER_CUTS} times`));
  expect(await last.stop()).toBe(0);
});

/** Wherever the log ends, the file opens, takes events, and holds what was acknowledged when the log had this length. */
async function tryLengths(world: FaultWorld, file: string, marks: readonly Mark[]): Promise<void> {
  const copy = join(temporaryDirectory(stack), "copy.sqlite");
  const size = statSync(`${file}-wal`).size;
  for (let tried = 0; tried <= TRIED_LENGTHS; tried += 1) {
    const length = Math.floor((size * tried) / TRIED_LENGTHS);
    cpSync(file, copy);
    cpSync(`${file}-wal`, `${copy}-wal`);
    rmSync(`${copy}-shm`, { force: true });
    truncateSync(`${copy}-wal`, length);
    const inbox = openSqliteInbox(copy);
    await inbox.work.claim(1, 1_000);
    await inbox.close();
    const stored = await world.stored(copy);
    const missing = marks.filter((mark) => mark.length <= length && !stored.has(mark.name));
    expect(missing, `${length} of ${size} bytes`).toEqual([]);
    expect([...stored.values()].filter((times) => times > 1)).toEqual([]);
  }
}

/** What came after the last acknowledgement is cut, or partly something else. */
function damage(log: string, length: number, cut: number): void {
  const bytes = readFileSync(log);
  const rest = bytes.byteLength - length;
  if (cut % 2 === 0) truncateSync(log, length + Math.floor(rest / 2));
  else writeFileSync(log, Buffer.concat([bytes.subarray(0, length), randomBytes(rest)]));
}
