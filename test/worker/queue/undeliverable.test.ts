// Tests messages that no attempt can deliver, and what the consumers do with these messages. The result must not depend on who put
// a message into the queue.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { importSigningKeys, type PrivateJwk } from "../../../core/assertion/keys.ts";
import { sealText } from "../../../core/assertion/seal.ts";
import type { LogLine } from "../../../core/log-line.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { Refusal } from "../../../core/refusal.ts";
import type { BodyBucket } from "../../../worker/bindings.ts";
import { loadEdge } from "../../../worker/configuration.ts";
import { deliverBatch, postponeBatch } from "../../../worker/queue/deliver.ts";
import { type DeadLetterWorld, startDeadLetterWorld } from "../../support/dead-letter-world.ts";
import { refusingUrl } from "../../support/http.ts";
import { ACME, AUDIENCE, ISSUER } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";

const stack = new AsyncDisposableStack();
let world: DeadLetterWorld;

beforeAll(async () => {
  world = await startDeadLetterWorld(stack);
});
afterAll(() => stack.disposeAsync());

const TYPE = { type: `countersign-event ${ISSUER} ${AUDIENCE}`, version: 1 };
const DAY = 86_400;
const now = () => Math.floor(Date.now() / 1000);

describe("a message that cannot be delivered", () => {
  beforeEach(() => world.clear());

  /**
   * Returns the sealed text that this edge puts into the queue for an event. A stranger with access to the queue could change such
   * a text.
   */
  async function captured(): Promise<string> {
    const { key } = await world.die("captured");
    const text = (await (await world.bucket.get(key))?.text()) ?? "";
    await world.clear();
    return text;
  }

  async function deadLetterOf(message: unknown): Promise<LogLine> {
    const known = world.edge.lines.all.length;
    await (world.queue.events as { send(body: unknown): Promise<unknown> }).send(message);
    return world.edge.lines.with({ decision: "dead-letter", attempt: 1, code: "undeliverable" }, known);
  }

  test("is kept unchanged at the first attempt, whatever it is", async () => {
    const text = await captured();
    const [seal = "", event = ""] = text.split("\n");
    const changed = (members: object) => `${JSON.stringify({ ...JSON.parse(seal), ...members })}\n${event}`;
    const forged = event.replace(`"sender":"${ACME}"`, '"sender":"somebody"');
    expect(forged).not.toBe(event);
    const other = await sealText(event, TYPE, await signingKeys(await newSigningKey()));
    const otherType = await sealText(event, { ...TYPE, type: "countersign-other" }, await signingKeys(world.key));
    // The other edge has the same keys, but it may have checked less than this edge requires. So this edge must not accept events
    // of the other edge.
    const otherEdge = await sealText(
      event,
      { ...TYPE, type: `countersign-event ${ISSUER} https://staging.example.com` },
      await signingKeys(world.key),
    );
    const cases: [message: unknown, why: string | RegExp][] = [
      ["", `not a sealed ${TYPE.type}`],
      ["hello", `not a sealed ${TYPE.type}`],
      [{ event: 1 }, `not a sealed ${TYPE.type}`],
      [null, `not a sealed ${TYPE.type}`],
      [event, `not a sealed ${TYPE.type}`],
      [otherEdge, `not a sealed ${TYPE.type}`],
      [otherType, `not a sealed ${TYPE.type}`],
      [changed({ version: 2 }), `version 2 of ${TYPE.type} is not known here`],
      [changed({ kid: "other" }), "sealed with the key other, which SIGNING_KEYS no longer holds"],
      [other, /^sealed with the key .*, which SIGNING_KEYS no longer holds$/],
      [changed({ signature: "" }), "the seal is broken"],
      [`${seal}\n${forged}`, "the seal is broken"],
      [`${seal}\n${event} `, "the seal is broken"],
    ];
    for (const [message, why] of cases) {
      const line = await deadLetterOf(message);
      expect(line["why"], String(message).slice(0, 100)).toEqual(
        typeof why === "string" ? why : expect.stringMatching(why),
      );
      const key = String(line["key"]);
      expect(key).toMatch(/^dead\/unread\/[0-9a-f]+$/);
      const kept = await (await world.bucket.get(key))?.text();
      expect(kept).toBe(typeof message === "string" ? message : JSON.stringify(message));
    }
    // Nothing has been delivered. A request to send these messages again (an object with the prefix `redrive/`) changes nothing.
    const attempts = world.attempts.length;
    await world.bucket.put("redrive/unread", "", {});
    expect(await world.edge.runCronTrigger(cases.length)).toHaveLength(cases.length);
    await expect.poll(() => world.keys("dead/unread/")).toHaveLength(cases.length);
    expect(world.attempts).toHaveLength(attempts);
  });

  test("is kept when its body is gone, or is another one", async () => {
    const body = new Uint8Array(300_000).fill(3);
    const { id, key } = await world.die(body);
    const text = (await (await world.bucket.get(key))?.text()) ?? "";
    const attempts = world.attempts.length;
    const otherBodies = [undefined, new Uint8Array(300_000).fill(4), new Uint8Array(0), body.subarray(1)];
    for (const other of otherBodies) {
      if (other === undefined) await world.bucket.delete(`body/${id}`);
      else await world.bucket.put(`body/${id}`, other, {});
      const { why } = await deadLetterOf(text);
      expect(why).toMatch(other === undefined ? /no body in the bucket/ : /not the one that was accepted/);
    }
    expect(world.attempts).toHaveLength(attempts);
    await world.bucket.put(`body/${id}`, body, {});
    await world.queue.events.send(text, { contentType: "text" });
    await world.edge.lines.with({ decision: "forwarded", id });
    expect(world.stored(id)).toHaveLength(1);
  });

  test("is no dead letter when the edge recorded its delivery, and nobody can forge the record", async () => {
    const [first, second] = [await world.die(new Uint8Array(300_000)), await world.die(new Uint8Array(300_000))];
    const textOf = async (key: string) => (await (await world.bucket.get(key))?.text()) ?? "";
    const [text, other] = [await textOf(first.key), await textOf(second.key)];
    await world.queue.events.send(text, { contentType: "text" });
    await world.edge.lines.with({ decision: "forwarded", id: first.id });
    await expect.poll(() => world.keys("delivered/")).toEqual([`delivered/${first.id}`]);
    const attempts = world.attempts.length;
    await world.queue.events.send(text, { contentType: "text" });
    expect(await world.edge.lines.with({ decision: "duplicate", id: first.id })).toMatchObject({ sender: ACME });
    const word = await textOf(`delivered/${first.id}`);
    await world.bucket.delete(`body/${second.id}`);
    for (const forged of [word, word.replace(first.id, second.id), "", second.id]) {
      await world.bucket.put(`delivered/${second.id}`, forged, {});
      expect((await deadLetterOf(other)).why).toMatch(/no body in the bucket/);
    }
    expect(world.attempts).toHaveLength(attempts);
  });

  test("is kept when it is so old that no origin accepts it, and is delivered shortly before that age", async () => {
    const [, event = ""] = (await captured()).split("\n");
    const receivedAt = (days: number) =>
      signingKeys(world.key).then((keys) =>
        sealText(JSON.stringify({ ...JSON.parse(event), receivedAt: now() - days * DAY }), TYPE, keys),
      );
    expect(await deadLetterOf(await receivedAt(30.01))).toMatchObject({
      why: "too old for any origin to accept",
    });
    const known = world.edge.lines.all.length;
    await world.queue.events.send(await receivedAt(29.99), { contentType: "text" });
    expect(await world.edge.lines.with({ decision: "forwarded" }, known)).toMatchObject({ status: 202 });
  });
});

describe("the consumer of the dead-letter queue", () => {
  beforeEach(() => world.clear());

  /**
   * Processes one message as the consumer of the queue `queueName` does, with the real bucket. Returns whether the message was
   * acknowledged or retried, and the log lines.
   */
  async function settle(
    message: { body: unknown; attempts: number; timestamp?: Date },
    queueName: string,
    put = world.bucket.put,
  ) {
    const bindings = {
      HOSTS: ["hooks.example.com"],
      ISSUER,
      AUDIENCE,
      ORIGIN_URL: await refusingUrl(),
      SIGNING_KEYS: JSON.stringify({ keys: [world.key] }),
    };
    const edge = await loadEdge(bindings, compilePolicy(world.senders.policy));
    const bodies = {
      get: (key: string) => world.bucket.get(key),
      put,
      delete: (keys: string | string[]) => world.bucket.delete(keys),
      list: (options: { prefix: string }) => world.bucket.list(options),
    };
    const lines: LogLine[] = [];
    const outcome: unknown[] = [];
    const settled = {
      timestamp: new Date(),
      ...message,
      id: "abc",
      ack: () => outcome.push("ack"),
      retry: (how: unknown) => outcome.push(how),
    };
    const scope = {
      clock: now,
      newAssertionId: () => "A".repeat(22),
      random: () => 0.5,
      log: (line: LogLine) => lines.push(line),
    };
    await deliverBatch({ queue: queueName, messages: [settled] }, edge, { events: world.queue.events, bodies }, scope);
    return { outcome, lines };
  }

  async function message() {
    const { key } = await world.die("of the consumer");
    const body = await (await world.bucket.get(key))?.text();
    await world.clear();
    return body;
  }

  test("keeps a message at once after a crash, and a message of a queue with an unknown name", async () => {
    const body = await message();
    const put = (key: string, text: Uint8Array | string, options: object) => world.bucket.put(key, text, options);
    const crashed = await settle({ body, attempts: 2 }, "countersign-dead-letters", put);
    expect(crashed).toMatchObject({ outcome: ["ack"], lines: [{ decision: "dead-letter", code: "attempt_crashed" }] });
    const misnamed = await settle({ body, attempts: 1 }, "countersign-event", put);
    expect(misnamed).toMatchObject({ outcome: ["ack"], lines: [{ decision: "dead-letter", attempt: 1 }] });
    const named = await settle({ body, attempts: 3 }, "countersign-events", put);
    expect(named).toMatchObject({ outcome: [{ delaySeconds: 40 }], lines: [{ decision: "failed", attempt: 3 }] });
  });

  test("keeps a message that its queue would soon drop, even after few attempts", async () => {
    const body = await message();
    const put = (key: string, text: Uint8Array | string, options: object) => world.bucket.put(key, text, options);
    const settledAfter = async (days: number) => {
      const timestamp = new Date((now() - days * DAY) * 1000);
      return (await settle({ body, attempts: 3, timestamp }, "countersign-events", put)).outcome;
    };
    expect(await settledAfter(11.9)).toEqual([{ delaySeconds: 40 }]);
    expect(await settledAfter(12.1)).toEqual(["ack"]);
    expect(await world.keys("dead/")).toHaveLength(1);
  });

  test("acknowledges no message that the bucket did not store", async () => {
    const body = await message();
    const fail = () => Promise.reject(new Error("no bucket"));
    for (const queueName of ["countersign-events", "countersign-dead-letters"]) {
      const unread = await settle({ body: "unread", attempts: 1 }, queueName, fail);
      expect(unread).toMatchObject({ outcome: [{ delaySeconds: 10 }], lines: [{ decision: "failed" }] });
    }
    const { outcome, lines } = await settle({ body, attempts: 2 }, "countersign-dead-letters", fail);
    expect(outcome).toEqual([{ delaySeconds: 20 }]);
    expect(lines).toMatchObject([
      { decision: "failed", retryInSeconds: 20, cause: expect.stringContaining("no bucket") },
    ]);
  });
});

describe("a batch at an edge with a configuration error", () => {
  beforeEach(() => world.clear());

  async function postpone(queue: string, bodies: BodyBucket | undefined, attempts: number) {
    const outcome: unknown[] = [];
    const settled = {
      id: "abc",
      timestamp: new Date(),
      body: "text",
      attempts,
      ack: () => outcome.push("ack"),
      retry: (how: unknown) => outcome.push(how),
    };
    await postponeBatch({ queue, messages: [settled] }, bodies, new Refusal("misconfigured"), Math.random);
    return outcome as (string | { delaySeconds: number })[];
  }

  test("is retried with the same delay as an event whose origin fails", async () => {
    for (const [attempts, least, most] of [
      [1, 7, 13],
      [20, 2_700, 4_500],
    ] as const) {
      const [how] = await postpone("countersign-events", world.bucket, attempts);
      const { delaySeconds } = how as { delaySeconds: number };
      expect(delaySeconds).toBeGreaterThanOrEqual(least);
      expect(delaySeconds).toBeLessThanOrEqual(most);
    }
    expect(await world.keys()).toEqual([]);
  });

  test("is kept in the bucket if the platform would otherwise drop it", async () => {
    expect(await postpone("countersign-dead-letters", world.bucket, 3)).toEqual(["ack"]);
    expect(await world.keys()).toEqual(["dead/unread/abc"]);
    expect(await postpone("countersign-dead-letters", undefined, 1)).toMatchObject([
      { delaySeconds: expect.any(Number) },
    ]);
  });
});

function signingKeys(key: PrivateJwk) {
  return importSigningKeys({ keys: [key] });
}
