// An inbox that the program of version 0.1.0 filled, opened by this one: what it knew keeps its meaning. On every store.

import { beforeEach, expect, test } from "vitest";
import type { Acceptance } from "../../../origin/accept.ts";
import type { Inbox, Lease } from "../../../origin/inbox/inbox.ts";
import { openInboxReader } from "../../../origin/inbox/open.ts";
import { type DeliveryParts, deliveryOf } from "../../support/inbox.ts";
import { describeOnStores, openTestInbox } from "../../support/inbox-stores.ts";
import { insertAsReleased, makeReleasedInbox } from "../../support/released-inbox.ts";

const DAY = 86_400;
const START = 1_800_000_000;
/** Longer than a row of an index may be, with what a cast to bytes would take for an escape. */
const LONG_TARGET = `/hooks/acme?path=\\x00\\101&${"a".repeat(4_000)}`;

describeOnStores("an inbox of version 0.1.0", (given) => {
  let now: number;

  beforeEach(() => {
    now = START;
  });

  const open = () => openTestInbox(given.stack, given.location, { clock: () => now * 1000 });
  const accept = async (inbox: Inbox, id: string, parts: Partial<DeliveryParts> = {}, jti = id): Promise<unknown> => {
    const assertion = { issuer: "edge", jti, expires: now + 60 };
    try {
      return (await inbox.accept(deliveryOf({ id, sender: "acme", ...parts }), assertion)) as Acceptance;
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
  };
  const idsOf = (leases: readonly Lease[]) => leases.map(({ event }) => event.id);

  test("is read by none of this version before an origin was started on it", async () => {
    await makeReleasedInbox(given.location, []);
    await expect(openInboxReader(given.location)).rejects.toThrow(/start an origin on it once/);
    await open();
    await (await openInboxReader(given.location)).close();
  });

  test("keeps its events, what is to be done with them, and in which order", async () => {
    await makeReleasedInbox(given.location, [
      { id: "first", orderKey: "o", at: START - 9 },
      { id: "done", state: "done", at: START - 8, duplicates: 3 },
      { id: "dead", state: "dead", at: START - 7 },
      { id: "one", key: "k", body: "1", at: START - 6, hasConflict: true },
      { id: "other", key: "k", body: "2", at: START - 5, hasConflict: true },
      { id: "second", orderKey: "o", at: START - 4 },
    ]);
    const inbox = await open();
    const events = (await inbox.events({ limit: 9 })).reverse();
    expect(events.map(({ id, state, duplicates, hasConflict }) => [id, state, duplicates, hasConflict])).toEqual([
      ["first", "waiting", 0, false],
      ["done", "done", 3, false],
      ["dead", "dead", 0, false],
      ["one", "waiting", 0, true],
      ["other", "waiting", 0, true],
      ["second", "waiting", 0, false],
    ]);
    expect(Buffer.from((await inbox.event("other"))?.body ?? []).toString()).toBe("2");
    const leases = await inbox.work.claim(9, 30_000);
    expect(idsOf(leases)).toEqual(["first", "one", "other"]);
    await inbox.work.complete(leases[0] as Lease);
    expect(idsOf(await inbox.work.claim(9, 30_000))).toEqual(["second"]);
    expect(await inbox.retryNow("dead")).toBe(true);
    expect(idsOf(await inbox.work.claim(9, 30_000))).toEqual(["dead"]);
  });

  test("knows what it had before: replays, ids, keys with the same bytes, and conflicts", async () => {
    await makeReleasedInbox(
      given.location,
      [
        { id: "a", key: "k", body: "1", at: START - 9 },
        { id: "b", at: START - 8 },
        { id: "long", key: "k", body: "2", target: LONG_TARGET, at: START - 7 },
      ],
      [["repeated", START + 60]],
    );
    const inbox = await open();
    const same = { eventKey: "k", body: "1" };
    for (const jti of ["a", "b", "repeated"]) expect(await accept(inbox, "new", {}, jti)).toBe("replayed");
    expect(await accept(inbox, "b", { eventKey: undefined }, "b again")).toEqual({ outcome: "duplicate", of: "b" });
    expect(await accept(inbox, "a again", same)).toEqual({ outcome: "duplicate", of: "a" });
    expect(await accept(inbox, "long again", { eventKey: "k", body: "2", target: LONG_TARGET })).toEqual({
      outcome: "duplicate",
      of: "long",
    });
    expect(await inbox.event("a")).toMatchObject({ duplicates: 1, hasConflict: false });
    const conflict = await accept(inbox, "conflict", { eventKey: "k", body: "3" });
    expect(conflict).toEqual({ outcome: "stored", conflictsWith: "a" });
    expect(await inbox.event("a")).toMatchObject({ hasConflict: true });
    // What that version took for the same event, at another target, is another one from now on.
    for (const parts of [{ target: "/refunds" }, { method: "PUT" }])
      expect(await accept(inbox, JSON.stringify(parts), { ...same, ...parts })).toEqual({ outcome: "stored" });
    expect(await accept(inbox, "at the other", { eventKey: "k", body: "2" })).toMatchObject({ outcome: "stored" });
  });

  test("refuses a replay also when retention has deleted its event since", async () => {
    await makeReleasedInbox(given.location, [{ id: "a", state: "done", at: START }]);
    now += 1;
    const inbox = await open();
    while ((await inbox.prune({ bodySeconds: 0, eventSeconds: 0 })) > 0);
    expect(await inbox.count()).toBe(0);
    expect(await accept(inbox, "a", {}, "a")).toBe("replayed");
    expect(await accept(inbox, "a", {}, "brought again")).toEqual({ outcome: "duplicate", of: "a" });
    now += 40 * DAY;
    while ((await inbox.prune({ bodySeconds: 0, eventSeconds: 0 })) > 0);
    expect(await accept(inbox, "a", {}, "much later")).toEqual({ outcome: "stored" });
  });

  test("takes the events of a process of that version that still runs beside, and knows them again", async () => {
    await makeReleasedInbox(given.location, []);
    const inbox = await open();
    await insertAsReleased(given.location, [{ id: "late", key: "k", body: "1", at: START }]);
    expect(await accept(inbox, "late again", { eventKey: "k", body: "1" })).toEqual({
      outcome: "duplicate",
      of: "late",
    });
    expect(await accept(inbox, "other", {}, "late")).toBe("replayed");
    expect(idsOf(await inbox.work.claim(9, 30_000))).toEqual(["late"]);
  });
});
