// Tests the edge's queue under load while its consumer dies repeatedly in the middle of a batch. Each event that was acknowledged
// to a sender must be stored once and handled. Queue, bucket and edge run in workerd.

import { afterEach, beforeEach, expect, test } from "vitest";
import { dispatch } from "../support/dispatch.ts";
import { readEvents } from "../support/origin.ts";
import { type QueueWorld, startQueueWorld } from "../support/queue-world.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { expectBalance, Ledger } from "./books.ts";
import { sleep } from "./world.ts";

const EVENTS = 200;
const LANES = 8;
/** One of this many events has a body that is too large for a message of the queue. */
const LARGE_EVERY = 10;
const LARGE_BYTES = 200_000;
const DEADLINE_MILLISECONDS = 60_000;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

test("a consumer that dies in the middle of batches and loses its acknowledgements loses no event", async () => {
  const world = await load("crashes", "its acknowledgements lost");
  // The bodies of delivered events must be removed from the bucket, even if the consumer died.
  await expect.poll(() => world.keys("body/")).toEqual([]);
});

test("a consumer that dies while it delivers, and whose acknowledgements count, loses no event", async () => {
  const world = await load("dies", "deliveries under way");
  // If the consumer dies just after it acknowledged an event, the body of this event remains in the bucket until the body is old
  // enough to be removed.
  const stored = new Set(readEvents(world.origin.inboxFile).map(({ id }) => `body/${id}`));
  expect((await world.keys("body/")).filter((key) => !stored.has(key))).toEqual([]);
});

/** Sends the events while the consumer dies. Waits until all are handled. Checks that each was stored once and handled. */
async function load(fault: "crashes" | "dies", title: string): Promise<QueueWorld> {
  const world = await startQueueWorld(stack, { retrySeconds: [1, 1], maxRetries: 50, fault });
  const ledger = new Ledger();
  const handled = new Set<string>();
  dispatch(stack, world.origin.inboxFile, ({ body }) => void handled.add(nameOf(body)));
  const lane = async () => {
    while (ledger.sent < EVENTS) {
      const name = ledger.newEvent();
      const padding = ledger.sent % LARGE_EVERY === 0 ? "x".repeat(LARGE_BYTES) : "";
      const body = `${name} ${padding}`;
      const { status } = await world.edge.send({ tls: tlsClientAuth(world.senders.acme), body });
      ledger.answered(name, status);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const end = Date.now() + DEADLINE_MILLISECONDS;
  while (!ledger.acknowledged.isSubsetOf(handled) && Date.now() < end) await sleep(200);
  const stored = new Map<string, number>();
  for (const { body } of readEvents(world.origin.inboxFile)) {
    const name = nameOf(body as Uint8Array);
    stored.set(name, (stored.get(name) ?? 0) + 1);
  }
  expectBalance(ledger.close(`the edge's queue, its consumer dying, ${title}`, stored, handled));
  const again = world.attempts.length - ledger.sent;
  console.log(`delivered ${again} times more than there are events`);
  expect(again).toBeGreaterThan(0);
  expect(await world.keys("dead/")).toEqual([]);
  return world;
}

function nameOf(body: Uint8Array): string {
  return new TextDecoder().decode(body).split(" ", 1)[0] ?? "";
}
