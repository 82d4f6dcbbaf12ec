// Tests what senders and networks do to deliveries. The same event is sent several times, in any order and at the same time. The
// same assertion is sent again. A different body is sent with the event key of a stored event.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ForwardedRequest } from "../support/forgery.ts";
import { freePort } from "../support/free-port.ts";
import { STORES } from "../support/inbox-stores.ts";
import { expectBalance } from "./books.ts";
import { createFaultWorld, type FaultWorld } from "./world.ts";

const EVENTS = 600;
const LANES = 32;
/** One of this many events is also sent in a second form, with a different body but the same event key. */
const CONFLICT_EVERY = 20;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

interface Sending {
  readonly name: string;
  /** Makes the request when this function is called for the first time, because an assertion is valid for only a minute. */
  readonly request: () => ForwardedRequest;
}

/**
 * Plans the requests. Each event is sent with one to three new assertions, and each assertion is sent once or twice. For half of
 * the events, all requests come at about the same time. For the other half, they come at any time.
 */
function prepare({ ledger, request }: FaultWorld): Sending[] {
  const sendings: (Sending & { readonly place: number })[] = [];
  for (let n = 0; n < EVENTS; n += 1) {
    const key = ledger.newEvent();
    const forms = n % CONFLICT_EVERY === 0 ? [key, ledger.newEvent()] : [key];
    const spread = Math.random() < 0.5 ? 1 : EVENTS;
    const place = () => n + Math.random() * spread;
    for (const name of forms) {
      for (let copy = 0; copy <= n % 3; copy += 1) {
        let made: ForwardedRequest | undefined;
        const sending = {
          name,
          request() {
            made ??= request(name, key);
            return made;
          },
        };
        sendings.push({ ...sending, place: place() });
        if (copy % 2 === 0) sendings.push({ ...sending, place: place() });
      }
    }
  }
  return sendings.toSorted((a, b) => a.place - b.place);
}

describe.each(STORES.map((store) => [store.name, store] as const))("on %s", (name, store) => {
  describe.skipIf(store.missing)("two origins that share an inbox", () => {
    const servers = new AsyncDisposableStack();
    beforeAll(() => store.start(servers));
    afterAll(() => servers.disposeAsync());

    test("store and handle each event once, although it is sent several times, at once and in any order", async () => {
      const world = await createFaultWorld(stack, await store.newLocation(stack));
      const { ledger } = world;
      const ports = [await freePort(), await freePort()] as const;
      const origins = [await world.start(ports[0]), await world.start(ports[1])];
      const sendings = prepare(world);
      const statuses = new Map<ForwardedRequest, number[]>();
      let next = 0;
      const lane = async () => {
        for (let index = next++; index < sendings.length; index = next++) {
          const sending = sendings[index] as Sending;
          const request = sending.request();
          const status = await world.attempt(ports[index % 2] as number, request);
          ledger.answered(sending.name, status);
          statuses.set(request, [...(statuses.get(request) ?? []), status]);
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      expectBalance(await world.balance(`${name}, duplicates, reorders and replays`));
      for (const given of statuses.values()) {
        // Each assertion must be accepted exactly once, even if it is sent to several origins and at different times.
        expect(given.filter((status) => status < 300)).toHaveLength(1);
        expect(given.filter((status) => status >= 300)).toEqual(given.length === 2 ? [409] : []);
      }
      // The first delivery of each event is accepted. Every further delivery of the event is a duplicate.
      expect(ledger.answers.get(202)).toBe(ledger.sent);
      expect(ledger.answers.get(200)).toBe(statuses.size - ledger.sent);
      expect(await world.conflicts()).toBe((EVENTS / CONFLICT_EVERY) * 2);
      expect(world.handledTwice()).toEqual([]);
      for (const origin of origins) expect(await origin.stop()).toBe(0);
    });
  });
});
