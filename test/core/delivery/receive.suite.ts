// Tests bodies of senders that are not proven yet: which octets count towards the limit of memory, and which bodies are stopped
// when the limit is exceeded. Also tests the step that reads a body and admits the sender by its signature.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Candidate } from "../../../core/admission/candidate.ts";
import type { Trace } from "../../../core/admission/trace.ts";
import { bindDelivery, formatContentDigest } from "../../../core/delivery/delivery.ts";
import { receiveFromSender, type SentRequest } from "../../../core/delivery/receive.ts";
import { Question } from "../../../core/handshake/question.ts";
import { OriginRefusal } from "../../../core/refusal.ts";
import { BodyBudget, type BodyReading } from "../../../core/request/body-budget.ts";
import { readBody, readStream } from "../../../core/request/read-body.ts";
import { MAX_UNPROVEN_BODY_BYTES, UNCOUNTED_BODY_BYTES } from "../../../core/wire.ts";
import { type Cases, type Fixtures, refused, refusedLater } from "../../support/scenes/certificates.ts";
import {
  BODY,
  basic,
  certificate,
  compileSenders,
  credentials,
  evidenceOf,
  github,
  type SenderParts,
  signedBy,
} from "../../support/scenes/factors.ts";

/** Begins to read a body, and counts how often this body is stopped. */
function begin(budget: BodyBudget) {
  const reading = budget.begin();
  const state = { reading, stops: 0 };
  reading.start(() => {
    state.stops += 1;
  });
  return state;
}

/** Takes UNCOUNTED_BODY_BYTES, which do not count towards the limit, and then this number of octets, which count. */
const takeCounted = (reading: BodyReading, bytes: number) => reading.take(UNCOUNTED_BODY_BYTES + bytes);
const isFull = (run: () => unknown) => refused("bodies_full", run).details;

/** A budget that counts the bodies that begin and end. */
class WatchedBudget extends BodyBudget {
  begun = 0;
  finished = 0;
  override begin(): BodyReading {
    this.begun += 1;
    return super.begin();
  }
  override finish(reading: BodyReading): void {
    this.finished += 1;
    super.finish(reading);
  }
}

function admitOne(
  fixtures: Fixtures,
  sender: SenderParts,
  {
    headers = signedBy("ONE"),
    bodies = new WatchedBudget({ endsOldest: true }),
    body = BODY as BodyInit,
    others = {},
    crossCheck,
  }: {
    headers?: Readonly<Record<string, string>>;
    bodies?: WatchedBudget;
    body?: BodyInit;
    others?: Readonly<Record<string, SenderParts>>;
    crossCheck?: SentRequest["crossCheck"];
  } = {},
) {
  const policy = compileSenders(fixtures, { sender, ...others });
  const [route] = policy.routes;
  assert.ok(route !== undefined);
  const evidence = evidenceOf(fixtures, policy, { headers });
  const trace: Trace = { context: { id: "decision-1" } };
  const init = { method: "POST", body, ...(body instanceof ReadableStream && { duplex: "half" }) };
  const request = new Request("https://hooks.example.com/hooks", init as RequestInit);
  const policyDigest = policy.digest;
  const question = new Question(request, new URL(request.url));
  const sent = { request, question, target: "/hooks?a=1", route, evidence, bodies, policyDigest, bind: bindDelivery };
  const received = receiveFromSender(crossCheck === undefined ? sent : { ...sent, crossCheck }, trace);
  return {
    outcome: received.then((result) => (result instanceof Response ? assert.fail("a challenge") : result)),
    trace,
    bodies,
  };
}

const streamOf = (...sizes: number[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const size of sizes) controller.enqueue(new Uint8Array(size));
      controller.close();
    },
  });

export const cases: Cases = {
  "BodyBudget does not count what most senders send": () => {
    const budget = new BodyBudget({ endsOldest: true });
    const [first] = Array.from({ length: 5_000 }, () => {
      const one = begin(budget);
      one.reading.take(UNCOUNTED_BODY_BYTES);
      return one;
    });
    assert.deepEqual([first?.reading.held, first?.stops], [0, 0]);
  },
  "BodyBudget counts the octets beyond that, in pieces of any size": () => {
    const { reading } = begin(new BodyBudget({ endsOldest: true }));
    for (const [bytes, held] of [
      [UNCOUNTED_BODY_BYTES - 1, 0],
      [1, 0],
      [5, 5],
      [0, 5],
      [2, 7],
    ] as const) {
      reading.take(bytes);
      assert.equal(reading.held, held);
    }
  },
  "BodyBudget accepts exactly its limit, from one body or from many": () => {
    for (const parts of [1, 4]) {
      const budget = new BodyBudget({ endsOldest: false });
      const readings = Array.from({ length: parts }, () => begin(budget).reading);
      for (const reading of readings) takeCounted(reading, MAX_UNPROVEN_BODY_BYTES / parts);
      const { reading } = begin(budget);
      reading.take(UNCOUNTED_BODY_BYTES);
      assert.deepEqual(
        isFull(() => reading.take(1)),
        {
          limit: MAX_UNPROVEN_BODY_BYTES,
          received: UNCOUNTED_BODY_BYTES + 1,
        },
      );
    }
  },
  "BodyBudget stops as many of the oldest bodies as necessary when there are too many": () => {
    const budget = new BodyBudget({ endsOldest: true });
    const quarter = MAX_UNPROVEN_BODY_BYTES / 4;
    const four = Array.from({ length: 4 }, () => begin(budget));
    for (const { reading } of four) takeCounted(reading, quarter);
    const last = begin(budget);
    takeCounted(last.reading, quarter + 1);
    assert.deepEqual(
      four.map(({ stops }) => stops),
      [1, 1, 0, 0],
    );
    assert.equal(last.reading.held, quarter + 1);
    for (const { reading } of four.slice(0, 2)) isFull(() => reading.take(1));
    // A body that was stopped no longer counts towards the limit of memory.
    const next = begin(budget);
    takeCounted(next.reading, quarter - 1);
    assert.deepEqual([four[2]?.stops, last.stops, next.stops], [0, 0, 0]);
  },
  "BodyBudget stops the body that asks for more if it may not stop another body": () => {
    const budget = new BodyBudget({ endsOldest: false });
    const [first, second] = [begin(budget), begin(budget)];
    takeCounted(first.reading, MAX_UNPROVEN_BODY_BYTES - 10);
    isFull(() => takeCounted(second.reading, 11));
    assert.deepEqual([first.stops, second.stops], [0, 1]);
    first.reading.take(10);
    isFull(() => second.reading.take(0));
  },
  "BodyBudget stops a body that alone is too large": () => {
    for (const endsOldest of [true, false]) {
      const budget = new BodyBudget({ endsOldest });
      const [large, other] = [begin(budget), begin(budget)];
      isFull(() => takeCounted(large.reading, MAX_UNPROVEN_BODY_BYTES + 1));
      assert.equal(large.stops, 1);
      takeCounted(other.reading, MAX_UNPROVEN_BODY_BYTES);
    }
  },
  "BodyBudget frees the space of a finished body, only once": () => {
    const budget = new BodyBudget({ endsOldest: false });
    const [first, second] = [begin(budget), begin(budget)];
    for (const { reading } of [first, second]) takeCounted(reading, MAX_UNPROVEN_BODY_BYTES / 2);
    budget.finish(first.reading);
    budget.finish(first.reading);
    const third = begin(budget);
    takeCounted(third.reading, MAX_UNPROVEN_BODY_BYTES / 2);
    isFull(() => third.reading.take(1));
    assert.equal(first.stops, 0);
  },
  "a body that is stopped while it is read is refused, and its stream is cancelled": async () => {
    const budget = new BodyBudget({ endsOldest: true });
    let isCancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(UNCOUNTED_BODY_BYTES)),
      cancel: () => {
        isCancelled = true;
      },
    });
    const reading = budget.begin();
    const outcome = refusedLater("bodies_full", readStream(stream, Number.POSITIVE_INFINITY, reading));
    reading.end();
    await outcome;
    assert.equal(isCancelled, true);
  },
  "a body that waits for its next piece is stopped at once": async () => {
    const reading = new BodyBudget({ endsOldest: true }).begin();
    const silent = readStream(new ReadableStream<Uint8Array>(), 10, reading);
    reading.end();
    await refusedLater("bodies_full", silent);
  },
  "a body is counted a second time while its pieces are joined": async () => {
    const reading = new BodyBudget({ endsOldest: true }).begin();
    const size = UNCOUNTED_BODY_BYTES - 1;
    assert.equal((await readStream(streamOf(size), size, reading))?.byteLength, size);
    assert.equal(reading.held, UNCOUNTED_BODY_BYTES - 2);
  },
  "a declared length is compared with the limit, whether the body is counted or not": async () => {
    const request = (size: number) =>
      new Request("https://hooks.example.com/", {
        method: "POST",
        body: new Uint8Array(size),
        headers: { "content-length": String(size) },
      });
    for (const size of [UNCOUNTED_BODY_BYTES, UNCOUNTED_BODY_BYTES + 1]) {
      const reading = new BodyBudget({ endsOldest: true }).begin();
      assert.equal((await readBody(request(size), size, reading)).byteLength, size);
      assert.equal(reading.held > 0, size > UNCOUNTED_BODY_BYTES);
      const { details } = await refusedLater("body_too_large", readBody(request(size), size - 1));
      assert.deepEqual(details, { declared: String(size), maxBodyBytes: size - 1 });
    }
  },
  "readStream() returns nothing if there is more than the limit": async () => {
    assert.equal(await readStream(streamOf(5, 6), 10), undefined);
    assert.equal((await readStream(streamOf(5, 5), 10))?.byteLength, 10);
  },
  "readBody() says why a body is incomplete, and how many pieces were too many": async () => {
    const failing = (error: unknown) => new ReadableStream({ start: (controller) => controller.error(error) });
    const read = (body: ReadableStream, maxBodyBytes = 1_000_000) =>
      readBody(
        new Request("https://hooks.example.com/", { method: "POST", body, duplex: "half" } as RequestInit),
        maxBodyBytes,
      );
    assert.deepEqual((await refusedLater("body_incomplete", read(failing(new Error("lost"))))).details, {
      cause: "lost",
    });
    assert.deepEqual((await refusedLater("body_incomplete", read(failing("gone")))).details, { cause: "gone" });
    assert.deepEqual((await refusedLater("body_too_large", read(streamOf(6, 5), 10))).details, { maxBodyBytes: 10 });
    const { details } = await refusedLater("body_in_pieces", read(streamOf(...Array(5_000).fill(1))));
    assert.deepEqual(details, { pieces: 4_097, received: 4_097 });
  },
  "readStream() joins pieces of any size in the order of their arrival": async () => {
    const sizes = fc.array(fc.constantFrom(1, 3, 4_095, 4_096, 4_097, 65_535, 65_536, 140_000), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(sizes, async (list) => {
        const whole = Uint8Array.from({ length: list.reduce((sum, size) => sum + size, 0) }, (_, index) => index % 251);
        let at = 0;
        const stream = new ReadableStream<Uint8Array>({
          start(controller) {
            for (const size of list) {
              controller.enqueue(whole.slice(at, at + size));
              at += size;
            }
            controller.close();
          },
        });
        const read = await readStream(stream, whole.length);
        assert.ok(read !== undefined && Buffer.compare(read, whole) === 0, `${list}`);
      }),
      { numRuns: 60 },
    );
  },
  "readBody() accepts no body for GET and HEAD": async () => {
    for (const method of ["GET", "HEAD"]) {
      const request = new Request("https://hooks.example.com/", { method });
      assert.equal((await readBody(request, 10)).byteLength, 0);
      // No runtime can make a Request with this method and a body. But a server may receive such a request, so the test makes a
      // similar object.
      const body = { method, headers: new Headers(), body: streamOf(1), arrayBuffer: async () => new ArrayBuffer(1) };
      await refusedLater("body_too_large", readBody(body as unknown as Request, 10));
    }
  },
  "receiveFromSender() counts a body until its signature is verified, if nothing else is proven": async (fixtures) => {
    const { outcome, trace, bodies } = admitOne(fixtures, github("ONE"));
    assert.deepEqual([bodies.begun, bodies.finished], [1, 0]);
    const delivery = await outcome;
    assert.deepEqual([bodies.begun, bodies.finished], [1, 1]);
    assert.deepEqual([...delivery.body], [...BODY]);
    assert.equal(delivery.contentDigest, formatContentDigest(BODY));
    assert.equal(delivery.request.target, "/hooks?a=1");
    assert.equal(trace.body, delivery.body);
    assert.deepEqual(
      [delivery.sender, trace.admitted?.sender.name, trace.context["sender"]],
      ["sender", "sender", "sender"],
    );
  },
  "receiveFromSender() ends the count of a refused body, and keeps the body for a comparison": async (fixtures) => {
    const { outcome, trace, bodies } = admitOne(fixtures, github("ONE"), { headers: signedBy("TWO") });
    await refusedLater("signature_mismatch", outcome);
    assert.deepEqual([bodies.begun, bodies.finished], [1, 1]);
    assert.equal(trace.likelySender, undefined);
    assert.deepEqual([[...(trace.body ?? [])], trace.admitted], [[...BODY], undefined]);
    const body = new Uint8Array(2 * 1024 * 1024);
    const large = admitOne(fixtures, github("ONE"), { body });
    await refusedLater("body_too_large", large.outcome);
    assert.deepEqual([large.bodies.begun, large.bodies.finished], [1, 1]);
  },
  "receiveFromSender() counts no body of a sender that has proven a certificate": async (fixtures) => {
    const { outcome, bodies } = admitOne(fixtures, { ...certificate(), ...github("ONE") });
    assert.deepEqual((await outcome).factors, ["mtls", "hmac"]);
    assert.deepEqual([bodies.begun, bodies.finished], [0, 0]);
    const beside = admitOne(fixtures, github("TWO"), { others: { certified: { ...certificate(), ...github("ONE") } } });
    assert.equal((await beside.outcome).sender, "certified");
    assert.equal(beside.bodies.begun, 0);
  },
  "receiveFromSender() names the sender whose credentials passed although its signature does not": async (fixtures) => {
    const sender = { ...basic, ...github("ONE") };
    const { outcome, trace } = admitOne(fixtures, sender, { headers: { ...credentials, ...signedBy("TWO") } });
    await refusedLater("signature_mismatch", outcome);
    assert.equal(trace.likelySender, "sender");
  },
  "receiveFromSender() does not read the body if the sender fails a factor that needs no body": async (fixtures) => {
    const body = new ReadableStream({ pull: () => assert.fail("the body was read") }, { highWaterMark: 0 });
    const sender = { ...certificate(), ...basic };
    const { outcome, trace } = admitOne(fixtures, sender, { headers: {}, body });
    await refusedLater("basic_missing", outcome);
    assert.equal(trace.likelySender, "sender");
    assert.equal(trace.body, undefined);
  },
  "receiveFromSender() admits only a candidate that the cross-check keeps, and returns its refusal": async (
    fixtures,
  ) => {
    const refuse = () => {
      throw new OriginRefusal("listener_disagrees");
    };
    await refusedLater("listener_disagrees", admitOne(fixtures, certificate(), { crossCheck: refuse }).outcome);
    const asked: Candidate[] = [];
    const keep = (candidates: readonly Candidate[]) => {
      asked.push(...candidates);
      return candidates;
    };
    assert.deepEqual((await admitOne(fixtures, certificate(), { crossCheck: keep }).outcome).factors, ["mtls"]);
    assert.equal(asked.length, 1);
    assert.notEqual(asked[0]?.certified, undefined);
  },
};
