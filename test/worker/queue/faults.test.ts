// Tests the queue when something fails: an origin that is down, slow or broken, a consumer that crashes, or a queue or bucket that
// refuses. The edge delivers each event at least once. The inbox recognises a repeated event by its `txn`, so it stores each event
// exactly once.

import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Behaviour, type QueueWorld, startQueueWorld } from "../../support/queue-world.ts";
import { ACME } from "../../support/senders.ts";
import { SECRETS, signedPolicy } from "../../support/signed-senders.ts";
import { tlsClientAuth } from "../../support/tls-client-auth.ts";

const delivered = (world: QueueWorld, id: string) => world.edge.lines.with({ decision: "forwarded", id });
const failuresOf = ({ edge }: QueueWorld, id: string) =>
  edge.lines.all.filter((line) => line.decision === "failed" && line["id"] === id);

describe("an event in the queue", () => {
  const stack = new AsyncDisposableStack();
  let world: QueueWorld;
  /**
   * The behaviour of the origin for each body: on the first attempt, the second, and so on. After the last behaviour in the list,
   * the origin accepts the event.
   */
  const outages = new Map<string, readonly Behaviour[]>();
  /**
   * The id of an event that needs many attempts. It is sent before the tests begin, so that its attempts run at the same time as
   * the other tests.
   */
  let patient: string;

  beforeAll(async () => {
    world = await startQueueWorld(stack, { retrySeconds: [1, 4] });
    world.behave = ({ body, claims }) =>
      outages.get(body.toString())?.[world.attemptsOf(String(claims["txn"])).length - 1] ?? "pass";
    patient = await accept("patience", "reset", 503, "garbage", "reset");
  });
  afterAll(() => stack.disposeAsync());

  function accept(body: string, ...outage: readonly Behaviour[]): Promise<string> {
    outages.set(body, outage);
    return world.accept({ body });
  }

  test("is not lost if the answer is not 2xx", async () => {
    const statuses = [301, 400, 401, 404, 409, 410, 429, 500, 599];
    const ids = await Promise.all(statuses.map((status) => accept(`answered with ${status}`, status)));
    for (const id of ids) {
      expect(await delivered(world, id)).toMatchObject({ attempt: 2 });
      expect(world.stored(id)).toHaveLength(1);
    }
  });

  test("does not delay other events while the origin is slow or fails for it", async () => {
    const [slow, poison] = await Promise.all([accept("slow", "held"), accept("poison", 500, 500)]);
    const ids = await Promise.all(Array.from({ length: 8 }, (_, index) => accept(`good ${index}`)));
    await Promise.all(ids.map((id) => delivered(world, id)));
    expect(world.stored(slow)).toHaveLength(0);
    // The slow event is not delivered yet, but none of its attempts has failed.
    expect(failuresOf(world, slow)).toEqual([]);
    outages.delete("slow");
    world.release();
    await Promise.all([slow, poison].map((id) => delivered(world, id)));
    for (const id of [slow, poison, ...ids]) expect(world.stored(id)).toHaveLength(1);
  });

  // The simulator handles one batch after the other. On a slow machine the events may come in several batches, which then wait for
  // each other. Therefore the test may be tried again.
  test("with a body in the bucket does not delay a small one", { retry: 3 }, async () => {
    const large = Array.from({ length: 4 }, (_, index) => Buffer.alloc(200_000, index + 65).toString());
    const slow = await Promise.all(large.map((body) => accept(body, "held")));
    const small = await Promise.all(Array.from({ length: 6 }, (_, index) => accept(`small ${index}`)));
    await Promise.all(small.map((id) => delivered(world, id)));
    expect(slow.flatMap((id) => [...world.stored(id), ...failuresOf(world, id)])).toEqual([]);
    for (const body of large) outages.delete(body);
    world.release();
    await Promise.all(slow.map((id) => delivered(world, id)));
  });

  test("may be delivered twice: the origin sees one txn and two tokens", async () => {
    const id = await accept("twice", "late");
    await delivered(world, id);
    expect(new Set(world.attemptsOf(id).map(({ claims }) => claims["jti"])).size).toBe(2);
    expect(world.stored(id).map(String)).toEqual(["twice"]);
  });

  test("is tried again with growing delays until the origin accepts it", async () => {
    const id = patient;
    expect(await delivered(world, id)).toMatchObject({ attempt: 5, status: 202 });
    const attempts = world.attemptsOf(id);
    expect(new Set(attempts.map(({ claims }) => claims["jti"])).size).toBe(5);
    expect(attempts.map(({ body }) => body.toString())).toEqual(Array(5).fill("patience"));
    const failures = failuresOf(world, id);
    expect(failures.map(({ attempt, code }) => [attempt, code])).toEqual([
      [1, "origin_unreachable"],
      [2, "origin_answer"],
      [3, "origin_unreachable"],
      [4, "origin_unreachable"],
    ]);
    for (const [index, { retryInSeconds }] of failures.entries()) {
      const delay = Math.min(2 ** index, 4);
      expect(retryInSeconds).toBeGreaterThanOrEqual(Math.ceil(delay * 0.75));
      expect(retryInSeconds).toBeLessThanOrEqual(Math.ceil(delay * 1.25));
      const [before, after] = attempts.slice(index, index + 2);
      expect((after?.at ?? 0) - (before?.at ?? 0)).toBeGreaterThanOrEqual(Number(retryInSeconds) * 1000 - 50);
    }
    // The token of every attempt contains the time at which the edge received the event. Each token was issued at the time of its
    // own attempt.
    const [first, ...later] = attempts.map(({ claims }) => claims);
    for (const claims of later) expect(claims["rcv"]).toBe(first?.["rcv"] ?? first?.["iat"]);
    expect(Number(later.at(-1)?.["iat"])).toBeGreaterThan(Number(first?.["iat"]) + 4);
    expect(world.stored(id)).toHaveLength(1);
  });
});

test("a consumer that dies in the middle of a batch loses nothing", async () => {
  await using stack = new AsyncDisposableStack();
  const world = await startQueueWorld(stack, { retrySeconds: [1, 1], maxRetries: 5, fault: "crash" });
  const large = Buffer.alloc(200_000, 1);
  const bodies = [large, ...Array.from({ length: 9 }, (_, index) => Buffer.from(`event ${index}`)), large];
  const ids = await Promise.all(bodies.map((body) => world.accept({ body: new Uint8Array(body) })));
  await expect.poll(() => ids.filter((id) => world.stored(id).length === 0)).toEqual([]);
  for (const [index, id] of ids.entries()) {
    expect(world.stored(id).map((stored) => Buffer.compare(stored, bodies[index] as Buffer))).toEqual([0]);
  }
  // An event that was delivered but not acknowledged is delivered again. The second delivery has the same event id and a different
  // token.
  const repeated = ids.map((id) => world.attemptsOf(id)).filter((attempts) => attempts.length > 1);
  expect(repeated.length).toBeGreaterThan(0);
  for (const attempts of repeated) {
    expect(new Set(attempts.map(({ claims }) => claims["jti"])).size).toBe(attempts.length);
  }
});

describe("a sender is told to retry", () => {
  test.each([
    ["send", "a queue that refuses everything, also for a large body", [10, 200_000]],
    ["put", "a bucket that refuses everything", [200_000]],
  ] as const)("by %s: %s", async (fault, _, sizes) => {
    await using stack = new AsyncDisposableStack();
    const world = await startQueueWorld(stack, { fault });
    for (const size of sizes) await expectRefusal(world, size);
  });

  async function expectRefusal(world: QueueWorld, size: number): Promise<void> {
    const response = await world.edge.send({ tls: tlsClientAuth(world.senders.acme), body: new Uint8Array(size) });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("30");
    const { code, decision } = (await response.json()) as Record<string, string>;
    expect(code).toBe("unavailable");
    expect(await world.edge.lines.of(decision)).toMatchObject({
      decision: "failed",
      code: "queue_unavailable",
      sender: ACME,
      cause: "Too Many Requests",
    });
    expect(await world.keys()).toEqual([]);
    expect(world.attempts).toEqual([]);
  }
});

describe("the signature of an event that waited", () => {
  /**
   * The number of seconds by which the origin's clock is ahead of the edge's clock. The signature is 280 seconds old when the test
   * sends the event. By the origin's clock, it is 320 seconds old, which is over the limit of 300 seconds. The edge makes the
   * assertion after it received the event. So the origin does not refuse the assertion as too old. The event must reach the edge
   * within 20 seconds. Otherwise the edge would refuse the signature as too old.
   */
  const AHEAD_SECONDS = 40;

  /** Signs a body as Slack does. The test chooses the time of the signature. */
  function sign(body: string, secondsAgo: number): Record<string, string> {
    const timestamp = Math.floor(Date.now() / 1000) - secondsAgo;
    const signature = createHmac("sha256", SECRETS.SLACK_SECRET).update(`v0:${timestamp}:${body}`).digest("hex");
    return { "X-Slack-Request-Timestamp": String(timestamp), "X-Slack-Signature": `v0=${signature}` };
  }

  test("is compared with the time of its receipt, at an origin that verifies it again", async () => {
    await using stack = new AsyncDisposableStack();
    const world = await startQueueWorld(stack, {
      retrySeconds: [1, 1],
      secrets: SECRETS,
      originSecrets: SECRETS,
      originClock: () => Math.floor(Date.now() / 1000) + AHEAD_SECONDS,
      policy(queued) {
        const signed = signedPolicy(queued);
        const slack = { ...signed.routes["/hooks/signed/slack"], delivery: "queue" };
        return { ...signed, routes: { ...signed.routes, "/hooks/signed/slack": slack } } as typeof queued;
      },
    });
    world.behave = () => (world.attempts.length === 1 ? 503 : "pass");
    const body = "signed nearly five minutes before its receipt";
    const target = "/hooks/signed/slack";
    const id = await world.accept({ target, body, headers: sign(body, 300 - AHEAD_SECONDS / 2) });
    await delivered(world, id);
    const { claims } = world.attemptsOf(id)[1] as { claims: Record<string, number> };
    expect(claims["rcv"]).toBeLessThan(claims["iat"] ?? 0);
    const accepted = world.origin.lines.all.find(({ edgeDecision }) => edgeDecision === id);
    expect(accepted).toMatchObject({ decision: "accepted", factors: ["hmac"] });
    expect(accepted).not.toHaveProperty("reliedOnEdge");
  });
});
