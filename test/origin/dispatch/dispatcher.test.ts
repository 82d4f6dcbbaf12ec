// Tests attempts with a real inbox file: retries, deadlines, outcomes, order, and what happens when the dispatcher stops.

import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Dispatcher } from "../../../origin/dispatch/dispatcher.ts";
import { PermanentFailure, RetryLater } from "../../../origin/dispatch/handler.ts";
import type { Inbox } from "../../../origin/inbox/inbox.ts";
import { dispatch, idsIn, SENDER, stateOf, store } from "../../support/dispatch.ts";
import { deliveryOf } from "../../support/inbox.ts";
import { openTestInbox } from "../../support/origin.ts";

let stack: AsyncDisposableStack;
let inbox: Inbox;
let file: string;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  ({ inbox, inboxFile: file } = openTestInbox(stack));
});
afterEach(() => {
  vi.useRealTimers();
  return stack.disposeAsync();
});

/**
 * Replaces the timers and the clock, so that the test controls the time. In real time, a lease could expire while the operating
 * system does not run this process.
 */
function pretendTime(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] });
}

async function pass(milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 1) {
    await vi.advanceTimersByTimeAsync(1);
    // A write is committed a few turns of the event loop after it was requested.
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe("an event", () => {
  test("is handed over as it was accepted", async () => {
    await store(inbox, "one", { orderKey: '["o"]' });
    const got: unknown[] = [];
    const { lines } = dispatch(stack, file, (delivery, context) => {
      const { id, sender, body, headers, request, eventKey, orderKey, factors } = delivery;
      got.push({ id, sender, body: Buffer.from(body).toString(), headers, request, eventKey, orderKey, factors });
      got.push({ id: context.id, attempt: context.attempt, isAborted: context.signal.aborted });
    });
    expect(await lines.of("one")).toMatchObject({ decision: "dispatched", sender: SENDER, attempt: 1 });
    expect(got).toEqual([
      {
        id: "one",
        sender: SENDER,
        body: '{"event":"one"}',
        headers: [["content-type", "application/json"]],
        request: { method: "POST", target: "/hooks/acme", contentType: "application/json" },
        eventKey: '["one"]',
        orderKey: '["o"]',
        factors: ["hmac"],
      },
      { id: "one", attempt: 1, isAborted: false },
    ]);
    expect(await inbox.event("one")).toMatchObject({ state: "done", attempts: 1 });
  });

  test("whose handler throws is attempted again, later each time, until it succeeds", async () => {
    await store(inbox, "one");
    const attempts: number[] = [];
    const { lines } = dispatch(stack, file, (_, { attempt }) => {
      attempts.push(attempt);
      if (attempt < 4) throw new Error(`not yet: \u001b[31m${"x".repeat(900)}`);
    });
    await lines.with({ decision: "dispatched" });
    expect(attempts).toEqual([1, 2, 3, 4]);
    const retries = lines.all.filter(({ decision }) => decision === "retrying");
    expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(String(retries[0]?.["reason"])).toMatch(/^Error: not yet: \[31mx{200,}…$/);
    expect(String(retries[0]?.["reason"]).length).toBeLessThan(320);
    expect(await stateOf(inbox, "one")).toBe("done");
  });

  test("is dead after the last attempt, with the reason, and the other events are done", async () => {
    for (const id of ["a", "poison", "b", "c"]) await store(inbox, id);
    const { lines } = dispatch(stack, file, ({ id }) => id === "poison" && Promise.reject(new Error("bad")), {
      maxAttempts: 3,
      concurrency: 1,
    });
    await lines.with({ decision: "dead", id: "poison" });
    expect(await idsIn(inbox, "done")).toEqual(["a", "b", "c"]);
    expect(await inbox.event("poison")).toMatchObject({
      state: "dead",
      attempts: 3,
      reason: "Error: bad (the last of 3 attempts)",
    });
    // The other events did not wait until the poison event was dead.
    expect(lines.all.findIndex(({ id }) => id === "c")).toBeLessThan(
      lines.all.findIndex(({ decision }) => decision === "dead"),
    );
  });

  test("is dead at once when its handler says so, by class or by name", async () => {
    await store(inbox, "one");
    await store(inbox, "two");
    const { lines } = dispatch(stack, file, ({ id }) => {
      throw id === "one"
        ? new PermanentFailure("no such order")
        : Object.assign(new Error("x"), { name: "PermanentFailure" });
    });
    expect(await lines.of("one")).toMatchObject({ decision: "dead", reason: "PermanentFailure: no such order" });
    expect(await lines.of("two")).toMatchObject({ decision: "dead", attempt: 1 });
  });

  test("waits until the time that its handler names, up to a limit", async () => {
    await store(inbox, "one");
    await store(inbox, "far");
    const hour = Date.now() + 3_600_000;
    const { lines } = dispatch(stack, file, ({ id }) => {
      throw new RetryLater("closed", new Date(id === "one" ? hour : hour * 2));
    });
    const dueAt = async (id: string) => Date.parse(String((await lines.of(id))["dueAt"]));
    expect(await dueAt("one")).toBeGreaterThanOrEqual(hour);
    expect(await dueAt("one")).toBeLessThan(hour + 1_000);
    expect(await dueAt("far")).toBeLessThan(Date.now() + 25 * 3_600_000);
  });

  test.each([
    ["an hour ago", () => new Date(Date.now() - 3_600_000).toUTCString()],
    ["at once", () => "0"],
    ["in a second", () => "1"],
    ["in what is no time", () => "1.5"],
  ])("whose Retry-After is %s waits as if there were none", async (_, retryAfter) => {
    await store(inbox, "one");
    const start = Date.now();
    const handler = () => new Response(null, { status: 503, headers: { "retry-after": retryAfter() } });
    const limits = { firstRetryMilliseconds: 60_000, maxRetryMilliseconds: 60_000 };
    const random = vi.spyOn(Math, "random").mockReturnValue(0.5);
    stack.defer(() => random.mockRestore());
    const { lines } = dispatch(stack, file, handler, limits);
    const { dueAt, attempt } = await lines.with({ decision: "retrying" });
    expect(attempt).toBe(1);
    // With this random number, the event waits half of the maximum wait of 60 s, whatever `Retry-After` contains.
    expect(Date.parse(String(dueAt)) - start).toBeGreaterThan(29_000);
  });

  test("whose handler throws a value without a text, or one that throws when it is read, is attempted again", async () => {
    const astray = {
      get message(): string {
        throw new Error("no");
      },
    };
    for (const id of ["a", "b", "c", "good"]) await store(inbox, id);
    const { lines } = dispatch(
      stack,
      file,
      ({ id }, { attempt }) => {
        if (id === "good" || attempt > 1) return;
        throw id === "a" ? Object.create(null) : id === "b" ? astray : undefined;
      },
      { concurrency: 1 },
    );
    await expect.poll(() => idsIn(inbox, "done")).toHaveLength(4);
    expect(await lines.of("a")).toMatchObject({ decision: "retrying", reason: "threw a value without a text" });
    expect(await lines.of("b")).toMatchObject({ decision: "retrying", reason: "threw a value without a text" });
    expect(await lines.of("c")).toMatchObject({ decision: "retrying", reason: "undefined" });
  });

  test("counts the Response of another fetch as well", async () => {
    await store(inbox, "one");
    const response = { status: 500, headers: new Headers(), body: null, [Symbol.toStringTag]: "Response" };
    const { lines } = dispatch(stack, file, () => response);
    expect(await lines.of("one")).toMatchObject({ decision: "retrying", reason: "answered 500" });
  });

  test("counts a Response by its status alone", async () => {
    const statuses = [200, 204, 302, 400, 404, 410, 500];
    for (const status of statuses) await store(inbox, String(status));
    const { lines } = dispatch(stack, file, ({ id }) => new Response(null, { status: Number(id) }), {
      firstRetryMilliseconds: 60_000,
      maxRetryMilliseconds: 60_000,
    });
    const decisions = await Promise.all(statuses.map(async (status) => (await lines.of(String(status))).decision));
    expect(decisions).toEqual(["dispatched", "dispatched", "retrying", "retrying", "retrying", "dead", "retrying"]);
  });
});

test("a handler that is late sees its signal and is attempted again; one that finishes in time after it is done", async () => {
  await store(inbox, "late");
  await store(inbox, "obedient");
  const aborted: string[] = [];
  const { lines } = dispatch(
    stack,
    file,
    ({ id }, { signal, attempt }) =>
      new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => {
          aborted.push(`${id} ${attempt} ${(signal.reason as Error).name}`);
          if (id === "obedient") resolve();
        });
        if (id === "late" && attempt === 2) resolve();
      }),
    { deadlineMilliseconds: 200 },
  );
  expect(await lines.with({ id: "late", attempt: 1 })).toMatchObject({
    decision: "retrying",
    reason: "no answer within 0.2 s",
  });
  expect(await lines.with({ id: "late", attempt: 2 })).toMatchObject({ decision: "dispatched" });
  expect(await lines.of("obedient")).toMatchObject({ decision: "dispatched", attempt: 1 });
  expect(aborted.sort()).toEqual(["late 1 TimeoutError", "obedient 1 TimeoutError"]);
});

test("the bodies of running attempts are limited, except for the last one that was started", async () => {
  const ids = Array.from({ length: 12 }, (_, index) => `event-${index}`);
  for (const id of ids) await store(inbox, id, deliveryOf({ id, sender: SENDER, body: "x".repeat(100) }));
  let running = 0;
  const most: number[] = [];
  const handler = async () => {
    running += 1;
    most.push(running);
    await sleep(20);
    running -= 1;
  };
  const { lines } = dispatch(stack, file, handler, { bodyBytes: 250 });
  await expect.poll(() => idsIn(inbox, "done")).toHaveLength(ids.length);
  expect([2, 3]).toContain(Math.max(...most));
  // The log line is written after the outcome is stored.
  await expect.poll(() => lines.all).toHaveLength(ids.length);
});

test("if claims are slow, one claim replaces several attempts that have ended", async () => {
  const ids = Array.from({ length: 48 }, (_, index) => `event-${index}`);
  for (const id of ids) await store(inbox, id);
  let claims = 0;
  const claim: Inbox["work"]["claim"] = async (...given) => {
    await sleep(60);
    claims += 1;
    return await inbox.work.claim(...given);
  };
  const work = new Proxy(inbox.work, { get: (target, name) => (name === "claim" ? claim : Reflect.get(target, name)) });
  let ended = 0;
  const dispatcher = new Dispatcher({
    work,
    handler: () => sleep((ended++ % 8) + 1),
    log: () => undefined,
    limits: { concurrency: 8 },
  });
  pretendTime();
  dispatcher.start();
  await pass(2_000);
  expect(await idsIn(inbox, "done")).toHaveLength(ids.length);
  // One claim can get new events for several attempts that ended at about the same time. So six claims are enough. If the first
  // attempt that ends caused a claim for one event only, there would be eleven claims.
  expect(claims).toBeLessThan(9);
  await dispatcher.stop();
});

test("an attempt that is longer than its lease keeps it", async () => {
  await store(inbox, "long");
  let running = 0;
  let most = 0;
  const slow = async () => {
    running += 1;
    most = Math.max(most, running);
    await sleep(1_500);
    running -= 1;
  };
  pretendTime();
  const limits = { leaseMilliseconds: 300, deadlineMilliseconds: 5_000 };
  const [first, second] = [dispatch(stack, file, slow, limits), dispatch(stack, file, slow, limits)];
  await pass(1_600);
  expect(await stateOf(inbox, "long")).toBe("done");
  expect(most).toBe(1);
  expect([...first.lines.all, ...second.lines.all]).toMatchObject([{ decision: "dispatched", attempt: 1 }]);
});

test("several dispatchers on one file never run an event twice at the same time, and handle each once", async () => {
  const ids = Array.from({ length: 60 }, (_, index) => `event-${String(index).padStart(2, "0")}`);
  for (const id of ids) await store(inbox, id);
  const intervals: { id: string; from: number; to: number }[] = [];
  const handler = async ({ id }: { readonly id: string }, { attempt }: { readonly attempt: number }) => {
    const from = performance.now();
    await sleep(Math.random() * 30);
    intervals.push({ id, from, to: performance.now() });
    if (id.endsWith("7") && attempt === 1) throw new Error("once more");
  };
  const running = [1, 2, 3].map(() => dispatch(stack, file, handler, { concurrency: 4 }));
  await expect.poll(() => idsIn(inbox, "done")).toHaveLength(ids.length);
  for (const id of ids) {
    const own = intervals.filter((interval) => interval.id === id).sort((a, b) => a.from - b.from);
    expect(own).toHaveLength(id.endsWith("7") ? 2 : 1);
    for (const [index, { from }] of own.entries()) if (index > 0) expect(from).toBeGreaterThan(own[index - 1]?.to ?? 0);
  }
  for (const { lines } of running) expect(lines.all.length).toBeGreaterThan(0);
});

test("events of one order key are handled in order, also when one fails, and others beside them at the same time", async () => {
  const keyed = ["k1", "k2", "k3"];
  const orderKey = '["order-1"]';
  for (const id of keyed) await store(inbox, id, { orderKey });
  for (let index = 0; index < 8; index += 1) await store(inbox, `free-${index}`);
  const log: string[] = [];
  let atOnce = 0;
  let most = 0;
  const handler = async ({ id }: { readonly id: string }, { attempt }: { readonly attempt: number }) => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    if (id.startsWith("k")) log.push(`${id} begins`);
    await sleep(20);
    atOnce -= 1;
    if (id === "k1" && attempt < 3) throw new Error("not yet");
    if (id.startsWith("k")) log.push(`${id} ends`);
  };
  dispatch(stack, file, handler);
  dispatch(stack, file, handler);
  await expect.poll(() => idsIn(inbox, "done")).toHaveLength(11);
  expect(log).toEqual([
    "k1 begins",
    "k1 begins",
    "k1 begins",
    "k1 ends",
    "k2 begins",
    "k2 ends",
    "k3 begins",
    "k3 ends",
  ]);
  expect(most).toBeGreaterThan(2);
});

test("says why it delivers nothing, for the probe of the origin", async () => {
  const { dispatcher, lines } = dispatch(stack, file, () => undefined);
  expect(dispatcher.fault).toBeUndefined();
  const idle = new Dispatcher({ work: inbox.work, handler: () => undefined, log: () => undefined });
  expect(idle.fault).toBe("not started");
  const database = new DatabaseSync(file, { timeout: 20_000 });
  stack.defer(() => database.close());
  database.exec("BEGIN IMMEDIATE");
  await expect
    .poll(() => {
      dispatcher.wake();
      return dispatcher.fault;
    })
    .toMatch(/locked/);
  expect(lines.all).toContainEqual(expect.objectContaining({ decision: "failed", code: "dispatch_unavailable" }));
  database.exec("ROLLBACK");
  await expect.poll(() => dispatcher.fault).toBeUndefined();
  await dispatcher.stop();
  expect(dispatcher.fault).toBe("stopping");
});

describe("a stop", () => {
  test("waits for what runs, and begins nothing", async () => {
    for (const id of ["a", "b", "c"]) await store(inbox, id);
    const gate = Promise.withResolvers<void>();
    const { dispatcher, lines } = dispatch(stack, file, () => gate.promise, { concurrency: 2 });
    await expect.poll(() => idsIn(inbox, "leased")).toHaveLength(2);
    const stopped = dispatcher.stop();
    gate.resolve();
    await stopped;
    expect(lines.all.map(({ decision }) => decision)).toEqual(["dispatched", "dispatched"]);
    expect(await idsIn(inbox, "waiting")).toEqual(["c"]);
    expect(await idsIn(inbox, "leased")).toEqual([]);
  });

  test("releases an attempt that does not end in time, does not count it, and makes the event due at once", async () => {
    await store(inbox, "stuck");
    const signals: AbortSignal[] = [];
    const { dispatcher, lines } = dispatch(stack, file, (_, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    });
    await expect.poll(() => signals).toHaveLength(1);
    await dispatcher.stop(100);
    expect(signals[0]?.aborted).toBe(true);
    expect(lines.all).toMatchObject([{ decision: "released", id: "stuck" }]);
    const event = await inbox.event("stuck");
    expect(event).toMatchObject({ state: "waiting", attempts: 0 });
    expect(event?.dueAt).toBeLessThanOrEqual(Date.now());
    dispatch(stack, file, () => {});
    await expect.poll(() => stateOf(inbox, "stuck")).toBe("done");
  });
});

test("an attempt whose lease is lost stores nothing, and the attempt with the new lease does", async () => {
  await store(inbox, "one");
  let now = Date.now();
  const ended: string[] = [];
  const slow = dispatch(
    stack,
    file,
    (_, { signal }) =>
      new Promise<void>((resolve) =>
        signal.addEventListener("abort", () => {
          ended.push("slow");
          resolve();
        }),
      ),
    { leaseMilliseconds: 3_000 },
  );
  await expect.poll(() => stateOf(inbox, "one")).toBe("leased");
  // The clock of the other dispatcher jumps ahead. So for the other dispatcher, the lease has expired.
  now += 3_600_000;
  const other = dispatch(
    stack,
    file,
    () => void ended.push("other"),
    {},
    () => now,
  );
  await other.lines.with({ decision: "dispatched" });
  expect(await slow.lines.with({ code: "lease_lost" })).toMatchObject({ id: "one", attempt: 1 });
  expect(await inbox.event("one")).toMatchObject({ state: "done", attempts: 2 });
});

test("a clock that is set ahead and back delays no event for long, and runs no event twice at the same time", async () => {
  let offset = 0;
  const clock = () => Date.now() + offset;
  const running = new Map<string, number>();
  const handled: string[] = [];
  let most = 0;
  const handler = async ({ id }: { readonly id: string }, { attempt }: { readonly attempt: number }) => {
    running.set(id, (running.get(id) ?? 0) + 1);
    most = Math.max(most, running.get(id) ?? 0);
    await sleep(120);
    running.set(id, (running.get(id) ?? 0) - 1);
    if (attempt === 1) throw new Error("again");
    handled.push(id);
  };
  const { inbox: ticking, dispatcher } = dispatch(stack, file, handler, { leaseMilliseconds: 600 }, clock);
  for (const [index, change] of [3_600_000, -3_600_000, -7_200_000, 7_200_000].entries()) {
    const id = `event-${index}`;
    await store(ticking, id);
    dispatcher.wake();
    await expect.poll(() => running.get(id) ?? 0, { interval: 5 }).toBeGreaterThan(0);
    offset += change;
  }
  await expect.poll(() => idsIn(ticking, "done")).toHaveLength(4);
  expect(new Set(handled).size).toBe(4);
  expect(most).toBe(1);
});

test("what was stored damaged, or erased, is dead with that reason and reaches no handler", async () => {
  await store(inbox, "damaged", { contentDigest: `sha-256=:${"A".repeat(43)}=:` });
  const handler = vi.fn();
  const { lines } = dispatch(stack, file, handler);
  expect(await lines.of("damaged")).toMatchObject({ decision: "dead", reason: expect.stringMatching(/digest/) });
  expect(handler).not.toHaveBeenCalled();
});

test("an event that ends its process each time is dead in the end", async () => {
  await store(inbox, "killer");
  for (let attempt = 0; attempt < 6; attempt += 1) await inbox.work.claim(1, 0);
  const handler = vi.fn();
  const { lines } = dispatch(stack, file, handler, { maxAttempts: 3 });
  expect(await lines.of("killer")).toMatchObject({
    decision: "dead",
    reason: expect.stringMatching(/^6 attempts were started/),
  });
  expect(handler).not.toHaveBeenCalled();
});
