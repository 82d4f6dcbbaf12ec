// Tests origins that are killed under load, and a database that fails under load. Each test prints how many events were sent,
// stored and handled.

import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { missingPostgres, STORES } from "../support/inbox-stores.ts";
import { type PostgresServer, startPostgres } from "../support/postgres.ts";
import { expectBalance } from "./books.ts";
import { createFaultWorld, sleep } from "./world.ts";

const KILLS = 20;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

describe.each(STORES.map((store) => [store.name, store] as const))("on %s", (name, store) => {
  describe.skipIf(store.missing)("origins", () => {
    const servers = new AsyncDisposableStack();
    beforeAll(() => store.start(servers));
    afterAll(() => servers.disposeAsync());

    test(`one that is killed ${KILLS} times under load loses no event and stores none twice`, async () => {
      const world = await createFaultWorld(stack, await store.newLocation(stack));
      const port = await freePort();
      let isOver = false;
      const load = world.send([port], () => isOver);
      for (let kill = 0; kill < KILLS; kill += 1) {
        const origin = await world.start(port);
        await sleep(100 + (kill % 7) * 70);
        origin.process.kill("SIGKILL");
        await once(origin.process, "exit");
      }
      const last = await world.start(port);
      isOver = true;
      await load;
      expectBalance(await world.balance(`${name}, killed ${KILLS} times`));
      expect(await last.stop()).toBe(0);
    });

    test("two share an inbox: if one is killed while it holds leases, the other handles all events", async () => {
      const world = await createFaultWorld(stack, await store.newLocation(stack));
      const ports = [await freePort(), await freePort()] as const;
      const victim = await world.start(ports[0]);
      const survivor = await world.start(ports[1]);
      let isOver = false;
      const load = world.send(ports, () => isOver);
      await sleep(2_000);
      victim.process.kill("SIGKILL");
      await sleep(1_000);
      isOver = true;
      await load;
      expectBalance(await world.balance(`${name}, one of two killed`));
      expect(await survivor.stop()).toBe(0);
    });

    test("one that is stopped and started normally releases the events that it had begun", async () => {
      const world = await createFaultWorld(stack, await store.newLocation(stack));
      const port = await freePort();
      let isOver = false;
      const load = world.send([port], () => isOver);
      for (let stop = 0; stop < 3; stop += 1) {
        const origin = await world.start(port);
        await sleep(700);
        expect(await origin.stop()).toBe(0);
      }
      await world.start(port);
      isOver = true;
      await load;
      // The deadline (25 s) is shorter than a lease (30 s). So the test fails if an event waits until a lease expires.
      expectBalance(await world.balance(`${name}, stopped 3 times`, 25_000));
    });
  });
});

describe.skipIf(missingPostgres())("PostgreSQL", () => {
  test("a crash and restart under load lose no event; meanwhile senders are told to retry", async () => {
    const server: PostgresServer = await startPostgres(stack);
    const world = await createFaultWorld(stack, await server.createDatabase());
    const port = await freePort();
    const origin = await world.start(port);
    let isOver = false;
    const load = world.send([port], () => isOver);
    const refused = () => world.ledger.answers.get(503) ?? 0;
    for (let crash = 0; crash < 3; crash += 1) {
      await sleep(1_000);
      const before = refused();
      await (crash === 1 ? server.stop() : server.crash());
      await expect.poll(refused).toBeGreaterThan(before);
      await sleep(700);
      await server.start();
    }
    await sleep(1_000);
    isOver = true;
    await load;
    expectBalance(await world.balance("PostgreSQL, restarted 3 times"));
    expect(await origin.stop()).toBe(0);
  });
});
