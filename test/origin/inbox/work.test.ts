// Tests the leases of events: each event has one holder at a time, events with an order key keep their order, and clock changes do
// no harm. Runs with every store.

import { beforeEach, describe, expect, test } from "vitest";
import type { Acceptance } from "../../../origin/accept.ts";
import type { Inbox, Lease } from "../../../origin/inbox/inbox.ts";
import { type DeliveryParts, deliveryOf } from "../../support/inbox.ts";
import { changeByHand, describeOnStores, openTestInbox } from "../../support/inbox-stores.ts";

const SECOND = 1000;
const HOUR = 3_600 * SECOND;

describeOnStores("the work queue", (given) => {
  let now: number;
  let inbox: Inbox;

  beforeEach(async () => {
    now = 1_800_000_000_000;
    inbox = await open();
  });

  const open = () => openTestInbox(given.stack, given.location, { clock: () => now });
  const accept = async (id: string, parts: Partial<DeliveryParts> = {}) =>
    (await inbox.accept(deliveryOf({ id, sender: "acme", ...parts }), {
      issuer: "direct",
      jti: id,
      expires: 0,
    })) as Acceptance;
  const claim = (limit = 10, at = inbox) => at.work.claim(limit, 30 * SECOND);
  const idsOf = (leases: readonly Lease[]) => leases.map(({ event }) => event.id);
  const claimOne = async (): Promise<Lease> => {
    const [lease] = await claim(1);
    if (lease === undefined) throw new Error("nothing is due");
    return lease;
  };

  test("leases at most the requested number of due events, the oldest first", async () => {
    for (const id of ["a", "b", "c"]) await accept(id);
    const leases = await claim(2);
    expect(leases).toMatchObject([
      { attempt: 1, until: now + 30 * SECOND, event: { id: "a", sequence: 1 } },
      { attempt: 1, until: now + 30 * SECOND, event: { id: "b" } },
    ]);
    expect(Buffer.from(leases[0]?.event.body ?? []).toString()).toBe('{"event":"a"}');
    expect(idsOf(await claim())).toEqual(["c"]);
    expect(await claim()).toEqual([]);
    expect(await inbox.event("a")).toMatchObject({ state: "leased", attempts: 1, dueAt: now + 30 * SECOND });
  });

  test("leases as many events as fit into the given bytes, but at least one", async () => {
    for (const id of ["a", "b", "c", "d"]) await accept(id, { body: "x".repeat(100) });
    expect(idsOf(await inbox.work.claim(9, 60_000, 250))).toEqual(["a", "b"]);
    expect(idsOf(await inbox.work.claim(9, 60_000, 1))).toEqual(["c"]);
    expect(idsOf(await inbox.work.claim(9, 60_000))).toEqual(["d"]);
  });

  test("reads 32 MiB of bodies in one claim, and a larger one alone", async () => {
    const megabytes = (count: number) => "x".repeat(count * 1024 * 1024);
    for (const [id, size] of [
      ["a", 20],
      ["b", 12],
      ["c", 1],
      ["d", 40],
      ["e", 1],
    ] as const)
      await accept(id, { body: megabytes(size) });
    expect(idsOf(await claim())).toEqual(["a", "b"]);
    expect(idsOf(await claim())).toEqual(["c"]);
    expect(idsOf(await claim())).toEqual(["d"]);
    expect(idsOf(await claim())).toEqual(["e"]);
  });

  test("leases one at a time of the events without an outcome in two attempts, because one may crash its process", async () => {
    for (const id of ["a", "b", "c", "d"]) await accept(id);
    for (const attempt of [1, 2]) {
      expect((await claim()).map((lease) => lease.attempt)).toEqual(Array(4).fill(attempt));
      now += 31 * SECOND;
    }
    await accept("new");
    expect(idsOf(await claim())).toEqual(["a", "new"]);
    const later: string[][] = [];
    for (let second = 0; second < 4; second += 1) {
      now += SECOND;
      later.push(idsOf(await claim()));
    }
    expect(later).toEqual([["b"], ["c"], ["d"], []]);
  });

  test("buries unreadable events, shows them, and continues with the others", async () => {
    for (const id of ["gone", "unreadable", "good"]) await accept(id);
    await changeByHand(given.location, [
      "DELETE FROM event WHERE id = 'gone'",
      "UPDATE event SET headers = '{' WHERE id = 'unreadable'",
    ]);
    expect(idsOf(await claim())).toEqual(["good"]);
    expect(await claim()).toEqual([]);
    expect(await inbox.work.nextDueIn()).toBe(30 * SECOND);
    expect(await inbox.events({ state: "dead", limit: 9 })).toMatchObject([
      { id: "unreadable", reason: expect.stringMatching(/^its row is damaged: /), headers: [] },
    ]);
  });

  test("tells how many events are not done, and since when the oldest waits", async () => {
    const none = { waiting: 0, leased: 0, dead: 0, oldestAcceptedAt: undefined };
    expect(await inbox.backlog()).toEqual(none);
    for (const id of ["a", "b", "c", "d"]) {
      await accept(id);
      now += SECOND;
    }
    const first = 1_800_000_000;
    expect(await inbox.backlog()).toEqual({ ...none, waiting: 4, oldestAcceptedAt: first });
    const [a, b] = (await claim(3)) as [Lease, Lease];
    expect(await inbox.backlog()).toEqual({ waiting: 1, leased: 3, dead: 0, oldestAcceptedAt: first });
    await inbox.work.complete(a);
    await inbox.work.bury(b, "no");
    expect(await inbox.backlog()).toEqual({ waiting: 1, leased: 1, dead: 1, oldestAcceptedAt: first + 2 });
  });

  test("ends an event as done or dead, once", async () => {
    await accept("a");
    await accept("b");
    const [a, b] = (await claim()) as [Lease, Lease];
    expect(await inbox.work.complete(a)).toBe(true);
    expect(await inbox.work.bury(b, "refused by the handler")).toBe(true);
    for (const lease of [a, b]) {
      expect(await inbox.work.complete(lease)).toBe(false);
      expect(await inbox.work.retry(lease, 0, "again")).toBe(false);
      expect(await inbox.work.bury(lease, "again")).toBe(false);
      expect(await inbox.work.extend(lease, SECOND)).toBe(false);
    }
    await inbox.work.release([a, b]);
    expect(await inbox.event("a")).toMatchObject({ state: "done", reason: undefined, finishedAt: now / 1000 });
    expect(await inbox.event("b")).toMatchObject({ state: "dead", reason: "refused by the handler" });
    expect(await inbox.work.nextDueIn()).toBeUndefined();
    expect(await inbox.events({ state: "dead", limit: 9 })).toMatchObject([{ id: "b", attempts: 1 }]);
  });

  test("leases an event again when its retry is due, with the reason and the next attempt's number", async () => {
    await accept("a");
    expect(await inbox.work.retry(await claimOne(), 5 * SECOND, "503")).toBe(true);
    expect(await inbox.event("a")).toMatchObject({ state: "waiting", reason: "503", dueAt: now + 5 * SECOND });
    expect(await inbox.work.nextDueIn()).toBe(5 * SECOND);
    expect(await claim()).toEqual([]);
    now += 5 * SECOND;
    expect(await claim()).toMatchObject([{ attempt: 2, event: { id: "a" } }]);
  });

  test("gives an expired lease to another holder, and refuses the old holder", async () => {
    await accept("a");
    const outdated = await claimOne();
    now += 30 * SECOND;
    const other = await open();
    const [lease] = (await claim(1, other)) as [Lease];
    expect(lease).toMatchObject({ attempt: 2, event: { id: "a" } });
    expect(await inbox.work.extend(outdated, HOUR)).toBe(false);
    expect(await inbox.work.complete(outdated)).toBe(false);
    expect(await inbox.work.retry(outdated, 0, "late")).toBe(false);
    expect(await inbox.work.bury(outdated, "late")).toBe(false);
    await inbox.work.release([outdated]);
    expect(await inbox.event("a")).toMatchObject({ state: "leased", attempts: 2 });
    expect(await other.work.complete(lease)).toBe(true);
  });

  test("leaves an event to a holder that extends in time, or that is late while nobody else took the event", async () => {
    await accept("a");
    const lease = await claimOne();
    now += 20 * SECOND;
    expect(await inbox.work.extend(lease, 30 * SECOND)).toBe(true);
    now += 29 * SECOND;
    expect(await claim()).toEqual([]);
    now += HOUR;
    expect(await inbox.work.complete(lease)).toBe(true);
  });

  test("releases an unused lease", async () => {
    await accept("a");
    await inbox.work.release([await claimOne()]);
    expect(await inbox.event("a")).toMatchObject({ state: "waiting", attempts: 0 });
    expect(await claimOne()).toMatchObject({ attempt: 1 });
  });

  test("leases each event once in simultaneous claims", async () => {
    for (let n = 0; n < 40; n += 1) await accept(`e${n}`, n % 2 === 0 ? {} : { orderKey: `k${n % 3}` });
    const others = [inbox, await open(), await open()];
    const leases = await Promise.all(Array.from({ length: 12 }, (_, n) => claim(7, others[n % 3])));
    const ids = leases.flatMap(idsOf);
    expect(new Set(ids).size).toBe(ids.length);
    const rest = idsOf(await claim(100));
    expect(new Set([...ids, ...rest]).size).toBe(ids.length + rest.length);
    // All 20 events without a key are leased, and one event for each of the 3 keys.
    expect(ids.length + rest.length).toBe(20 + 3);
  });

  describe("with an order key", () => {
    const orderKey = '["envelope 1"]';

    test("leases one at a time, in the order of acceptance", async () => {
      for (const id of ["a", "b", "c"]) await accept(id, { orderKey });
      await accept("other", { orderKey: '["envelope 2"]' });
      await accept("of another sender", { orderKey, sender: "beta" });
      const [a, ...rest] = (await claim()) as [Lease];
      expect([a.event.id, ...idsOf(rest)]).toEqual(["a", "other", "of another sender"]);
      expect(await claim()).toEqual([]);
      expect(await inbox.work.complete(a)).toBe(true);
      const b = await claimOne();
      expect([b.event.id, await claim()]).toEqual(["b", []]);
      // Event `c` must not be leased while event `b` waits for a retry, nor after the lease of `b` has expired.
      expect(await inbox.work.retry(b, HOUR, "503")).toBe(true);
      now += HOUR - 1;
      expect(await claim()).not.toContainEqual(
        expect.objectContaining({ event: expect.objectContaining({ id: "c" }) }),
      );
      now += 1;
      const again = await inbox.work.claim(10, SECOND);
      expect(idsOf(again)).toContain("b");
      now += 2 * SECOND;
      expect(await inbox.work.bury((await claim()).find(({ event }) => event.id === "b") as Lease, "no")).toBe(true);
      expect(idsOf(await claim())).toEqual(["c"]);
    });

    test("says nothing is due while only the next ones in order wait", async () => {
      for (const id of ["a", "b"]) await accept(id, { orderKey });
      await claimOne();
      await claim();
      expect(await inbox.work.nextDueIn()).toBe(30 * SECOND);
    });

    test("is not blocked for ever if a dead event is retried while the process of a later one has died", async () => {
      await accept("a", { orderKey });
      await inbox.work.bury(await claimOne(), "broken");
      await accept("b", { orderKey });
      await claimOne();
      expect(await inbox.retryNow("a")).toBe(true);
      expect(await claim()).toEqual([]);
      now += 31 * SECOND;
      const handled: string[] = [];
      for (let second = 0; second < 90; second += 1) {
        now += SECOND;
        for (const lease of await claim()) {
          handled.push(lease.event.id);
          await inbox.work.complete(lease);
        }
      }
      expect(handled).toEqual(["a", "b"]);
    });

    test.each<[string, (lease: Lease) => Promise<unknown>]>([
      ["is to be tried again", (lease) => inbox.work.retry(lease, HOUR, "503")],
      ["is given back", (lease) => inbox.work.release([lease])],
    ])("continues with an event that was retried by hand as soon as the later one %s", async (_, end) => {
      await accept("a", { orderKey });
      await inbox.work.bury(await claimOne(), "broken");
      await accept("b", { orderKey });
      const b = await claimOne();
      await inbox.retryNow("a");
      expect(await claim()).toEqual([]);
      await end(b);
      expect(idsOf(await claim())).toEqual(["a"]);
    });

    test("continues with an event that was retried by hand as soon as the lease of the later one expires", async () => {
      await accept("a", { orderKey });
      await inbox.work.bury(await claimOne(), "broken");
      await accept("b", { orderKey });
      await claimOne();
      now += 20 * SECOND;
      await inbox.retryNow("a");
      expect(await claim()).toEqual([]);
      now += 11 * SECOND;
      // The first claim finds the expired lease of `b`. Event `a` waited for this lease, so it is due in the second claim.
      expect(idsOf([...(await claim()), ...(await claim())])).toEqual(["a"]);
    });

    test.each([
      ["is unreadable", "UPDATE event SET headers = '{' WHERE id = 'a'"],
      ["is gone", "DELETE FROM event WHERE id = 'a'"],
    ])("continues at once after an event whose row %s", async (_, damage) => {
      for (const id of ["a", "b"]) await accept(id, { orderKey });
      await changeByHand(given.location, [damage]);
      // The first claim makes the damaged event dead. In SQLite, the same claim also leases the next event. In PostgreSQL, the
      // second claim leases it.
      expect(idsOf([...(await claim()), ...(await claim())])).toEqual(["b"]);
    });

    test("does not change the wait of a retry when a later event is dropped", async () => {
      await accept("a", { orderKey });
      await accept("b", { orderKey });
      await inbox.work.retry(await claimOne(), HOUR, "503");
      expect(await claim()).toEqual([]);
      expect(await inbox.drop("b", "no more")).toBe(true);
      expect(await claim()).toEqual([]);
      now += HOUR;
      expect(idsOf(await claim())).toEqual(["a"]);
    });

    test("does not delay other events if a thousand events wait for one", async () => {
      await Promise.all(Array.from({ length: 1500 }, (_, n) => accept(`e${n}`, { orderKey })));
      await accept("free");
      const first = await claimOne();
      // The events that wait for `first` are too many for one claim. Two claims together examine and postpone all of them. Later
      // claims do not examine these events again.
      const found = [...(await claim()), ...(await claim())];
      expect(idsOf(found)).toEqual(["free"]);
      expect(await inbox.work.complete(first)).toBe(true);
      expect((await claim()).length).toBe(1);
    });

    test("leases a dead event that is retried only after the later one has ended, and then first", async () => {
      for (const id of ["a", "b", "c"]) await accept(id, { orderKey });
      expect(await inbox.work.bury(await claimOne(), "no")).toBe(true);
      const b = await claimOne();
      expect(await inbox.retryNow("a")).toBe(true);
      expect([b.event.id, await claim()]).toEqual(["b", []]);
      expect(await inbox.work.complete(b)).toBe(true);
      expect(idsOf(await claim())).toEqual(["a"]);
      expect(await claim()).toEqual([]);
    });

    test("continues after a drop", async () => {
      for (const id of ["a", "b"]) await accept(id, { orderKey });
      expect(await inbox.work.retry(await claimOne(), HOUR, "503")).toBe(true);
      expect(await claim()).toEqual([]);
      expect(await inbox.drop("a", "not needed")).toBe(true);
      expect(idsOf(await claim())).toEqual(["b"]);
    });
  });

  describe("acceptLeased()", () => {
    const acceptLeased = (id: string, parts: Partial<DeliveryParts> = {}, at = inbox) =>
      at.acceptLeased(deliveryOf({ id, sender: "acme", ...parts }), { issuer: "i", jti: id, expires: 0 }, 5 * SECOND);

    test("stores and leases at once", async () => {
      const accepted = await acceptLeased("a");
      expect(accepted).toMatchObject({ lease: { attempt: 1, until: now + 5 * SECOND, event: { id: "a" } } });
      expect(await claim()).toEqual([]);
      expect("lease" in accepted && (await inbox.work.complete(accepted.lease))).toBe(true);
    });

    test("recognises duplicates, and does not lease an event that must wait for an earlier one", async () => {
      const parts = { eventKey: "k", body: "{}", orderKey: "o" };
      await acceptLeased("a", parts);
      expect(await acceptLeased("b", parts)).toEqual({ outcome: "duplicate", of: "a" });
      expect(await acceptLeased("c", { orderKey: "o" })).toEqual({ outcome: "stored" });
      expect(await claim()).toEqual([]);
    });

    test("leases one of twenty simultaneous events with the same order key", async () => {
      const others = await open();
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, n) => acceptLeased(`e${n}`, { orderKey: "o" }, n % 2 === 0 ? inbox : others)),
      );
      expect(outcomes.filter((outcome) => "lease" in outcome)).toHaveLength(1);
      expect(await claim()).toEqual([]);
    });
  });

  describe("by hand", () => {
    test("retryNow() puts a dead or a waiting event first", async () => {
      for (const id of ["a", "b", "c"]) await accept(id);
      const [a, b] = (await claim(2)) as [Lease, Lease];
      await inbox.work.bury(b, "no");
      expect([await inbox.retryNow("b"), await inbox.retryNow("a"), await inbox.retryNow("none")]).toEqual([
        true,
        false,
        false,
      ]);
      // The attempts of the dead event are counted from 1 again. Otherwise the event would have no attempts left.
      expect(await claim()).toMatchObject([
        { attempt: 1, event: { id: "b" } },
        { attempt: 1, event: { id: "c" } },
      ]);
      await inbox.work.retry(a, HOUR, "503");
      await accept("d");
      expect(await inbox.retryNow("a")).toBe(true);
      expect(await claim()).toMatchObject([{ attempt: 2, event: { id: "a" } }, { event: { id: "d" } }]);
    });

    test("drop() makes a waiting or a dead event done", async () => {
      await accept("a");
      await accept("b");
      const lease = await claimOne();
      expect([await inbox.drop("a", "mine"), await inbox.drop("b", "mine")]).toEqual([false, true]);
      expect(await inbox.event("b")).toMatchObject({ state: "done", reason: "mine", attempts: 0 });
      await inbox.work.bury(lease, "no");
      expect([await inbox.drop("a", "mine"), await inbox.drop("a", "again")]).toEqual([true, false]);
    });
  });

  test("drop() drops the events of two issuers with the same id, and each order continues", async () => {
    const acceptFrom = (issuer: string, id: string) =>
      inbox.accept(deliveryOf({ id, sender: "acme", eventKey: `${issuer} ${id}`, orderKey: issuer }), {
        ...{ issuer, jti: id, expires: 0 },
      });
    for (const issuer of ["one", "two"]) await acceptFrom(issuer, "a");
    for (const lease of await claim()) await inbox.work.retry(lease, HOUR, "503");
    await acceptFrom("one", "b");
    await acceptFrom("two", "c");
    expect(await claim()).toEqual([]);
    expect(await inbox.drop("a", "mine")).toBe(true);
    expect(idsOf(await claim())).toEqual(["b", "c"]);
    // If two events have the same id, the inbox shows only the first one. So the second event gets another id here.
    await changeByHand(given.location, ["UPDATE event SET id = 'a of two' WHERE id = 'a' AND issuer = 'two'"]);
    for (const id of ["a", "a of two"]) {
      expect(await inbox.event(id)).toMatchObject({ state: "done", reason: "mine" });
      expect((await inbox.attempts(id))?.records).toMatchObject([{ outcome: "retry" }, { action: "drop", at: now }]);
    }
  });

  describe("when the clock is set", () => {
    test("back, leases what is due, and retried events neither too late nor at once", async () => {
      for (const id of ["waits", "is retried", "is leased"]) await accept(id);
      const leases = await claim(3);
      await inbox.work.release(leases.slice(0, 1));
      await inbox.work.retry(leases[1] as Lease, 100 * SECOND, "503");
      now -= 1000 * HOUR;
      expect(idsOf(await claim())).toEqual(["waits"]);
      now += 29 * SECOND;
      expect(await claim()).toEqual([]);
      // After the clock change, a lease stays with its holder. If the holder has ended, the lease still expires after its full
      // length.
      now += 2 * SECOND;
      expect((await claim()).map(({ event }) => event.id).sort()).toEqual(["is leased", "waits"]);
      expect(await inbox.work.complete(leases[2] as Lease)).toBe(false);
      now += 70 * SECOND;
      expect(idsOf(await claim())).toContain("is retried");
    });

    test("back before a restart, also leases everything", async () => {
      await accept("a");
      await inbox.close();
      now -= 1000 * HOUR;
      inbox = await open();
      expect(idsOf(await claim())).toEqual(["a"]);
    });

    test("ahead, ends an event once", async () => {
      await accept("a");
      const first = await claimOne();
      now += 1000 * HOUR;
      const second = await claimOne();
      expect([await inbox.work.complete(first), await inbox.work.complete(second)]).toEqual([false, true]);
      expect(await claim()).toEqual([]);
    });

    test("by less than the difference between hosts, changes nothing", async () => {
      await accept("a");
      const lease = await claimOne();
      now -= 30 * SECOND;
      expect(await claim()).toEqual([]);
      expect(await inbox.work.complete(lease)).toBe(true);
    });
  });
});
