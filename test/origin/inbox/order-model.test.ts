// Tests order keys. Events are handled, retried, dropped and so on, in random order. Two events with the same order key must never
// run at the same time. At the end, one remaining process must soon handle all events. Runs with every store.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Inbox, Lease } from "../../../origin/inbox/inbox.ts";
import { deliveryOf } from "../../support/inbox.ts";
import { describeOnStores, openTestInbox } from "../../support/inbox-stores.ts";

const LEASE = 30_000;
/**
 * The time in milliseconds within which every event must be handled. It is longer than a lease and than the longest wait for an
 * earlier event. So an event that is not handled by then has stalled.
 */
const SOON = 5 * 60_000;
const RUNS = { SQLite: 200, PostgreSQL: 8 };

const ACTIONS = [
  ...[
    "accept",
    "accept",
    "accept",
    "claim",
    "claim",
    "claim",
    "complete",
    "complete",
    "retry",
    "bury",
    "bury",
    "release",
  ],
  ...["die", "retryNow", "retryNow", "drop", "wait", "wait", "wait"],
] as const;

/** A step of the model. From the number `pick`, the step chooses an event or a key, or computes a count or a time. */
const step = fc.record({ action: fc.constantFrom(...ACTIONS), pick: fc.nat(1_000_000) });
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Model {
  readonly problems: string[] = [];
  readonly #inbox: Inbox;
  readonly #name: string;
  readonly #time: { now: number };
  readonly #keys = new Map<string, string>();
  readonly #held = new Map<string, Lease>();

  constructor(inbox: Inbox, name: string, time: { now: number }) {
    this.#inbox = inbox;
    this.#name = name;
    this.#time = time;
  }

  async take({ action, pick }: Step): Promise<void> {
    const { work } = this.#inbox;
    const held = choose([...this.#held.values()], pick);
    const id = choose([...this.#keys.keys()], pick);
    if (action === "accept") return await this.#accept(pick);
    if (action === "claim") return await this.#claim(1 + (pick % 4));
    if (action === "wait") this.#time.now += pick % 25_000;
    if (action === "retryNow" && id !== undefined) await this.#inbox.retryNow(id);
    if (action === "drop" && id !== undefined) await this.#inbox.drop(id, "by hand");
    if (held === undefined || !["complete", "retry", "bury", "release", "die"].includes(action)) return;
    this.#held.delete(held.event.id);
    if (action === "complete") await work.complete(held);
    if (action === "retry") await work.retry(held, pick % 20_000, "not yet");
    if (action === "bury") await work.bury(held, "no");
    if (action === "release") await work.release([held]);
  }

  /** Plays the one process that remains. It claims and completes all due events until none is left. */
  async drain(): Promise<void> {
    const end = this.#time.now + SOON;
    for (let due = await this.#inbox.work.nextDueIn(); due !== undefined; due = await this.#inbox.work.nextDueIn()) {
      if (this.#time.now > end) {
        const events = await this.#inbox.events({ limit: 99 });
        const waiting = events.filter(({ state }) => state === "waiting" || state === "leased");
        this.problems.push(`stalled: ${waiting.map(({ id, state }) => `${id} ${state}`).join(", ")}`);
        for (const { id } of waiting) await this.#inbox.drop(id, "stalled");
        return;
      }
      this.#time.now += Math.max(due, 50);
      for (const lease of await this.#inbox.work.claim(16, LEASE)) await this.#inbox.work.complete(lease);
    }
  }

  async #accept(pick: number): Promise<void> {
    const id = `${this.#name} ${this.#keys.size}`;
    // One event in five has no order key. The other events share two order keys.
    const orderKey = pick % 5 === 0 ? undefined : `${this.#name} key ${pick % 2}`;
    this.#keys.set(id, orderKey ?? id);
    const delivery = deliveryOf({ id, sender: "acme", ...(orderKey !== undefined && { orderKey }) });
    await this.#inbox.accept(delivery, { issuer: "direct", jti: id, expires: 0 });
  }

  async #claim(limit: number): Promise<void> {
    for (const lease of await this.#inbox.work.claim(limit, LEASE)) {
      const { id } = lease.event;
      const others = [...this.#held.values()].filter(({ until }) => until > this.#time.now);
      const other = others.find(({ event }) => this.#keys.get(event.id) === this.#keys.get(id));
      if (other !== undefined) this.problems.push(`${id} beside ${other.event.id}`);
      this.#held.set(id, lease);
    }
  }
}

function choose<T>(values: readonly T[], pick: number): T | undefined {
  return values[pick % values.length];
}

describeOnStores("order keys", (given) => {
  test("never have two attempts at once, and never stall", async () => {
    const time = { now: 1_800_000_000_000 };
    const inbox = await openTestInbox(given.stack, given.location, { clock: () => time.now });
    let run = 0;
    const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      run += 1;
      const model = new Model(inbox, `run ${run}`, time);
      for (const one of steps) await model.take(one);
      await model.drain();
      expect(model.problems).toEqual([]);
    });
    const numRuns = given.location.startsWith("postgres") ? RUNS.PostgreSQL : RUNS.SQLite;
    await fc.assert(property, { numRuns, endOnFailure: true });
  });
});
