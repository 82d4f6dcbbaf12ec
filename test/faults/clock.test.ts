// A clock that is set back and forth by hours, under load. The edge's clock goes with it: between hosts that differ by hours every
// assertion is rightly refused.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { STORES } from "../support/inbox-stores.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { replaceFile } from "../support/tls-process.ts";
import { expectBalance } from "./books.ts";
import { createFaultWorld, freePort, sleep } from "./world.ts";

/** The senders' certificates are valid since a day ago. */
const HOURS = [6, -6, 1, -20, 0];
const BETWEEN_MILLISECONDS = 2_000;
/** No lease and no postponed event may have to wait for the old clock. */
const SOON_MILLISECONDS = 10_000;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/** Shifts the process's wall clock by as many milliseconds as the file says; what only moves forward is left alone. */
const SHIFT = `
import { readFileSync } from "node:fs";
const { Date: Real } = globalThis;
let offset = 0;
const read = () => { offset = Number(readFileSync(process.env.CLOCK_OFFSET, "utf8")); };
read();
setInterval(read, 20).unref();
globalThis.Date = class Date extends Real {
  constructor(...given) { given.length === 0 ? super(Real.now() + offset) : super(...given); }
  static now() { return Real.now() + offset; }
};
`;

describe.each(STORES.map((store) => [store.name, store] as const))("on %s", (name, store) => {
  test.skipIf(store.missing)(
    "a clock that is set loses nothing, handles nothing late and stores nothing twice",
    async () => {
      await store.start(stack);
      const directory = temporaryDirectory(stack);
      const [module, file] = [join(directory, "shift.mjs"), join(directory, "offset")];
      writeFileSync(module, SHIFT);
      let offset = 0;
      const setClock = (hours: number) => {
        offset = hours * 3_600_000;
        replaceFile(file, String(offset));
      };
      setClock(0);
      const world = await createFaultWorld(stack, await store.newLocation(stack), {
        environment: { NODE_OPTIONS: `--import ${module}`, CLOCK_OFFSET: file },
        clock: () => Math.floor((Date.now() + offset) / 1000),
      });
      const ports = [await freePort(), await freePort()] as const;
      const origins = [await world.start(ports[0]), await world.start(ports[1])];
      let isOver = false;
      const load = world.send(ports, () => isOver);
      for (const hours of HOURS) {
        await sleep(BETWEEN_MILLISECONDS);
        setClock(hours);
        const { acknowledged } = world.ledger;
        const before = acknowledged.size;
        await expect.poll(() => acknowledged.size, { message: `${hours} h` }).toBeGreaterThan(before + 20);
      }
      await sleep(BETWEEN_MILLISECONDS);
      isOver = true;
      await load;
      expectBalance(await world.balance(`${name}, clock set ${HOURS.length} times`, SOON_MILLISECONDS));
      for (const origin of origins) expect(await origin.stop()).toBe(0);
    },
  );
});
