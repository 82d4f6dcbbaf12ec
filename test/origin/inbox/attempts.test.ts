// Tests the records of attempts: the outcome of each attempt, the actions of operators, and which part of a long history is kept.
// Runs with every store.

import { beforeEach, expect, test } from "vitest";
import { MAX_FIRST_ATTEMPTS, MAX_LATEST_ATTEMPTS } from "../../../core/wire.ts";
import type { Inbox, Lease } from "../../../origin/inbox/inbox.ts";
import { openInboxReader } from "../../../origin/inbox/open.ts";
import { type DeliveryParts, deliveryOf } from "../../support/inbox.ts";
import { changeByHand, describeOnStores, openTestInbox } from "../../support/inbox-stores.ts";

const LEASE = 30_000;
const START = 1_800_000_000_000;

describeOnStores("the record of attempts", (given) => {
  let now: number;
  let inbox: Inbox;

  beforeEach(() => {
    now = START;
  });

  const open = async () => {
    inbox = await openTestInbox(given.stack, given.location, { clock: () => now });
  };
  const accept = (id: string, parts: Partial<DeliveryParts> = {}) =>
    inbox.accept(deliveryOf({ id, sender: "acme", ...parts }), { issuer: "direct", jti: id, expires: 0 });
  const claim = () => inbox.work.claim(10, LEASE);
  const claimOne = async (): Promise<Lease> => {
    const [lease] = await claim();
    if (lease === undefined) throw new Error("nothing is due");
    return lease;
  };
  const recordsOf = async (id: string) => (await inbox.attempts(id))?.records;
  /** Reads the records through a separate reader, as another process would. */
  const readElsewhere = async (id: string) => {
    const reader = await openInboxReader(given.location);
    return await reader.attempts(id).finally(() => reader.close());
  };
  const attempt = (number: number, beganAt: number, rest: object) => ({
    kind: "attempt",
    ...{ number, beganAt, endedAt: undefined, status: undefined, reason: undefined, dueAt: undefined },
    ...rest,
  });

  test("records when each attempt began and ended, its outcome, and when the next one was due", async () => {
    await open();
    await accept("a");
    expect(await inbox.attempts("a")).toEqual({ records: [], leftOut: 0 });
    expect(await inbox.attempts("nobody")).toBeUndefined();
    const first = await claimOne();
    now += 100;
    expect(await recordsOf("a")).toEqual([attempt(1, START, { outcome: "running" })]);
    await inbox.work.retry(first, 5_000, "answered\n503", 503);
    now += 5_000;
    const second = await claimOne();
    now += 20;
    await inbox.work.complete(second, 202);
    const expected = [
      attempt(1, START, {
        outcome: "retry",
        endedAt: START + 100,
        status: 503,
        reason: "answered 503",
        dueAt: START + 5_100,
      }),
      attempt(2, START + 5_100, { outcome: "done", endedAt: START + 5_120, status: 202 }),
    ];
    expect(await recordsOf("a")).toEqual(expected);
    expect(await readElsewhere("a")).toEqual({ records: expected, leftOut: 0 });
  });

  test("records a handler without a response, a dead event and a stop", async () => {
    await open();
    for (const id of ["done", "dead", "released", "unused"]) await accept(id);
    const [done, dead, released, unused] = (await claim()) as [Lease, Lease, Lease, Lease];
    now += 1;
    await inbox.work.complete(done);
    await inbox.work.bury(dead, `${"x".repeat(400)}`, 410);
    await inbox.work.release([released], { wasBegun: true });
    await inbox.work.release([unused]);
    expect(await recordsOf("done")).toEqual([attempt(1, START, { outcome: "done", endedAt: now })]);
    expect(await recordsOf("dead")).toEqual([
      attempt(1, START, { outcome: "dead", endedAt: now, status: 410, reason: `${"x".repeat(300)}…` }),
    ]);
    expect(await recordsOf("released")).toEqual([attempt(1, START, { outcome: "released", endedAt: now })]);
    expect(await recordsOf("unused")).toEqual([]);
    // The released attempt did not count, so the next attempt has the same number.
    const again = (await claim()).find(({ event }) => event.id === "released") as Lease;
    await inbox.work.complete(again);
    expect((await recordsOf("released"))?.map((record) => "number" in record && record.number)).toEqual([1, 1]);
  });

  test("says which attempts left no outcome, once each, and drops an outcome that arrives too late", async () => {
    await open();
    for (const id of ["a", "b"]) await accept(id);
    const [late] = (await claim()) as [Lease];
    now += LEASE + 1;
    const [taken] = (await claim()) as [Lease];
    expect(await inbox.work.complete(late)).toBe(false);
    const abandoned = attempt(1, START, { outcome: "abandoned" });
    expect(await recordsOf("a")).toEqual([abandoned, attempt(2, now, { outcome: "running" })]);
    await inbox.work.complete(taken);
    const second = now;
    now += LEASE + 1;
    // Event `b` has two abandoned attempts. Such an event is attempted alone, so it may have to wait. The second attempt must be
    // recorded as abandoned even if the event has to wait.
    await claim();
    expect(await recordsOf("b")).toEqual([
      abandoned,
      attempt(2, second, { outcome: "abandoned" }),
      attempt(3, now, { outcome: "running" }),
    ]);
    expect(await recordsOf("a")).toMatchObject([abandoned, { number: 2, outcome: "done" }]);
  });

  test("records an abandoned attempt of an event with an order key", async () => {
    await open();
    for (const id of ["a", "b"]) await accept(id, { orderKey: "o" });
    const lease = await claimOne();
    now += LEASE + 1;
    const again = await claimOne();
    expect(again.event.id).toBe(lease.event.id);
    await inbox.work.retry(again, 10, "later");
    now += 10;
    await inbox.work.complete(await claimOne());
    expect(await recordsOf("a")).toMatchObject([
      { number: 1, outcome: "abandoned", endedAt: undefined },
      { number: 2, outcome: "retry" },
      { number: 3, outcome: "done" },
    ]);
    expect(await recordsOf("b")).toEqual([]);
  });

  test("records what operators did: retry, drop and run", async () => {
    await open();
    for (const id of ["a", "b"]) await accept(id);
    const [a, b] = (await claim()) as [Lease, Lease];
    await inbox.work.bury(a, "no");
    await inbox.work.retry(b, 60_000, "later");
    now += 1_000;
    expect(await inbox.retryNow("a")).toBe(true);
    expect(await inbox.drop("b", "not\u0007wanted")).toBe(true);
    expect(await recordsOf("b")).toMatchObject([
      { outcome: "retry", number: 1 },
      { kind: "operator", action: "drop", at: now, reason: "not wanted" },
    ]);
    await inbox.work.complete(await claimOne(), 200);
    now += 1_000;
    expect(await inbox.rerun({ ids: ["a", "b"], isTrial: true })).toMatchObject({ events: 2 });
    expect(await recordsOf("a")).toHaveLength(3);
    expect(await inbox.rerun({ ids: ["a", "b"], isTrial: false })).toMatchObject({ events: 2 });
    const later = now;
    now += 1_000;
    for (const lease of await claim()) await inbox.work.complete(lease, 204);
    expect(await recordsOf("a")).toEqual([
      attempt(1, START, { outcome: "dead", endedAt: START, reason: "no" }),
      { kind: "operator", action: "retry", at: START + 1_000, reason: undefined },
      attempt(1, START + 1_000, { outcome: "done", endedAt: START + 1_000, status: 200 }),
      { kind: "operator", action: "run", at: later, reason: undefined },
      attempt(1, now, { outcome: "done", endedAt: now, status: 204 }),
    ]);
    expect((await recordsOf("b"))?.map((record) => ("action" in record ? record.action : record.outcome))).toEqual([
      ...["retry", "drop", "run", "done"],
    ]);
  });

  test("keeps the first and the latest records of a long history, and the number of those between", async () => {
    await open();
    await accept("a");
    const all = MAX_FIRST_ATTEMPTS + MAX_LATEST_ATTEMPTS + 7;
    for (let number = 1; number <= all; number += 1) {
      await inbox.work.retry(await claimOne(), 0, `attempt ${number}`);
      now += 1;
    }
    const history = await inbox.attempts("a");
    expect(history?.leftOut).toBe(7);
    const numbers = history?.records.map((record) => "number" in record && record.number);
    expect(numbers).toEqual([
      ...Array.from({ length: MAX_FIRST_ATTEMPTS }, (_, index) => index + 1),
      ...Array.from({ length: MAX_LATEST_ATTEMPTS }, (_, index) => all - MAX_LATEST_ATTEMPTS + index + 1),
    ]);
    // The number of records that are left out includes the records of reruns.
    await inbox.work.complete(await claimOne());
    for (let run = 0; run < 60; run += 1) {
      await inbox.rerun({ ids: ["a"], isTrial: false });
      await inbox.work.complete(await claimOne());
    }
    const long = await inbox.attempts("a");
    expect(long?.leftOut).toBe(all + 120 - MAX_FIRST_ATTEMPTS - MAX_LATEST_ATTEMPTS);
    expect(long?.records).toHaveLength(MAX_FIRST_ATTEMPTS + MAX_LATEST_ATTEMPTS + 1);
  });

  test("is deleted with its event", async () => {
    await open();
    await accept("a");
    await inbox.work.retry(await claimOne(), 0, "no");
    await inbox.work.complete(await claimOne());
    now += 1_000;
    while ((await inbox.prune({ bodySeconds: 0, eventSeconds: 0 })) > 0);
    expect(await inbox.attempts("a")).toBeUndefined();
    // This insert fails if the row of the first attempt still exists.
    await changeByHand(given.location, [
      "INSERT INTO attempt (sequence, place, outcome) VALUES (1, 1, 'retry')",
      "DELETE FROM attempt",
    ]);
    // SQLite gives event b the sequence number of the deleted event.
    await accept("b");
    await inbox.work.retry(await claimOne(), 0, "no");
    expect((await recordsOf("b"))?.[0]).toMatchObject({ number: 1, outcome: "retry", beganAt: now });
  });

  test("says why an event with a damaged row is dead", async () => {
    await open();
    await accept("a");
    await changeByHand(given.location, ["UPDATE event SET headers = '['"]);
    expect(await claim()).toEqual([]);
    expect(await recordsOf("a")).toMatchObject([
      { number: 1, outcome: "dead", beganAt: now, reason: expect.stringMatching(/^its row is damaged/) },
    ]);
  });
});
