// Tests a long backlog. All events are handled, and memory does not grow with the length of the backlog.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Dispatcher } from "../../origin/dispatch/dispatcher.ts";
import { openSqliteInbox } from "../../origin/inbox/sqlite/inbox.ts";
import { QUICK, store } from "../support/dispatch.ts";
import { openTestInbox } from "../support/origin.ts";

const EVENTS = 100_000;
const AT_A_TIME = 500;
/** After this number of events, everything that is kept permanently exists: statements, caches, compiled code. */
const WARM = 20_000;
const MAX_GROWTH_BYTES = 24 * 1024 * 1024;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

test(`${EVENTS} stored events are dispatched without growth of memory`, async () => {
  const { inbox, inboxFile } = openTestInbox(stack);
  for (let first = 0; first < EVENTS; first += AT_A_TIME) {
    await Promise.all(Array.from({ length: AT_A_TIME }, (_, index) => store(inbox, `event-${first + index}`)));
  }
  let handled = 0;
  let warm = 0;
  let most = 0;
  const handler = async () => {
    // Waits, as every real handler does. The runtime frees no memory within one turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    handled += 1;
    if (handled % 5_000 !== 0) return;
    // Collects garbage, so that only memory that is still needed is measured.
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    if (handled <= WARM) warm = heapUsed + external;
    else most = Math.max(most, heapUsed + external);
  };
  const own = openSqliteInbox(inboxFile);
  // The log is not kept, because a kept log would grow.
  const dispatcher = new Dispatcher({ work: own.work, handler, log: () => {}, limits: { ...QUICK, concurrency: 64 } });
  stack.defer(async () => {
    await dispatcher.stop(0);
    await own.close();
  });
  dispatcher.start();
  await vi.waitUntil(() => handled >= EVENTS, { timeout: 120_000, interval: 100 });
  const growth = most - warm;
  console.log(`dispatched ${handled}, grew by ${Math.round(growth / 1024)} KiB after the first ${WARM}`);
  expect(globalThis.gc).toBeTypeOf("function");
  expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
  await vi.waitUntil(async () => (await inbox.work.nextDueIn()) === undefined, { timeout: 60_000, interval: 100 });
});
