// Tests dead letters. Each dead letter is kept with its reason, and every run of the cron trigger reports it. An operator can ask
// for a dead letter to be sent again.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { LogLine } from "../../../core/log-line.ts";
import type { BodyBucket } from "../../../worker/bindings.ts";
import { maintainQueue } from "../../../worker/queue/dead-letters.ts";
import { type DeadLetterWorld, startDeadLetterWorld } from "../../support/dead-letter-world.ts";
import { ACME } from "../../support/senders.ts";

const stack = new AsyncDisposableStack();
let world: DeadLetterWorld;

beforeAll(async () => {
  world = await startDeadLetterWorld(stack);
});
afterAll(() => stack.disposeAsync());

const DAY = 86_400;
const now = () => Math.floor(Date.now() / 1000);

/**
 * The time limit for tests that write hundreds of objects to the bucket of wrangler's harness. These tests take some seconds on an
 * idle machine, but much longer on a busy machine.
 */
const MANY_OBJECTS = { timeout: 120_000 };

describe("an event that the origin never accepts", () => {
  beforeEach(() => world.clear());

  test("is kept with its reason after the last attempt, and logged until somebody acts", async () => {
    const { id, key } = await world.die();
    // The consumer of the queue made two attempts. The consumer of the dead-letter queue made the third attempt, to find the
    // reason.
    expect(world.attemptsOf(id)).toHaveLength(3);
    expect(world.edge.lines.all.filter((line) => line["id"] === id)).toMatchObject([
      { decision: "queued" },
      { decision: "failed", attempt: 1, code: "origin_answer" },
      { decision: "failed", attempt: 2, code: "origin_answer" },
      { decision: "dead-letter", attempt: 1, sender: ACME, code: "origin_answer", why: "the origin answered with 500" },
    ]);
    expect(key).toMatch(new RegExp(`^dead/${id}/[0-9a-f]+$`));
    const letter = (await world.bucket.get(key)) as unknown as { customMetadata: Record<string, string> };
    expect(letter.customMetadata["sender"]).toBe(ACME);
    expect(JSON.parse(letter.customMetadata["reason"] ?? "")).toEqual({
      code: "origin_answer",
      why: "the origin answered with 500",
    });
    for (const lines of [await world.edge.runCronTrigger(1), await world.edge.runCronTrigger(1)]) {
      expect(lines).toMatchObject([{ decision: "dead-letters", count: 1, oldest: expect.stringMatching(/^2.*Z$/) }]);
    }
  });

  test.each([
    ["a small body", "small"],
    ["a large body", new Uint8Array(300_000).fill(9)],
  ])("is delivered after all when it is sent again: %s", async (_, body) => {
    const { id, key } = await world.die(body);
    expect(await world.keys()).toEqual([...(typeof body === "string" ? [] : [`body/${id}`]), key]);
    await world.bucket.put(`redrive/${id}`, "", {});
    expect(await world.edge.runCronTrigger(1)).toMatchObject([{ decision: "queued", id, redriven: key }]);
    expect(await world.edge.lines.with({ decision: "forwarded", id })).toMatchObject({ attempt: 1 });
    expect(world.stored(id).map((stored) => Buffer.compare(stored, Buffer.from(body)))).toEqual([0]);
    const receipts = world.attemptsOf(id).map(({ claims }) => claims["rcv"] ?? claims["iat"]);
    expect(new Set(receipts).size).toBe(1);
    await expect.poll(() => world.keys()).toEqual(typeof body === "string" ? [] : [`delivered/${id}`]);
  });

  test("is a dead letter again when it fails again, and is sent once for each redrive request", async () => {
    const letters = [await world.die("first"), await world.die("second")];
    world.behave = () => 500;
    await world.bucket.put("redrive/all", "please", {});
    expect(await world.edge.runCronTrigger(2)).toMatchObject([
      { decision: "queued", redriven: expect.any(String) },
      { decision: "queued", redriven: expect.any(String) },
    ]);
    await expect.poll(() => world.keys("dead/")).toHaveLength(2);
    const keys = await world.keys();
    expect(keys).toHaveLength(2);
    for (const { id, key } of letters) {
      expect(keys).not.toContain(key);
      expect(keys.some((other) => other.startsWith(`dead/${id}/`))).toBe(true);
    }
    world.behave = () => "pass";
    expect(await world.edge.runCronTrigger(1)).toMatchObject([{ decision: "dead-letters", count: 2 }]);
  });

  test("is reported when a redrive request names an event without a dead letter", async () => {
    await world.bucket.put("redrive/4e9c2e0e-0000-4000-8000-000000000000", "", {});
    expect(await world.edge.runCronTrigger(1)).toMatchObject([{ decision: "failed", code: "no_dead_letter" }]);
    expect(await world.keys()).toEqual([]);
  });
});

describe("a redrive request", () => {
  beforeEach(() => world.clear());

  /** Runs the maintenance with a queue that rejects the texts in `refused`. Returns all texts that it tried to send. */
  const maintain = (...refused: string[]) => world.bucket.maintain(now(), refused);

  test("stays until all its letters are sent, and includes no letter that came later", async () => {
    await world.bucket.put("dead/a/1", "a", {});
    await world.bucket.put("dead/b/1", "b", {});
    await world.bucket.put("redrive/all", "", {});
    expect(await maintain("a")).toEqual(["a", "b"]);
    expect(await world.keys()).toEqual(["dead/a/1", "redrive/all"]);
    await world.bucket.put("dead/c/1", "c", {});
    expect(await maintain()).toEqual(["a"]);
    expect(await world.keys()).toEqual(["dead/c/1"]);
  });

  test("sends five hundred letters a run, and the rest in the next", MANY_OBJECTS, async () => {
    const names = Array.from({ length: 501 }, (_, index) => `dead/${String(index).padStart(3, "0")}/1`);
    await world.bucket.fill(names);
    await world.bucket.put("redrive/all", "", {});
    expect(await maintain()).toEqual(names.slice(0, 500));
    expect(await world.keys()).toEqual(["dead/500/1", "redrive/all"]);
    expect(await maintain()).toEqual(["dead/500/1"]);
    expect(await world.keys()).toEqual([]);
  });

  test("is over when exactly five hundred letters were sent", MANY_OBJECTS, async () => {
    const names = Array.from({ length: 500 }, (_, index) => `dead/${index}/1`);
    await world.bucket.fill(names);
    await world.bucket.put("redrive/all", "", {});
    expect(await maintain()).toHaveLength(500);
    expect(await world.keys()).toEqual([]);
  });
});

describe("bodies without an event", () => {
  beforeEach(() => world.clear());

  test("are removed when no event can ask for them any more, unless a dead letter does", async () => {
    const { id, key } = await world.die(new Uint8Array(300_000));
    await world.bucket.put("body/left-behind", "x", {});
    const lines: LogLine[] = [];
    const log = (line: LogLine) => lines.push(line);
    await maintainQueue(world.queue, now() + 30 * DAY, log);
    expect(await world.keys("body/")).toEqual([`body/${id}`, "body/left-behind"].sort());
    // This dead letter cannot be read, so nobody knows which body it needs. Therefore no body is removed until this dead letter is
    // deleted.
    await world.bucket.put("dead/unread/x", "sealed with a key that is gone", {});
    await maintainQueue(world.queue, now() + 31 * DAY + 60, log);
    expect(await world.keys("body/")).toEqual([`body/${id}`, "body/left-behind"].sort());
    await world.bucket.delete("dead/unread/x");
    await maintainQueue(world.queue, now() + 31 * DAY + 60, log);
    expect(await world.keys()).toEqual([`body/${id}`, key]);
    expect(lines.filter(({ decision }) => decision === "removed")).toMatchObject([{ decision: "removed", bodies: 1 }]);
  });
});

test("a body stays in the run that sends its letter again, however old both are", async () => {
  await world.clear();
  await world.bucket.put("body/old", "x", {});
  await world.bucket.put("dead/old/1", "a letter", {});
  await world.bucket.put("redrive/old", "", {});
  const events = { send: () => Promise.resolve() };
  await maintainQueue({ events, bodies: world.bucket }, now() + 40 * DAY, () => {});
  expect(await world.keys()).toEqual(["body/old"]);
});

test("many bodies are removed with few calls", MANY_OBJECTS, async () => {
  await world.clear();
  const names = Array.from({ length: 1_001 }, (_, index) => `body/${index}`);
  await world.bucket.fill(names);
  const calls: string[] = [];
  const bodies: BodyBucket = {
    get: (key) => world.bucket.get(key),
    put: (key, content, options) => world.bucket.put(key, content, options),
    list: (options) => {
      calls.push("list");
      return world.bucket.list(options);
    },
    delete: (keys) => {
      calls.push("delete");
      return world.bucket.delete(keys);
    },
  };
  await maintainQueue({ events: world.queue.events, bodies }, now() + 40 * DAY, () => {});
  expect(await world.keys()).toEqual([]);
  expect(calls.length).toBeLessThan(12);
});

test("the record that an event was delivered is kept for a day", async () => {
  await world.clear();
  await world.bucket.put("delivered/some-event", "x", {});
  await maintainQueue(world.queue, now() + DAY - 60, () => {});
  expect(await world.keys()).toEqual(["delivered/some-event"]);
  await maintainQueue(world.queue, now() + DAY + 60, () => {});
  expect(await world.keys()).toEqual([]);
});

test("maintenance logs what fails, and continues", async () => {
  const lines: LogLine[] = [];
  const fail = () => Promise.reject(new Error("not now"));
  const bodies = { get: fail, put: fail, delete: fail, list: fail };
  await maintainQueue({ events: { send: fail }, bodies }, now(), (line) => lines.push(line));
  expect(lines).toMatchObject([
    { decision: "failed", code: "queue_maintenance", step: "removeOrphans", why: "Error: not now" },
    { decision: "failed", step: "redrive" },
    { decision: "failed", step: "logDeadLetters" },
  ]);
});
