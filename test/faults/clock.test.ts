// Tests a clock that is set forward and back by hours, under load. The clock of the edge is set together with the clock of the
// origin. Otherwise every assertion would be refused, which is correct if the clocks differ by hours.

import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { STORES } from "../support/inbox-stores.ts";
import { withClient } from "../support/postgres.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { expectBalance } from "./books.ts";
import { createFaultWorld, type FaultWorld, sleep } from "./world.ts";

/**
 * The times to which the clock is set, in hours from the real time. The senders' certificates became valid a day ago, so the clock
 * must not go back by more than that.
 */
const HOURS = [6, -6, 1, -20, 0, 5, -3, 4, -9, 8, -1, 2, -2, 3, -7, 7, -12, 12, -1, 0];
/**
 * The time between two steps of the clock. A step affects only work in progress at that moment. So the test makes many steps in a
 * short time.
 */
const BETWEEN_MILLISECONDS = 400;
/**
 * The time limit for events to be handled. It is shorter than a lease (30 s). So the test fails if an event waits until a time that
 * was computed with the old clock.
 */
const SOON_MILLISECONDS = 25_000;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/**
 * A module that shifts the wall clock of a process by the milliseconds in a file. The module reads the file each time the process
 * asks for the time. So when the file changes, the clocks of all processes of the host change together. Monotonic clocks are not
 * changed.
 */
const SHIFT = `
import { openSync, readSync } from "node:fs";
const { Date: Real } = globalThis;
const descriptor = openSync(process.env.CLOCK_OFFSET);
const offset = new Float64Array(1);
const now = () => {
  readSync(descriptor, offset, 0, 8, 0);
  return Real.now() + offset[0];
};
globalThis.Date = class Date extends Real {
  constructor(...given) { given.length === 0 ? super(now()) : super(...given); }
  static now() { return now(); }
};
`;

/** Makes one clock, which the hosts of all origins and the edge share. */
function ownHostClock() {
  const directory = temporaryDirectory(stack);
  const [module, file] = [join(directory, "shift.mjs"), join(directory, "offset")];
  writeFileSync(module, SHIFT);
  const descriptor = openSync(file, "w");
  stack.defer(() => closeSync(descriptor));
  let offset = 0;
  const set = (hours: number) => {
    offset = hours * 3_600_000;
    writeSync(descriptor, new Float64Array([offset]), 0, 8, 0);
  };
  set(0);
  return {
    set,
    seconds: () => Math.floor((Date.now() + offset) / 1000),
    environment: { NODE_OPTIONS: `--import ${module}`, CLOCK_OFFSET: file },
  };
}

/** Expects that the events that are already acknowledged are handled soon, and that new events are accepted. */
async function expectProgress({ ledger: { acknowledged }, handled }: FaultWorld, message: string): Promise<void> {
  const before = new Set(acknowledged);
  const soon = { timeout: SOON_MILLISECONDS, message };
  await expect.poll(() => before.difference(handled()).size, soon).toBe(0);
  await expect.poll(() => acknowledged.size, soon).toBeGreaterThan(before.size + 20);
}

/**
 * Replaces the clock function in the database server. Origins use only this function to read the time of the server. Returns a
 * function that sets the clock.
 */
async function ownServerClock(inbox: string): Promise<(hours: number) => Promise<unknown>> {
  const query = (text: string) => withClient(inbox, (client) => client.query(text));
  await query(`
    SET allow_system_table_mods = on;
    CREATE TABLE public.clock (hours int);
    INSERT INTO public.clock VALUES (0);
    ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO unset_clock_timestamp;
    CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
      'SELECT unset_clock_timestamp() + make_interval(hours => hours) FROM public.clock';
  `);
  return (hours) => query(`UPDATE public.clock SET hours = ${hours}`);
}

/**
 * The stores with which the test runs. The test sets the clock of the origins' hosts and, if `isServerSet` is true, also the clock
 * of the database server.
 */
const SETTINGS = [
  ...STORES.map((store) => ({ title: store.name, store, isServerSet: false })),
  ...STORES.filter(({ name }) => name === "PostgreSQL").map((store) => ({
    title: "PostgreSQL, its server's clock too",
    store,
    isServerSet: true,
  })),
];

describe.each(SETTINGS)("on $title", ({ title, store, isServerSet }) => {
  test.skipIf(store.missing)("steps of the clock lose no event, delay no event and store no event twice", async () => {
    await store.start(stack);
    const inbox = await store.newLocation(stack);
    const setServerClock = isServerSet ? await ownServerClock(inbox) : () => Promise.resolve();
    const clock = ownHostClock();
    const world = await createFaultWorld(stack, inbox, { environment: clock.environment, clock: clock.seconds });
    const ports = [await freePort(), await freePort()] as const;
    const origins = [await world.start(ports[0]), await world.start(ports[1])];
    let isOver = false;
    const load = world.send(ports, () => isOver);
    for (const hours of HOURS) {
      await sleep(BETWEEN_MILLISECONDS);
      await setServerClock(hours);
      clock.set(hours);
      await expectProgress(world, `${hours} h`);
    }
    await sleep(BETWEEN_MILLISECONDS);
    isOver = true;
    await load;
    expectBalance(await world.balance(`${title}, clock set ${HOURS.length} times`, SOON_MILLISECONDS));
    // Each origin notices a step of the server's clock at a different moment. Until all origins have noticed the step, the lease of
    // one origin may seem expired to another. Then an event may be handled twice.
    if (!isServerSet) expect(world.handledTwice()).toEqual([]);
    for (const origin of origins) expect(await origin.stop()).toBe(0);
  });
});
