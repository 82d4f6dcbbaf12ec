// Tests routes with `delivery: queue`, and the queue settings of wrangler.toml. Such a route accepts an event at once. The event is
// signed and delivered later.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unstable_readConfig } from "wrangler";
import { QUEUE_CONFIG } from "../../../cli/dev/local-edge.ts";
import type { ConfigurationError } from "../../../core/configuration-error.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { loadEdge } from "../../../worker/configuration.ts";
import { backOff } from "../../../worker/queue/deliver.ts";
import { headersClaim } from "../../support/forgery.ts";
import { type QueueWorld, queuedPolicy, startQueueWorld } from "../../support/queue-world.ts";
import { ACME, createSenders } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { tlsClientAuth } from "../../support/tls-client-auth.ts";

const stack = new AsyncDisposableStack();
let world: QueueWorld;

beforeAll(async () => {
  world = await startQueueWorld(stack);
});
afterAll(() => stack.disposeAsync());

const LARGE = 5 * 1024 * 1024;

function letPass(): void {
  world.behave = () => "pass";
  world.release();
}

describe("a route that queues", () => {
  test("answers 202 with the event's id, before the origin has it", async () => {
    const { edge, senders } = world;
    world.behave = () => "held";
    const response = await edge.send({ tls: tlsClientAuth(senders.acme), body: "at once" });
    expect(response.status).toBe(202);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const document = (await response.json()) as { event: string };
    expect(Object.keys(document)).toEqual(["event"]);
    expect(world.stored(document.event)).toEqual([]);
    letPass();
    expect(await edge.lines.of(document.event)).toMatchObject({
      decision: "queued",
      route: "/hooks/acme",
      sender: ACME,
      status: 202,
    });
  });

  test("delivers an event once, signed at delivery, with its id as txn", async () => {
    const target = "/hooks/acme?b=2&a=%41";
    const body = JSON.stringify({ event: "queued" });
    const headers = { "content-type": "application/json", accept: "a/b", "user-agent": "quill/1.0" };
    const id = await world.accept({ target, body, headers });
    expect(await world.edge.lines.with({ decision: "forwarded", id })).toMatchObject({
      sender: ACME,
      attempt: 1,
      status: 202,
    });
    const [attempt, ...others] = world.attemptsOf(id);
    expect(others).toEqual([]);
    expect(attempt).toMatchObject({ method: "POST", target });
    const { claims, at = 0 } = attempt ?? {};
    expect(Math.abs(Number(claims?.["iat"]) - at / 1000)).toBeLessThan(20);
    expect(claims?.["hdr"]).toEqual(
      headersClaim(["accept", "user-agent"].map((name) => [name, headers[name as "accept"]])),
    );
    expect(world.stored(id).map(String)).toEqual([body]);
    const accepted = world.origin.lines.all.find(({ edgeDecision }) => edgeDecision === id);
    expect(accepted).toMatchObject({ decision: "accepted", sender: ACME });
  });

  test("keeps a body that no message holds in the bucket until it is delivered", async () => {
    const body = new Uint8Array(LARGE).map((_, index) => index % 251);
    world.behave = () => "held";
    const id = await world.accept({ body });
    expect(await world.keys()).toEqual([`body/${id}`]);
    letPass();
    await world.edge.lines.with({ decision: "forwarded", id });
    expect(world.stored(id).map((stored) => Buffer.compare(stored, body))).toEqual([0]);
    await expect.poll(() => world.keys()).toEqual([`delivered/${id}`]);
  });

  test.each([0, 1, 94_000, 95_000, 96_000, 130_000])("delivers a body of %i bytes", async (size) => {
    const body = new Uint8Array(size).fill(0xff);
    const id = await world.accept({ body });
    await world.edge.lines.with({ decision: "forwarded", id });
    expect(world.stored(id).map((stored) => Buffer.compare(stored, body))).toEqual([0]);
  });

  test("delivers many at a time, each once", async () => {
    const bodies = Array.from({ length: 30 }, (_, index) => `event ${index}`);
    const ids = await Promise.all(bodies.map((body) => world.accept({ body })));
    await Promise.all(ids.map((id) => world.edge.lines.with({ decision: "forwarded", id })));
    expect(ids.map((id) => world.stored(id).map(String))).toEqual(bodies.map((body) => [body]));
  });

  test("asks the origin directly if the sender needs the origin's answer", async () => {
    const { edge, senders } = world;
    const response = await edge.send({ tls: tlsClientAuth(senders.acme), method: "GET" });
    const { event: id } = (await response.json()) as { event: string };
    expect(world.attemptsOf(id)).toMatchObject([{ method: "GET" }]);
    expect(world.attemptsOf(id)[0]?.claims).not.toHaveProperty("rcv");
    expect(await edge.lines.of(id)).toMatchObject({ decision: "forwarded" });
  });

  test("queues no event that it refuses", async () => {
    const lines = world.edge.lines.all.length;
    const response = await world.edge.send({ tls: tlsClientAuth(world.senders.beta) });
    const { decision } = (await response.json()) as { decision: string };
    expect(response.status).toBe(403);
    expect(await world.edge.lines.of(decision)).toMatchObject({ decision: "refused" });
    expect(world.edge.lines.all.slice(lines).filter((line) => line.decision === "queued")).toEqual([]);
  });
});

test("a route that does not say delivery: queue is direct", async () => {
  const response = await world.edge.send({ target: "/hooks/direct", tls: tlsClientAuth(world.senders.acme) });
  const { event: id } = (await response.json()) as { event: string };
  expect(world.stored(id)).toHaveLength(1);
  expect(world.attemptsOf(id)[0]?.claims).not.toHaveProperty("rcv");
});

describe("the configuration of a queue", () => {
  const required = async () => ({
    HOSTS: ["hooks.example.com"],
    ISSUER: "https://hooks.example.com",
    AUDIENCE: "origin",
    ORIGIN_URL: "https://origin.example.com",
    SIGNING_KEYS: JSON.stringify({ keys: [await newSigningKey()] }),
  });
  const bucket = { get() {}, put() {}, delete() {}, list() {} };

  test("needs EVENTS and BODIES only for routes that queue, and is reported with the other problems", async () => {
    const { policy } = await createSenders();
    const problemsWith = (changed: object, document = queuedPolicy(policy)) =>
      required().then((set) =>
        loadEdge({ ...set, ...changed }, compilePolicy(document)).then(
          ({ lacks }) => Array.from(lacks, ([{ path }, problems]) => [path, ...problems]),
          (error: ConfigurationError) => error.problems,
        ),
      );
    const events = "/EVENTS: a queue, because a route has delivery: queue";
    const bodies = "/BODIES: an R2 bucket, because a route has delivery: queue";
    expect(await problemsWith({ AUDIENCE: "" })).toEqual(["/AUDIENCE: must not be empty", events, bodies]);
    const mixed = queuedPolicy(policy);
    const [queued = ""] = Object.keys(mixed.routes);
    const direct = { ...mixed.routes[queued], delivery: "direct" } as PolicyDocument["routes"][string];
    const both = { ...mixed, routes: { [queued]: mixed.routes[queued], "/direct": direct } } as PolicyDocument;
    const useless = { EVENTS: "text", BODIES: { get() {} } };
    expect(await problemsWith(useless, both)).toEqual([[queued, events, bodies]]);
    expect(await problemsWith({ EVENTS: { send() {} }, BODIES: bucket })).toEqual([]);
    expect(await problemsWith({}, policy)).toEqual([]);
    const wrong = [[], [1], [1, 2, 3], [0, 1], [1.5, 2], [1, 43_201], ["1", "2"], "10", 10, {}];
    for (const RETRY_SECONDS of wrong) {
      const problems = await problemsWith({ EVENTS: { send() {} }, BODIES: bucket, RETRY_SECONDS });
      expect(problems, JSON.stringify(RETRY_SECONDS)).not.toEqual([]);
      for (const problem of problems) expect(problem).toMatch(/^\/RETRY_SECONDS/);
    }
  });

  test("is in wrangler.toml as comments, with the same values as the local queue", async () => {
    await using own = new AsyncDisposableStack();
    const text = readFileSync(fileURLToPath(new URL("../../../wrangler.toml", import.meta.url)), "utf8");
    const start = text.indexOf("# [[queues.producers]]");
    const section = text.slice(start, text.indexOf("\n\n", start));
    const uncommented = section.replace(/^# (?=\[|[a-z_]+ = )/gm, "");
    const config = join(temporaryDirectory(own), "wrangler.toml");
    writeFileSync(config, `name = "countersign"\n${uncommented}`);
    const { queues, r2_buckets } = unstable_readConfig({ config });
    expect({ queues, r2_buckets }).toMatchObject(QUEUE_CONFIG);
    expect(queues.consumers?.map((consumer: object) => Object.keys(consumer).length)).toEqual(
      QUEUE_CONFIG.queues.consumers.map((consumer) => Object.keys(consumer).length),
    );
    expect(text).toContain('"*/5 * * * *"');
  });

  test("tries for about three days, and ends before a message is too old for its queue", () => {
    const production: [number, number] = [10, 3600];
    const [{ max_retries: retries = 0 } = {}] = QUEUE_CONFIG.queues.consumers;
    const days = (random: number) =>
      Array.from({ length: retries }, (_, index) => backOff(index + 1, production, random)).reduce((a, b) => a + b) /
      86_400;
    expect(days(0)).toBeGreaterThan(2);
    expect(days(0.5)).toBeCloseTo(2.68, 1);
    expect(days(1)).toBeLessThan(4);
  });

  test("doubles its delays up to the longest, and varies each by a quarter", () => {
    const delays = (random: number) => [1, 2, 3, 4, 5, 6, 100].map((attempts) => backOff(attempts, [10, 200], random));
    expect(delays(0.5)).toEqual([10, 20, 40, 80, 160, 200, 200]);
    expect(delays(0)).toEqual([8, 15, 30, 60, 120, 150, 150]);
    expect(delays(0.999)).toEqual([13, 25, 50, 100, 200, 250, 250]);
  });
});
