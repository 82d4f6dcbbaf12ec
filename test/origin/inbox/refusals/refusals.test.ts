// Tests refused requests in an inbox: which are kept, for how long, which are deleted first, and how they are read. Runs with every
// store.

import fc from "fast-check";
import { beforeEach, expect, test, vi } from "vitest";
import type { LogLine } from "../../../../core/log-line.ts";
import { MAX_WAITING_REFUSALS } from "../../../../core/wire.ts";
import type { Inbox } from "../../../../origin/inbox/inbox.ts";
import { openInboxReader } from "../../../../origin/inbox/open.ts";
import { RefusalRecorder } from "../../../../origin/inbox/refusals/recorder.ts";
import type { RefusalFilter, RefusalLimits, RefusedRequest } from "../../../../origin/inbox/refusals/refusals.ts";
import { giveWay } from "../../../../origin/inbox/refusals/shares.ts";
import { deliveryOf } from "../../../support/inbox.ts";
import { changeByHand, describeOnStores, openTestInbox } from "../../../support/inbox-stores.ts";

const START = 1_800_000_000_000;
const DAY = 86_400;
const WIDE: RefusalLimits = { refusals: 1_000, bytes: 10_000_000, certificateBytes: 10_000_000 };

const COUNT_KINDS = "INSERT INTO kinds SELECT count(*) FROM refusal_kind";

const certificate = (name: string, size = 100) => ({
  sha256: name.padEnd(64, "0"),
  der: name.padEnd(size, "A"),
  intermediates: ["BBBB"],
});

function refused(parts: Partial<RefusedRequest> & { readonly at: number }): RefusedRequest {
  const { at, code = "certificate_unproven", id = `decision ${at}` } = parts;
  const line = { decision: "refused", code, id, nearMiss: { sender: "acme" } } as unknown as LogLine;
  return {
    ...{ id, code, route: "/hooks/acme", sender: "", peer: "192.0.2.1", method: "POST", target: "/hooks/acme", line },
    certificate: undefined,
    ...parts,
  };
}

const record = (recorder: RefusalRecorder, one: RefusedRequest) => recorder.add(one, () => one);

/**
 * Rows for giveWay(), from the oldest to the newest. The storage is divided into shares, and each share is divided into parts.
 * `share` and `part` are numbers: the share of the row, and its part within that share.
 */
type Shape = readonly { readonly share: number; readonly part: number; readonly size: number }[];

const shape: fc.Arbitrary<Shape> = fc.array(
  fc.record({ share: fc.nat(3), part: fc.nat(5), size: fc.integer({ min: 1, max: 3 }) }),
  { maxLength: 60 },
);

/** Runs giveWay() on these rows in memory. It deletes at most `most` rows. Returns the rows that are left. */
function kept(rows: Shape, limit: number, most = Number.POSITIVE_INFINITY): Shape {
  const stored = rows.map(({ share, part, size }, time) => ({ ...{ name: `${share} ${part}`, amount: size }, time }));
  const parts = [...new Set(stored.map(({ name }) => name))].map((name) => {
    const own = stored.filter((row) => row.name === name);
    const [oldest = 0] = own.map(({ time }) => time);
    const amount = own.reduce((sum, row) => sum + row.amount, 0);
    return { share: name.split(" ")[0] as string, amount, oldest, sources: [{ name, oldest }] };
  });
  const steps = giveWay(parts, limit, most, ({ name }, last) => ({
    text: name,
    values: [Number(last?.["time"] ?? -1)],
  }));
  let step = steps.next();
  while (!step.done) {
    const { text, values } = step.value;
    step = steps.next(stored.filter(({ name, time }) => name === text && time > Number(values[0])).slice(0, 3));
  }
  const gone = new Set(step.value.map((row) => row["time"]));
  return rows.filter((_, time) => !gone.has(time));
}

const sizeOf = (rows: Shape) => rows.reduce((sum, { size }) => sum + size, 0);
const sizesBy = (rows: Shape, name: (row: Shape[number]) => string) =>
  new Map([...Map.groupBy(rows, name)].map(([key, own]) => [key, sizeOf(own)]));
const rowsOf = (share: number, part: number, count: number) =>
  Array.from({ length: count }, () => ({ ...{ share, part }, size: 1 }));

/**
 * Expects that only the largest groups lost rows. `nameOf` returns the group of a row: its share, or its part. A group lost a row
 * only when it was at least as large as every other group. So at the end, every other group exceeds a group that lost rows by at
 * most 3, the largest size of a row.
 */
function expectLargestGaveWay(rows: Shape, left: Shape, nameOf: (row: Shape[number]) => string) {
  const [before, after] = [sizesBy(rows, nameOf), sizesBy(left, nameOf)];
  const largest = Math.max(0, ...after.values());
  for (const [name, size] of before) {
    const own = after.get(name) ?? 0;
    if (own < size) expect(largest).toBeLessThanOrEqual(own + 3);
  }
}

test("only as many rows as necessary are deleted, from the largest parts of the largest shares", () => {
  fc.assert(
    fc.property(shape, fc.nat(70), (rows, limit) => {
      const left = kept(rows, limit);
      expect(sizeOf(left)).toBeLessThanOrEqual(limit);
      // The last deleted row has a size of up to 3. So the total may be up to 2 below the limit.
      expect(sizeOf(left)).toBeGreaterThanOrEqual(Math.min(sizeOf(rows), limit - 2));
      expectLargestGaveWay(rows, left, ({ share }) => `${share}`);
      for (const share of new Set(rows.map((row) => row.share))) {
        const within = (all: Shape) => all.filter((row) => row.share === share);
        expectLargestGaveWay(within(rows), within(left), ({ part }) => `${part}`);
      }
    }),
    { numRuns: 500 },
  );
});

test("a share with more parts than its limit keeps as many rows as the limit, the newest ones", () => {
  const rows = Array.from({ length: 34 }, (_, part) =>
    Array.from({ length: 30 }, (_, share) => ({ ...{ share, part }, size: 1 })),
  ).flat();
  const left = kept(rows, 1_000);
  expect(left).toHaveLength(1_000);
  expect(left.filter(({ part }) => part > 0)).toHaveLength(33 * 30);
  expect(kept(rows, 1_000, 7)).toHaveLength(1_013);
});

test("the largest share loses rows first, and within a share the largest part", () => {
  const rows = [...rowsOf(0, 1, 90), ...rowsOf(0, 2, 4), ...rowsOf(1, 1, 40)];
  const after = (limit: number) =>
    Object.fromEntries(sizesBy(kept(rows, limit), ({ share, part }) => `${share} ${part}`));
  expect(after(134)).toEqual({ "0 1": 90, "0 2": 4, "1 1": 40 });
  expect(after(100)).toEqual({ "0 1": 56, "0 2": 4, "1 1": 40 });
  expect(after(60)).toEqual({ "0 1": 26, "0 2": 4, "1 1": 30 });
  expect(after(0)).toEqual({});
  const many = Array.from({ length: 50 }, (_, part) => rowsOf(0, part, 10)).flat();
  const left = kept([...many, ...rowsOf(1, 0, 40)], 100);
  expect(sizesBy(left, ({ share }) => `${share}`)).toEqual(new Map([["0", 60], ["1", 40]])); // biome-ignore format: pairs
});

describeOnStores("refused requests", (given) => {
  let inbox: Inbox;
  let now: number;

  beforeEach(async () => {
    now = START;
    inbox = await openTestInbox(given.stack, given.location, { clock: () => now });
  });

  const add = (all: readonly RefusedRequest[], limits = WIDE) =>
    inbox.refusals.add({ refused: all, counts: [] }, limits);
  const page = (filter: Partial<RefusalFilter> = {}) => inbox.refusals.page({ limit: 100, ...filter });
  const timesOf = async (filter: Partial<RefusalFilter> = {}) =>
    (await page(filter)).refusals.map(({ at }) => at - START);

  test("are read as they were written, the newest first, also by another process", async () => {
    await add([
      refused({ at: START, certificate: certificate("a") }),
      refused({ at: START + 2, code: "handshake", id: "", route: "", method: undefined, target: undefined }),
    ]);
    await add([refused({ at: START + 1, sender: "acme", peer: undefined })]);
    const { refusals, next } = await page();
    expect(next).toBeUndefined();
    expect(refusals).toMatchObject([
      { at: START + 2, code: "handshake", id: "", route: "", method: undefined, target: undefined },
      { at: START + 1, sender: "acme", peer: undefined, certificateSha256: undefined },
      {
        ...{ at: START, id: `decision ${START}`, code: "certificate_unproven", route: "/hooks/acme", sender: "" },
        ...{ peer: "192.0.2.1", method: "POST", target: "/hooks/acme" },
        ...{ line: { decision: "refused", nearMiss: { sender: "acme" } }, certificateSha256: "a".padEnd(64, "0") },
      },
    ]);
    const reader = await openInboxReader(given.location);
    given.stack.defer(() => reader.close());
    expect(await reader.refusals.page({ limit: 9 })).toEqual({ refusals, next: undefined });
    const [, , first] = refusals;
    expect(await reader.refusals.find(first?.sequence ?? 0)).toEqual({ ...first, certificate: certificate("a") });
    expect(await reader.refusals.find(99)).toBeUndefined();
  });

  test("are found by code, sender, route, decision and time, and by all filters together", async () => {
    const all = Array.from({ length: 60 }, (_, n) =>
      refused({
        at: START + n * 1000,
        code: ["no_certificate", "sender_not_allowed", "replayed"][n % 3] as string,
        sender: n % 4 === 0 ? "acme" : "",
        route: n % 5 === 0 ? "/hooks/beta" : "/hooks/acme",
      }),
    );
    await add(all);
    const expected = (fits: (one: RefusedRequest) => boolean) =>
      all
        .filter(fits)
        .map(({ at }) => at - START)
        .reverse();
    expect(await timesOf({ code: "replayed" })).toEqual(expected(({ code }) => code === "replayed"));
    expect(await timesOf({ sender: "acme" })).toEqual(expected(({ sender }) => sender === "acme"));
    expect(await timesOf({ sender: "" })).toEqual(expected(({ sender }) => sender === ""));
    expect(await timesOf({ route: "/hooks/beta" })).toEqual(expected(({ route }) => route === "/hooks/beta"));
    expect(await timesOf({ since: START / 1000 + 10, until: START / 1000 + 13 })).toEqual([12_000, 11_000, 10_000]);
    expect(await timesOf({ id: `decision ${START + 7_000}` })).toEqual([7_000]);
    expect(await timesOf({ id: `decision ${START + 7_000}`, code: "replayed" })).toEqual([]);
    expect(await timesOf({ code: "nothing" })).toEqual([]);
    expect(
      await timesOf({ code: "no_certificate", sender: "acme", route: "/hooks/acme", since: START / 1000 + 12 }),
    ).toEqual(
      expected(
        ({ at, code, sender, route }) =>
          at >= START + 12_000 && code === "no_certificate" && sender === "acme" && route === "/hooks/acme",
      ),
    );
  });

  test("are paged without a gap or a repetition, also if they have the same time", async () => {
    await add(Array.from({ length: 25 }, (_, n) => refused({ at: START + Math.floor(n / 10), id: `${n}` })));
    for (const filter of [{}, { code: "certificate_unproven" }, { since: START / 1000 }]) {
      const seen: string[] = [];
      let cursor: { at: number; sequence: number } | undefined;
      do {
        const { refusals, next } = await inbox.refusals.page({ ...filter, limit: 4 }, cursor);
        expect(refusals.length).toBeGreaterThan(0);
        seen.push(...refusals.map(({ id }) => id));
        cursor = next;
        // A refusal that arrives later is on none of the further pages.
        await add([refused({ at: START + 1_000, code: "replayed", id: "later" })]);
      } while (cursor !== undefined);
      expect(seen.filter((id) => id !== "later")).toEqual(Array.from({ length: 25 }, (_, n) => `${24 - n}`));
    }
  });

  test("of a known sender are kept while strangers flood, and the limit of rows is kept", async () => {
    const limits = { ...WIDE, refusals: 200 };
    const own = Array.from({ length: 30 }, (_, n) =>
      refused({ at: START + n, sender: "acme", code: "sender_not_allowed" }),
    );
    const rare = [refused({ at: START, code: "unknown_route", route: "" })];
    await add([...own, ...rare], limits);
    for (let batch = 0; batch < 40; batch += 1) {
      const flood = Array.from({ length: 64 }, (_, n) =>
        refused({
          at: START + 1_000 + batch * 64 + n,
          code: ["no_certificate", "certificate_unproven"][n % 2] as string,
        }),
      );
      await add(flood, limits);
      expect((await inbox.refusals.stock()).refusals).toBeLessThanOrEqual(200);
    }
    expect(await timesOf({ sender: "acme" })).toEqual(own.map(({ at }) => at - START).reverse());
    expect(await timesOf({ code: "unknown_route" })).toEqual([0]);
    // The newest refusals of the flood are kept.
    const [newest, second] = await timesOf({ limit: 2 });
    expect([newest, second]).toEqual([1_000 + 40 * 64 - 1, 1_000 + 40 * 64 - 2]);
    // The large shares are reduced to the same number of rows. So the total may be some rows below the limit.
    expect((await inbox.refusals.stock()).refusals).toBeGreaterThan(195);
    // A flood from one sender does not delete refusals of another sender.
    for (let batch = 0; batch < 10; batch += 1)
      await add(
        Array.from({ length: 64 }, (_, n) => refused({ at: START + 9_000 + n, sender: "beta" })),
        limits,
      );
    expect(await timesOf({ sender: "acme" })).toHaveLength(30);
  });

  test("of a sender's own certificate are kept while another certificate of its CA floods", async () => {
    const limits = { ...WIDE, refusals: 200, certificateBytes: 40_000 };
    const near = (at: number, name: string, intermediates = ["BBBB"]) =>
      refused({
        at,
        sender: "acme",
        code: "sender_not_allowed",
        certificate: { ...certificate(name, 900), intermediates },
      });
    const own = Array.from({ length: 30 }, (_, n) => near(START + n, "own"));
    await add([...own, refused({ at: START, sender: "beta", code: "sender_not_allowed" })], limits);
    for (let batch = 0; batch < 10; batch += 1) {
      // A client that presents a leaf may send any other certificates together with the leaf.
      const flood = (n: number) => near(START + 1_000 + batch * 64 + n, "other", [`${batch} ${n}`.padEnd(900, "A")]);
      await add(
        Array.from({ length: 64 }, (_, n) => flood(n)),
        limits,
      );
    }
    const [first] = (await page({ sender: "acme", until: START / 1000 + 1 })).refusals;
    expect((await inbox.refusals.find(first?.sequence ?? 0))?.certificate).toEqual(certificate("own", 900));
    expect(await timesOf({ sender: "acme", until: START / 1000 + 1 })).toHaveLength(30);
    // Further certificates of this sender use only the space of this sender, and no space of another sender.
    for (let n = 0; n < 100; n += 1)
      await add([near(START + 9_000 + n, `more ${n} `), near(START + 9_500 + n, "other")], limits);
    const { refusals } = await page({ sender: "acme", limit: 999 });
    const kept = refusals.filter(({ certificateSha256 }) => certificateSha256 === certificate("own").sha256);
    expect(kept.length).toBeGreaterThan(0);
    expect(await timesOf({ sender: "beta" })).toEqual([0]);
  });

  test("have few kinds, however many certificates a sender makes, and all are found", async () => {
    const all = Array.from({ length: 120 }, (_, n) =>
      refused({ at: START + n, sender: "acme", certificate: certificate(`c${n} `) }),
    );
    for (let first = 0; first < all.length; first += 40) await add(all.slice(first, first + 40));
    await add(all.map((one) => ({ ...one, at: one.at + 500 })));
    // This insert fails unless there are 51 kinds of refusals: one for each of 50 certificates, and one for all other certificates
    // together.
    await changeByHand(given.location, ["CREATE TABLE kinds (n bigint CHECK (n = 51))", COUNT_KINDS]);
    expect(await timesOf({ sender: "acme", limit: 999 })).toEqual(
      [...all, ...all.map((one) => ({ at: one.at + 500 }))].map(({ at }) => at - START).reverse(),
    );
    expect((await inbox.refusals.stock()).refusals).toBe(240);
  });

  test("have few kinds, however many routes a stranger reaches, and all are found", async () => {
    const all = Array.from({ length: 300 }, (_, n) => refused({ at: START + n, route: `/hooks/${n}` }));
    for (let first = 0; first < all.length; first += 60) await add(all.slice(first, first + 60));
    // This insert fails unless there are 101 kinds of refusals: one for each of 100 routes, and one for all other routes together.
    await changeByHand(given.location, ["CREATE TABLE kinds (n bigint CHECK (n = 101))", COUNT_KINDS]);
    expect(await timesOf({ limit: 999 })).toEqual(all.map(({ at }) => at - START).reverse());
    expect(await timesOf({ route: "/hooks/99" })).toEqual([99]);
    expect(await timesOf({ route: "", limit: 999 })).toHaveLength(200);
    // A kind of refusals is deleted with its last refusal, so that a new kind can replace it.
    while ((await add([], { ...WIDE, refusals: 10 })) > 0);
    await add([refused({ at: START + 999, route: "/hooks/new" })]);
    expect(await timesOf({ route: "/hooks/new" })).toEqual([999]);
    await changeByHand(given.location, [
      "DROP TABLE kinds",
      "CREATE TABLE kinds (n bigint CHECK (n = 2))",
      COUNT_KINDS,
    ]);
  });

  test("of many senders with many certificates are reduced to the limit and not below, by number and by bytes", async () => {
    const all = Array.from({ length: 34 }, (_, leaf) =>
      Array.from({ length: 10 }, (_, sender) =>
        refused({
          ...{ at: START + leaf * 10 + sender, sender: `sender-${sender}`, code: "sender_not_allowed" },
          certificate: certificate(`c${leaf} ${sender} `),
        }),
      ),
    ).flat();
    const limits = { ...WIDE, refusals: 333 };
    for (let first = 0; first < all.length; first += 20) await add(all.slice(first, first + 20), limits);
    expect((await inbox.refusals.stock()).refusals).toBe(333);
    expect(await timesOf({ limit: 999 })).toEqual(
      all
        .slice(7)
        .map(({ at }) => at - START)
        .reverse(),
    );
    const { bytes } = await inbox.refusals.stock();
    // Lines and certificates have separate limits. Each step may delete up to one row too many, so the result is a little below the
    // limit.
    const half = { refusals: 333, bytes: bytes / 4, certificateBytes: bytes / 4 };
    const last = refused({ at: START + 900, certificate: certificate("last ") });
    await add([last], half);
    while ((await add([last], half)) > 1);
    const after = (await inbox.refusals.stock()).bytes;
    expect(after).toBeLessThanOrEqual(bytes / 2);
    expect(after).toBeGreaterThan(bytes / 2 - 2_000);
  });

  test("never need more than their limit of bytes, whatever they contain", async () => {
    const limits = { refusals: 1_000, bytes: 60_000, certificateBytes: 50_000 };
    const long = (at: number) => {
      const one = refused({ at, certificate: certificate(`stranger ${at} `, 9_000) });
      return { ...one, line: { ...one.line, why: Array.from({ length: 16 }, () => "x".repeat(400)) } };
    };
    await add(
      [refused({ at: START, sender: "acme", code: "sender_not_allowed", certificate: certificate("acme ") })],
      limits,
    );
    for (let batch = 0; batch < 10; batch += 1) {
      await add(
        Array.from({ length: 20 }, (_, n) => long(START + 1 + batch * 20 + n)),
        limits,
      );
      expect((await inbox.refusals.stock()).bytes).toBeLessThanOrEqual(110_000);
    }
    const [known] = (await page({ sender: "acme" })).refusals;
    expect((await inbox.refusals.find(known?.sequence ?? 0))?.certificate).toEqual(certificate("acme "));
    const kept = await page();
    expect(kept.refusals.length).toBeGreaterThan(5);
    // If a certificate is deleted, its refusal stays and still has the digest of the certificate.
    const whole = await Promise.all(kept.refusals.map(({ sequence }) => inbox.refusals.find(sequence)));
    expect(whole.some((one) => one?.certificate === undefined && one?.certificateSha256 !== undefined)).toBe(true);
    expect(whole[0]?.certificate).toBeDefined();
  });

  test("keep a certificate once, and count it for the sender that presents it", async () => {
    const same = (at: number, sender: string) => refused({ at, sender, certificate: certificate("same", 9_000) });
    await add([same(START, ""), same(START + 1, ""), same(START + 2, "acme")]);
    await add([same(START + 3, "")]);
    expect((await inbox.refusals.stock()).bytes).toBeLessThan(14_000);
    for (const { sequence } of (await page()).refusals)
      expect((await inbox.refusals.find(sequence))?.certificate).toEqual(certificate("same", 9_000));
    // The certificates of unknown senders are one share, and the flood makes this share the largest. So the flood deletes only
    // other certificates of unknown senders, and not the certificate of the known sender.
    const flood = Array.from({ length: 30 }, (_, n) =>
      refused({ at: START + 10 + n, certificate: certificate(`${n} `, 9_000) }),
    );
    await add(flood, { ...WIDE, certificateBytes: 40_000 });
    const [known] = (await page({ sender: "acme" })).refusals;
    expect((await inbox.refusals.find(known?.sequence ?? 0))?.certificate).toEqual(certificate("same", 9_000));
  });

  test("are deleted step by step after the limit was lowered", async () => {
    for (let n = 0; n < 12; n += 1)
      await add(Array.from({ length: 64 }, (_, index) => refused({ at: START + n * 64 + index })));
    let steps = 0;
    while ((await add([], { ...WIDE, refusals: 100 })) > 0) steps += 1;
    expect(steps).toBeGreaterThan(1);
    expect((await inbox.refusals.stock()).refusals).toBe(100);
    expect(await timesOf({ limit: 1 })).toEqual([767]);
  });

  test("are counted by hour and code, also those that are not kept", async () => {
    const counts = (hour: number, code: string, refusals: number) => ({
      hour: START / 1000 + hour * 3_600,
      code,
      refusals,
    });
    await inbox.refusals.add({ refused: [], counts: [counts(0, "replayed", 3), counts(1, "replayed", 1)] }, WIDE);
    await inbox.refusals.add({ refused: [], counts: [counts(0, "replayed", 4), counts(0, "no_certificate", 1)] }, WIDE);
    expect(await inbox.refusals.perHour(START / 1000, START / 1000 + 3_600)).toEqual([
      counts(0, "no_certificate", 1),
      counts(0, "replayed", 7),
    ]);
    expect(await inbox.refusals.perHour(START / 1000 + 1, START / 1000 + 3_601)).toEqual([counts(1, "replayed", 1)]);
  });

  test("are deleted at the age at which bodies are erased", async () => {
    await inbox.refusals.add(
      {
        refused: [refused({ at: START, certificate: certificate("old") }), refused({ at: START + DAY * 1000 })],
        counts: [{ hour: START / 1000, code: "replayed", refusals: 1 }],
      },
      WIDE,
    );
    now = START + (DAY + 1) * 1000;
    while ((await inbox.prune({ bodySeconds: DAY, eventSeconds: DAY })) > 0);
    expect(await timesOf()).toEqual([DAY * 1000]);
    expect((await inbox.refusals.stock()).bytes).toBeLessThan(600);
    expect(await inbox.refusals.perHour(0, START)).toEqual([]);
    now += DAY * 1000;
    while ((await inbox.prune({ bodySeconds: DAY, eventSeconds: DAY })) > 0);
    expect(await inbox.refusals.stock()).toEqual({ refusals: 0, bytes: 0 });
    await add([refused({ at: now })]);
    expect(await inbox.refusals.stock()).toMatchObject({ refusals: 1 });
  });

  test("of several processes at once keep the limits", async () => {
    const others = await Promise.all([1, 2, 3].map(() => openTestInbox(given.stack, given.location)));
    await Promise.all(
      others.flatMap((other, process) =>
        Array.from({ length: 5 }, (_, batch) =>
          other.refusals.add(
            {
              refused: Array.from({ length: 20 }, (_, n) => refused({ at: START + n, id: `${process} ${batch} ${n}` })),
              counts: [{ hour: 0, code: "replayed", refusals: 20 }],
            },
            { ...WIDE, refusals: 150 },
          ),
        ),
      ),
    );
    expect((await inbox.refusals.stock()).refusals).toBe(150);
    expect((await page({ limit: 999 })).refusals).toHaveLength(150);
    expect(await inbox.refusals.perHour(0, 1)).toEqual([{ hour: 0, code: "replayed", refusals: 300 }]);
  });

  test("are written in the background, and the rest is written at the end", async () => {
    const lines: LogLine[] = [];
    const recorder = new RefusalRecorder({ store: inbox.refusals, limits: WIDE, log: (line) => lines.push(line) });
    record(recorder, refused({ at: START }));
    expect(await timesOf()).toEqual([]);
    await vi.waitUntil(async () => (await timesOf()).length === 1, { timeout: 20_000 });
    record(recorder, refused({ at: START + 1 }));
    await recorder.close();
    record(recorder, refused({ at: START + 2 }));
    expect(await timesOf()).toEqual([1, 0]);
    expect(await inbox.refusals.perHour(0, START)).toMatchObject([{ code: "certificate_unproven", refusals: 2 }]);
    expect(lines).toEqual([]);
  });

  test("are in an inbox that also tells which senders were accepted, and when", async () => {
    for (const [id, sender] of [
      ["1", "acme"],
      ["2", "beta"],
      ["3", "acme"],
    ] as const) {
      // biome-ignore format: pairs
      await inbox.accept(deliveryOf({ id, sender }), { issuer: "direct", jti: id, expires: 0 });
      now += 1_000;
    }
    expect(await inbox.senders()).toEqual([
      { sender: "acme", lastSeen: START / 1000 + 2, certificates: 0, firstCertificate: undefined },
      { sender: "beta", lastSeen: START / 1000 + 1, certificates: 0, firstCertificate: undefined },
    ]);
  });
});

test("a flood in memory does not displace other refusals, and dropped refusals are counted", async () => {
  const written: RefusedRequest[] = [];
  let dropped = 0;
  let counted = 0;
  const recorder = new RefusalRecorder({
    store: {
      add({ refused, counts }) {
        written.push(...refused);
        counted += counts.reduce((sum, { refusals }) => sum + refusals, 0);
        return Promise.resolve(0);
      },
    },
    limits: WIDE,
    log: () => {},
    onDropped: (count) => {
      dropped += count;
    },
  });
  const flood = MAX_WAITING_REFUSALS * 3;
  for (let n = 0; n < flood; n += 1) record(recorder, refused({ at: START + n }));
  for (let n = 0; n < 5; n += 1) record(recorder, refused({ at: START + n, sender: "acme" }));
  await recorder.close();
  expect(written).toHaveLength(MAX_WAITING_REFUSALS);
  expect(written.filter(({ sender }) => sender === "acme")).toHaveLength(5);
  expect(dropped).toBe(flood + 5 - MAX_WAITING_REFUSALS);
  expect(counted).toBe(flood + 5);
});

test("a failing store is reported once, lost refusals are counted, and the counts by hour are stored later", async () => {
  const lines: LogLine[] = [];
  let dropped = 0;
  let isBroken = true;
  let counted = 0;
  const recorder = new RefusalRecorder({
    store: {
      add({ counts }) {
        if (isBroken) return Promise.reject(new Error("the disk is full"));
        counted += counts.reduce((sum, { refusals }) => sum + refusals, 0);
        return Promise.resolve(0);
      },
    },
    limits: WIDE,
    log: (line) => lines.push(line),
    onDropped: (count) => {
      dropped += count;
    },
  });
  for (let n = 0; n < 3; n += 1) record(recorder, refused({ at: START }));
  await vi.waitUntil(() => dropped === 3, { timeout: 20_000 });
  record(recorder, refused({ at: START }));
  await vi.waitUntil(() => dropped === 4, { timeout: 20_000 });
  expect(lines).toEqual([{ decision: "failed", code: "refusals_not_kept", dropped: 3, why: "the disk is full" }]);
  isBroken = false;
  await recorder.close();
  expect(counted).toBe(4);
});
