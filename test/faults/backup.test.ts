// Tests backups of an inbox in use, and the loss of the inbox. The restored inbox must have each event that was acknowledged before
// the backup, exactly once. Events that were already done must not be handled again. Each test prints how many events were sent,
// stored and handled.

import { once } from "node:events";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { onCommandLine, STORES } from "../support/inbox-stores.ts";
import { runCountersign } from "../support/running.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { expectBalance } from "./books.ts";
import { createFaultWorld, type FaultWorld, sleep } from "./world.ts";

/** The padding of each event in octets. With large events, the backup takes long enough for other writes to happen during it. */
const PADDING = 20_000;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/**
 * Takes a backup. Returns its file, the events that were acknowledged before the backup (`before`), and the number of events that
 * were acknowledged during the backup (`during`).
 */
async function takeBackup({ ledger: { acknowledged } }: FaultWorld, source: string) {
  const file = join(temporaryDirectory(stack), "inbox.backup");
  const before: ReadonlySet<string> = new Set(acknowledged);
  const { inbox, environment } = onCommandLine(source);
  const { code, stderr } = await runCountersign(["inbox", "backup", file, "--inbox", inbox], "", environment);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return { file, before, during: acknowledged.size - before.size };
}

const PAIRS = STORES.flatMap((from) => STORES.map((to) => [from.name, to.name, from, to] as const));

describe.each(PAIRS)("%s", (fromName, toName, from, to) => {
  describe.skipIf(from.missing ?? to.missing)(`restored into ${toName}`, () => {
    const servers = new AsyncDisposableStack();
    beforeAll(async () => {
      await from.start(servers);
      if (to !== from) await to.start(servers);
    });
    afterAll(() => servers.disposeAsync());

    test("a backup taken under load has every event acknowledged before it, and after a restore each event is stored once", async () => {
      const source = await from.newLocation(stack);
      const target = await to.newLocation(stack);
      const world = await createFaultWorld(stack, source, { padding: PADDING });
      const port = await freePort();
      const origin = await world.start(port);
      let isOver = false;
      const load = world.send([port], () => isOver);
      await sleep(500);
      await takeBackup(world, source);
      // The test sends this assertion again after the restore. An assertion is valid for only a minute, so the test makes it just
      // before the backup that is restored.
      const name = world.ledger.newEvent();
      const early = world.request(name);
      expect(world.ledger.answered(name, await world.attempt(port, early))).toBe(true);
      const chosen = await takeBackup(world, source);
      await takeBackup(world, source);
      isOver = true;
      await load;
      origin.process.kill("SIGKILL");
      await once(origin.process, "exit");

      expect(chosen.during).toBeGreaterThan(10);
      expect(await runCountersign(["inbox", "restore", chosen.file, "--inbox", target])).toMatchObject({ code: 0 });
      const restored = await world.stored(target);
      const done = await world.stored(target, "done");
      expect([...chosen.before].filter((name) => !restored.has(name))).toEqual([]);
      expect([...restored].filter(([name, times]) => times > 1 || !name.startsWith("event-"))).toEqual([]);
      expect(restored.size).toBeLessThan(world.ledger.sent);

      const next = await world.start(port, "--inbox", target);
      // This assertion was already used before the backup, so it is refused as a replay.
      expect(await world.attempt(port, early)).toBe(409);
      // The senders send all events again, including the events that were lost together with the old inbox.
      for (let n = 1; n <= world.ledger.sent; n += 1) {
        const name = `event-${n}`;
        const status = await world.attempt(port, world.request(name));
        expect([name, status]).toEqual([name, restored.has(name) ? 200 : 202]);
      }
      // In the end, all events must be done, including the events that only the old origin had handled.
      const isIdle = async () => (await world.stored(target, "done")).size === world.ledger.sent;
      for (let n = 0; n < 600 && !(await isIdle()); n += 1) await sleep(100);
      expect(await isIdle()).toBe(true);
      expectBalance(world.ledger.close(`${fromName} into ${toName}`, await world.stored(target), world.handled()));
      expect(done.size).toBeGreaterThan(10);
      expect(world.handledTwice().filter((name) => done.has(name))).toEqual([]);
      expect(await next.stop()).toBe(0);
    });
  });
});
