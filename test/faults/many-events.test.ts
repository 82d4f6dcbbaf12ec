// Tests a long backlog. All events must be handled, and memory must not grow with the length of the backlog.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Dispatcher } from "../../origin/dispatch/dispatcher.ts";
import { openSqliteInbox } from "../../origin/inbox/sqlite/inbox.ts";
import { QUICK, store } from "../support/dispatch.ts";
import { openTestInbox } from "../support/origin.ts";

const EVENTS = 100_000;
const AT_A_TIME = 500;
/** After this number of events, all objects that are kept permanently have been made: statements, caches, compiled code. */
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
    // Waits for a turn of the event loop, as every real handler does. Within one turn, the runtime frees no memory.
    await new Promise((resolve) => setImmediate(resolve));
    handled += 1;
    if (handled % 5_000 !== 0) return;
    // Collects garbage, so that the test measures only memory that is still in use.
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    if (handled <= WARM) warm = heapUsed + external;
    else most = Math.max(most, heapUsed + external);
  };
  const own = openSqliteInbox(inboxFile);
  // Log lines are dropped. If the test kept them, memory would grow.
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
