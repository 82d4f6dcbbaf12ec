// Tests what a console asks an inbox: the newest events in pages, the number of events that were accepted in a period, and whether
// anything changed. Runs with every store.

import { beforeEach, expect, test } from "vitest";
import type { Inbox, Lease, NewestQuery } from "../../../../origin/inbox/inbox.ts";
import { isPostgresUrl } from "../../../../origin/inbox/location.ts";
import { type DeliveryParts, deliveryOf } from "../../../support/inbox.ts";
import { changeByHand, describeOnStores, openTestInbox } from "../../../support/inbox-stores.ts";

const START = Date.parse("2026-11-01T00:00:00Z") / 1000;
const HOUR = 3_600;

describeOnStores("newest", (given) => {
  let now: number;
  let inbox: Inbox;
  beforeEach(async () => {
    now = START;
    inbox = await openTestInbox(given.stack, given.location, { clock: () => now * 1000 });
  });

  const accept = (id: string, parts: Partial<DeliveryParts> = {}) =>
    inbox.accept(deliveryOf({ id, sender: "acme", ...parts }), { issuer: "edge", jti: id, expires: now + 60 });

  /** Returns one text for each page: the ids of the events on the page, joined. */
  async function pagesOf(query: NewestQuery): Promise<string[]> {
    const pages: string[] = [];
    for (let before: number | undefined; pages.length < 50; ) {
      const page = await inbox.newest({ ...query, before });
      pages.push(page.events.map(({ id }) => id).join(""));
      if (page.next === undefined) return pages;
      before = page.next;
    }
    return pages;
  }

  test("come in pages, each event once, and no page follows the last one", async () => {
    expect(await inbox.newest({ limit: 2 })).toEqual({ events: [], next: undefined, searchedTo: undefined });
    for (const id of "abcde") await accept(id);
    expect(await pagesOf({ limit: 2 })).toEqual(["ed", "cb", "a"]);
    expect(await pagesOf({ limit: 5 })).toEqual(["edcba"]);
    await changeByHand(given.location, ["DELETE FROM work WHERE sequence = 2", "DELETE FROM event WHERE sequence = 2"]);
    expect(await pagesOf({ limit: 3 })).toEqual(["edc", "a"]);
  });

  test("are found by each filter, by a whole id or key, and by a part of one in any case", async () => {
    await accept("a", { sender: "other", eventKey: '["Order-77"]' });
    now += HOUR;
    await accept("b", { target: "/hooks/beta" });
    await accept("order-77x", { eventKey: undefined });
    const [lease] = await inbox.work.claim(1, 60_000);
    if (lease !== undefined) await inbox.work.bury(lease, "broken");
    const found = async (query: Partial<NewestQuery>) => (await pagesOf({ limit: 9, ...query })).join("|");
    expect(await found({ state: "dead" })).toBe("a");
    expect(await found({ state: "waiting" })).toBe("order-77xb");
    expect(await found({ sender: "other" })).toBe("a");
    expect(await found({ route: "/hooks/beta" })).toBe("b");
    expect(await found({ since: START + HOUR })).toBe("order-77xb");
    expect(await found({ until: START + HOUR })).toBe("a");
    expect(await found({ text: "Order-77" })).toBe("a");
    expect(await found({ text: "order-77x" })).toBe("order-77x");
    expect(await found({ text: "ORDER" })).toBe("order-77xa");
    expect(await found({ text: "order", sender: "other" })).toBe("a");
    expect(await found({ text: "%" })).toBe("");
  });

  test("hold no body, no header and no certificate", async () => {
    await accept("a", { body: "secret body" });
    const [event] = (await inbox.newest({ limit: 1 })).events;
    expect(event).toMatchObject({ id: "a", bodyBytes: 11, state: "waiting", duplicates: 0, hasConflict: false });
    expect(JSON.stringify(event)).not.toMatch(/secret|certificate|headers/);
  });

  test("are counted by the time of acceptance and by their state", async () => {
    await accept("before");
    now = START + HOUR;
    for (const id of ["a", "b", "c"]) await accept(id);
    now = START + 3 * HOUR + 59;
    await accept("d");
    for (const lease of await inbox.work.claim(3, 60_000)) {
      if (lease.event.id === "b") await inbox.work.bury(lease, "broken");
      else await inbox.work.complete(lease);
    }
    const { spans, isExact } = await inbox.activity(START + HOUR, HOUR, 3);
    expect(isExact).toBe(true);
    expect(spans).toEqual([
      { from: START + HOUR, done: 1, unfinished: 1, dead: 1 },
      { from: START + 2 * HOUR, done: 0, unfinished: 0, dead: 0 },
      { from: START + 3 * HOUR, done: 0, unfinished: 1, dead: 0 },
    ]);
  });

  test("if they are many, those that are done are counted in a sample, and a few others exactly", async () => {
    await accept("dead");
    const [lease] = await inbox.work.claim(1, 60_000);
    if (lease !== undefined) await inbox.work.bury(lease, "broken");
    await accept("waiting");
    await accept("done");
    await inbox.drop("done", "by the operator");
    // Moves the last event far from the others, as if all events between them had been deleted. Then only every tenth sequence
    // number is read, beginning with the first.
    const far = (table: string) => `UPDATE ${table} SET sequence = 19801 WHERE sequence = 3`;
    const free = isPostgresUrl(given.location) ? ["ALTER TABLE event ALTER COLUMN sequence DROP IDENTITY"] : [];
    await changeByHand(given.location, [...free, far("work"), far("event")]);
    const { spans, isExact } = await inbox.activity(START, HOUR, 1);
    expect([spans, isExact]).toEqual([[{ from: START, done: 10, unfinished: 1, dead: 1 }], false]);
  });

  test("the pulse changes after an acceptance, an attempt, an end, an action of an operator and a refusal", async () => {
    const pulses = [await inbox.pulse()];
    const beat = async () => pulses.push(await inbox.pulse());
    await accept("a");
    await beat();
    now += 1;
    const [lease] = await inbox.work.claim(1, 60_000);
    await beat();
    now += 1;
    if (lease !== undefined) await inbox.work.bury(lease, "broken");
    await beat();
    now += 1;
    await inbox.retryNow("a");
    await beat();
    const line = { decision: "refused", code: "no_certificate" } as const;
    const facts = { id: "a", code: line.code, route: "", sender: "", peer: "::1", method: "POST", target: "/" };
    const refused = [{ ...facts, at: now * 1000, line, certificate: undefined }];
    await inbox.refusals.add({ refused, counts: [] }, { refusals: 10, bytes: 100_000, certificateBytes: 100_000 });
    await beat();
    expect(new Set(pulses).size).toBe(6);
    expect(await inbox.pulse()).toBe(pulses.at(-1));
  });

  test("the pulse changes when an event is tried again that is due neither first nor last", async () => {
    for (const id of ["a", "b", "c"]) await accept(id);
    const [a, b, c] = (await inbox.work.claim(3, 60_000)) as [Lease, Lease, Lease];
    await inbox.work.retry(a, 10_000, "503");
    await inbox.work.retry(c, HOUR * 1000, "503");
    const before = await inbox.pulse();
    await inbox.work.retry(b, 20_000, "503");
    expect(await inbox.pulse()).not.toBe(before);
  });
});
