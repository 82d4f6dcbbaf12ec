// Tests that a finished event is erased after some time: first its body, and later the rest. An unfinished event is never erased.
// Runs with every store.

import { beforeEach, expect, test } from "vitest";
import type { Acceptance } from "../../../origin/accept.ts";
import type { Inbox, Lease } from "../../../origin/inbox/inbox.ts";
import { MAX_ERASED_EVENTS, startRetention } from "../../../origin/inbox/retention.ts";
import { type DeliveryParts, deliveryOf } from "../../support/inbox.ts";
import { describeOnStores, openTestInbox } from "../../support/inbox-stores.ts";

const DAY = 86_400;
const RETENTION = { bodySeconds: 30 * DAY, eventSeconds: 365 * DAY };

describeOnStores("prune()", (given) => {
  let now: number;
  let inbox: Inbox;

  beforeEach(async () => {
    now = 1_800_000_000;
    inbox = await openTestInbox(given.stack, given.location, { clock: () => now * 1000 });
  });

  const accept = async (id: string, parts: Partial<DeliveryParts> = {}, jti = id): Promise<Acceptance> =>
    (await inbox.accept(deliveryOf({ id, sender: "acme", ...parts }), {
      issuer: "edge",
      jti,
      expires: now + 60,
    })) as Acceptance;
  const pruneAll = async () => {
    let sum = 0;
    for (let changed = -1; changed !== 0; sum += changed) changed = await inbox.prune(RETENTION);
    return sum;
  };
  const bodies = async () =>
    (await inbox.events({ limit: 99 })).map(({ id, state, bodyBytes }) => `${id} ${state} ${bodyBytes}`).sort();

  test("erases the bodies of handled events, keeps their facts and the unhandled events, and deletes later", async () => {
    for (const id of ["done", "dead", "waiting"]) await accept(id, { body: "12345" });
    const [done, dead, waiting] = (await inbox.work.claim(3, 1000)) as [Lease, Lease, Lease];
    await inbox.work.complete(done);
    await inbox.work.bury(dead, "no");
    await inbox.work.release([waiting]);
    now += 30 * DAY;
    expect(await pruneAll()).toBe(0);
    now += 1;
    expect(await pruneAll()).toBe(1);
    expect(await bodies()).toEqual(["dead dead 5", "done done 0", "waiting waiting 5"]);
    expect((await inbox.event("done"))?.body).toBeUndefined();
    expect(await inbox.event("done")).toMatchObject({ contentDigest: done.event.contentDigest, state: "done" });
    // The erased event is still recognised, by the digest of its body.
    expect(await accept("again", { eventKey: '["done"]', body: "12345" })).toEqual({
      outcome: "duplicate",
      of: "done",
    });
    now += 335 * DAY;
    // Three rows are deleted: two events, and the assertion that brought the duplicate.
    expect(await pruneAll()).toBe(3);
    expect(await bodies()).toEqual(["waiting waiting 5"]);
    expect(await accept("done", { body: "12345" })).toEqual({ outcome: "stored" });
  });

  test("keeps ids of assertions while these are valid, and ids of events that a queue could deliver again", async () => {
    const soon = { bodySeconds: 0, eventSeconds: 0 };
    const erase = async () => {
      for (const lease of await inbox.work.claim(9, 1000)) await inbox.work.complete(lease);
      now += 1;
      while ((await inbox.prune(soon)) > 0);
      expect(await inbox.count()).toBe(0);
    };
    await accept("a", {}, "1");
    expect(await accept("a", {}, "2")).toEqual({ outcome: "duplicate", of: "a" });
    await erase();
    const codeOf = (error: unknown) => (error as { code?: unknown }).code;
    // Assertion "1" brought event "a", and assertion "2" brought a duplicate of "a". This loop sends these used assertions again,
    // several at the same time, together with a new genuine event.
    for (const round of ["at once", "again"]) {
      const outcomes = await Promise.all([
        ...["1", "2", "1"].map((jti) => accept("a", {}, jti).catch(codeOf)),
        accept("other id", {}, "1").catch(codeOf),
        accept(`genuine ${round}`),
      ]);
      expect(outcomes).toEqual(["replayed", "replayed", "replayed", "replayed", { outcome: "stored" }]);
      await erase();
    }
    now += 30 * DAY;
    while ((await inbox.prune(soon)) > 0);
    expect(await Promise.all(["3", "4"].map((jti) => accept("a", {}, jti)))).toEqual(
      Array(2).fill({ outcome: "duplicate", of: "a" }),
    );
    expect(await accept("a", {}, "3").catch(codeOf)).toBe("replayed");
    expect(await inbox.count()).toBe(0);
    // After some more days, the ids of events are deleted too.
    now += 3 * DAY;
    while ((await inbox.prune(soon)) > 0);
    expect(await accept("a", {}, "5")).toEqual({ outcome: "stored" });
  });

  test("keeps no id of an event without an assertion", async () => {
    const direct = { issuer: "direct", jti: "a", expires: now };
    await inbox.accept(deliveryOf({ id: "a", sender: "acme" }), direct);
    await inbox.work.complete(((await inbox.work.claim(1, 1000)) as [Lease])[0]);
    now += 1;
    // This step deletes the event. No other row is left that would have to be deleted later.
    expect(await inbox.prune({ bodySeconds: 99, eventSeconds: 0 })).toBe(1);
    now += 40 * DAY;
    expect(await inbox.prune({ bodySeconds: 99, eventSeconds: 0 })).toBe(0);
  });

  test("counts from the end of an event, not from its acceptance, and again from a later end", async () => {
    await accept("a");
    now += 100 * DAY;
    const [lease] = (await inbox.work.claim(1, 1000)) as [Lease];
    await inbox.work.bury(lease, "no");
    now += 364 * DAY;
    expect(await pruneAll()).toBe(0);
    await inbox.retryNow("a");
    now += 2 * DAY;
    expect(await pruneAll()).toBe(0);
    await inbox.work.complete(((await inbox.work.claim(1, 1000)) as [Lease])[0]);
    expect((await inbox.event("a"))?.body).toBeDefined();
  });

  test("changes a bounded number of rows at a time, and does not block acceptance", async () => {
    const count = 3 * MAX_ERASED_EVENTS + 7;
    await Promise.all(Array.from({ length: count }, (_, n) => accept(`e${n}`)));
    const leases = await inbox.work.claim(count, 1000);
    await Promise.all(leases.map((lease) => inbox.work.complete(lease)));
    now += 31 * DAY;
    const steps = [];
    for (let changed = -1; changed !== 0; ) {
      [changed] = await Promise.all([inbox.prune(RETENTION), accept(`between ${steps.length}`)]);
      steps.push(changed);
    }
    expect(steps).toEqual([MAX_ERASED_EVENTS, MAX_ERASED_EVENTS, MAX_ERASED_EVENTS, 7, 0]);
  });

  test("continues by a timer until everything old is erased, and reports errors", async () => {
    await Promise.all(Array.from({ length: 150 }, (_, n) => accept(`e${n}`)));
    for (const lease of await inbox.work.claim(150, 1000)) await inbox.work.complete(lease);
    now += 366 * DAY;
    const errors: unknown[] = [];
    given.stack.defer(startRetention(inbox, RETENTION, (error) => errors.push(error)));
    await expect.poll(() => inbox.count()).toBe(0);
    expect(errors).toEqual([]);
    const failing = { prune: () => Promise.reject(new Error("no disk")) };
    given.stack.defer(startRetention(failing, RETENTION, (error) => errors.push(error)));
    await expect.poll(() => errors.length).toBe(1);
  });
});
