// Tests that an event is accepted by one committed insert. Each event is stored once, whoever sends it again and however many
// copies arrive at the same time. Runs with every store.

import { beforeEach, expect, test } from "vitest";
import { Refusal } from "../../../core/refusal.ts";
import type { Acceptance } from "../../../origin/accept.ts";
import type { Inbox } from "../../../origin/inbox/inbox.ts";
import { type DeliveryParts, deliveryOf } from "../../support/inbox.ts";
import { describeOnStores, openTestInbox } from "../../support/inbox-stores.ts";

describeOnStores("accept()", (given) => {
  let inbox: Inbox;

  beforeEach(async () => {
    inbox = await openTestInbox(given.stack, given.location);
  });

  const accept = async (
    parts: Partial<DeliveryParts> & { readonly id: string },
    assertion: { readonly issuer?: string; readonly jti?: string } = {},
    at = inbox,
  ): Promise<Acceptance> => {
    const { issuer = "https://edge.example.com", jti = parts.id } = assertion;
    const expires = Math.floor(Date.now() / 1000) + 60;
    return (await at.accept(deliveryOf({ sender: "acme", ...parts }), { issuer, jti, expires })) as Acceptance;
  };
  const codeOf = (error: unknown) => (error instanceof Refusal ? error.code : error);
  const states = async () => (await inbox.events({ limit: 1000 })).map(({ id, state }) => `${id} ${state}`);

  test("stores an event as it was received, with its work", async () => {
    const body = "\u0000\u00ff übung";
    const delivery = deliveryOf({ id: "a", sender: "acme", body, eventKey: undefined });
    const before = Math.floor(Date.now() / 1000);
    const assertion = { issuer: "https://edge.example.com", jti: "j", expires: before + 60 };
    expect(await inbox.accept(delivery, assertion)).toEqual({ outcome: "stored" });
    const { eventKey: _none, orderKey: _no, certificate: _bytes, ...facts } = delivery;
    const stored = await inbox.event("a");
    expect(stored).toMatchObject({
      ...{ ...facts, body: new Uint8Array(Buffer.from(body)), issuer: "https://edge.example.com", jti: "j" },
      ...{ eventKey: undefined, state: "waiting", attempts: 0, reason: undefined, finishedAt: undefined },
      ...{ hasConflict: false, duplicates: 0 },
    });
    expect(stored?.acceptedAt).toBeGreaterThanOrEqual(before);
    expect(stored?.dueAt).toBeLessThanOrEqual(Date.now());
    const [row] = await inbox.events({ limit: 10 });
    expect(row).toMatchObject({ id: "a", bodyBytes: Buffer.byteLength(body) });
    expect(row).not.toHaveProperty("body");
  });

  test("refuses the same assertion again if the issuer is the same", async () => {
    await accept({ id: "a" }, { jti: "j" });
    expect(await accept({ id: "a" }, { jti: "j" }).catch(codeOf)).toBe("replayed");
    expect(await accept({ id: "b" }, { jti: "j" }).catch(codeOf)).toBe("replayed");
    expect(await accept({ id: "b" }, { jti: "j", issuer: "https://other.example.com" })).toEqual({
      outcome: "stored",
    });
    expect(await inbox.count()).toBe(2);
    expect((await inbox.event("a"))?.duplicates).toBe(0);
  });

  test("recognises an event that its edge delivers again under another assertion", async () => {
    await accept({ id: "a" }, { jti: "1" });
    expect(await accept({ id: "a" }, { jti: "2" })).toEqual({ outcome: "duplicate", of: "a" });
    expect(await accept({ id: "a" }, { jti: "3" })).toEqual({ outcome: "duplicate", of: "a" });
    // The assertion that came with the duplicate cannot be used again either.
    expect(await accept({ id: "a" }, { jti: "2" }).catch(codeOf)).toBe("replayed");
    expect(await inbox.event("a")).toMatchObject({ duplicates: 2, state: "waiting" });
    expect(await inbox.count()).toBe(1);
  });

  test("recognises an event that its sender sends again, by key and bytes, also after it was handled", async () => {
    const event = { eventKey: '["evt_1"]', body: "{}" };
    await accept({ id: "a", ...event });
    expect(await accept({ id: "b", ...event })).toEqual({ outcome: "duplicate", of: "a" });
    const [lease] = await inbox.work.claim(10, 1000);
    expect(await inbox.work.complete(lease as NonNullable<typeof lease>)).toBe(true);
    expect(await accept({ id: "c", ...event })).toEqual({ outcome: "duplicate", of: "a" });
    expect(await inbox.work.claim(10, 1000)).toEqual([]);
    expect(await inbox.event("a")).toMatchObject({ duplicates: 2, state: "done", hasConflict: false });
    expect(await accept({ id: "d", ...event, sender: "beta" })).toEqual({ outcome: "stored" });
  });

  test("stores events without a key each time", async () => {
    for (const id of ["a", "b"]) await accept({ id, eventKey: undefined, body: "{}" });
    expect(await inbox.count()).toBe(2);
  });

  test("keeps other bytes under the same key, and flags all these events as conflicts", async () => {
    const eventKey = '["evt_1"]';
    await accept({ id: "a", eventKey, body: "1" });
    expect(await accept({ id: "b", eventKey, body: "2" })).toEqual({ outcome: "stored", conflictsWith: "a" });
    expect(await accept({ id: "c", eventKey, body: "3" })).toMatchObject({ outcome: "stored" });
    expect(await accept({ id: "d", eventKey, body: "2" })).toEqual({ outcome: "duplicate", of: "b" });
    await accept({ id: "e", eventKey: '["evt_2"]', body: "1" });
    const flags = (await inbox.events({ limit: 9 })).map(({ id, hasConflict }) => [id, hasConflict]);
    expect(flags.reverse()).toEqual([
      ["a", true],
      ["b", true],
      ["c", true],
      ["e", false],
    ]);
    expect(await inbox.work.claim(9, 1000)).toHaveLength(4);
  });

  test("treats the same key and bytes with another method, path or query as another event", async () => {
    const event = { eventKey: '["evt_1"]', body: '{"id":1}' };
    const requests = [
      { method: "PUT", target: "/items/1" },
      { method: "DELETE", target: "/items/1" },
      { method: "PUT", target: "/items/2" },
      { method: "PUT", target: "/items/1?a=%5C" },
      { method: "PUT", target: String.raw`/items/1?a=\x41` },
      { method: "PUT", target: `/items/${"1".repeat(8_000)}` },
    ];
    for (const round of [0, 1, 2]) {
      const outcomes = await Promise.all(
        requests.map((request, n) => accept({ id: `${round} ${n}`, ...event, ...request })),
      );
      expect(outcomes).toEqual(
        requests.map((_, n) => (round === 0 ? { outcome: "stored" } : { outcome: "duplicate", of: `0 ${n}` })),
      );
    }
    expect((await inbox.events({ limit: 99 })).map(({ hasConflict }) => hasConflict)).toEqual(Array(6).fill(false));
    expect(await accept({ id: "other bytes", ...event, ...requests[2], body: "{}" })).toEqual({
      outcome: "stored",
      conflictsWith: "0 2",
    });
    expect(await inbox.work.claim(99, 1000)).toHaveLength(7);
  });

  test("flags conflicts that arrive at the same time", async () => {
    const others = await openTestInbox(given.stack, given.location);
    const eventKey = '["evt_1"]';
    const arrivals = Array.from({ length: 20 }, (_, n) =>
      accept({ id: `e${n}`, eventKey, body: String(n % 10) }, {}, n % 2 === 0 ? inbox : others),
    );
    const outcomes = (await Promise.all(arrivals)).map(({ outcome }) => outcome).sort();
    expect(outcomes).toEqual([...Array(10).fill("duplicate"), ...Array(10).fill("stored")]);
    expect((await inbox.events({ limit: 99 })).map(({ hasConflict }) => hasConflict)).toEqual(Array(10).fill(true));
  });

  test.each<[string, (n: number) => [Partial<DeliveryParts> & { id: string }, { jti?: string }], unknown]>([
    ["key of the sender", (n) => [{ id: `e${n}`, eventKey: '["k"]', body: "{}" }, {}], "duplicate"],
    ["id of the edge", (n) => [{ id: "e" }, { jti: `j${n}` }], "duplicate"],
    ["id of the edge, and other targets", (n) => [{ id: "e", target: `/${n}` }, { jti: `j${n}` }], "duplicate"],
    ["assertion", (n) => [{ id: `e${n}` }, { jti: "j" }], "replayed"],
  ])("stores one of twenty simultaneous events with the same %s, on two connections", async (_name, make, other) => {
    const others = await openTestInbox(given.stack, given.location);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        accept(...make(n), n % 2 === 0 ? inbox : others).then(({ outcome }) => outcome, codeOf),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === "stored")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === other)).toHaveLength(19);
    const leases = await Promise.all([inbox.work.claim(20, 1000), others.work.claim(20, 1000)]);
    expect(leases.flat()).toHaveLength(1);
    const [stored] = await inbox.events({ limit: 9 });
    expect(stored?.duplicates).toBe(other === "duplicate" ? 19 : 0);
  });

  test("stores each of a thousand simultaneous events", async () => {
    const outcomes = await Promise.all(Array.from({ length: 1000 }, (_, n) => accept({ id: `e${n}` })));
    expect(outcomes.every(({ outcome }) => outcome === "stored")).toBe(true);
    expect(await inbox.count()).toBe(1000);
  });

  test("accepts unusual events: long keys, strange characters, no body", async () => {
    const odd = "\u{1f600}'\"\\ %$1; -- \ud800";
    await accept({
      id: "a",
      sender: "acme",
      eventKey: JSON.stringify([odd]),
      orderKey: JSON.stringify([odd]),
      body: "",
    });
    expect(await inbox.event("a")).toMatchObject({ eventKey: JSON.stringify([odd]), body: new Uint8Array() });
    await accept({ id: "b", eventKey: JSON.stringify(["é".repeat(508)]) });
    expect(await inbox.count()).toBe(2);
  });

  test("refuses only the event that cannot be stored, not the others of the same batch", async () => {
    const bad = { ...deliveryOf({ id: "bad", sender: "acme" }), policyDigest: null } as never;
    const outcomes = await Promise.all([
      accept({ id: "a" }).then(({ outcome }) => outcome),
      (inbox.accept(bad, { issuer: "i", jti: "bad", expires: 1 }) as Promise<unknown>).catch(codeOf),
      accept({ id: "b" }).then(({ outcome }) => outcome),
    ]);
    expect(outcomes).toEqual(["stored", "store_unavailable", "stored"]);
    expect((await states()).sort()).toEqual(["a waiting", "b waiting"]);
  });

  test("refuses events when too many wait, and accepts the next one after that", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 5000 }, (_, n) => accept({ id: `e${n}` }).then(({ outcome }) => outcome, codeOf)),
    );
    const refused = outcomes.filter((outcome) => outcome === "store_unavailable").length;
    expect(refused).toBeGreaterThan(0);
    expect(await inbox.count()).toBe(5000 - refused);
    expect(await accept({ id: "after" })).toEqual({ outcome: "stored" });
  });

  test("refuses everything after it is closed, but first stores the events that wait", async () => {
    const waiting = accept({ id: "a" });
    await inbox.close();
    expect(await waiting).toEqual({ outcome: "stored" });
    expect(await accept({ id: "b" }).catch(codeOf)).toBe("store_unavailable");
    expect(await (await openTestInbox(given.stack, given.location)).count()).toBe(1);
  });
});
