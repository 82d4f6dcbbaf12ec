// Tests the size limit of a route, at the edge and at the origin. If the declared length of a body exceeds the limit, the body is
// refused before it is read. Any other body is refused as soon as it exceeds the limit.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { publicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { readBody } from "../../core/request/read-body.ts";
import { forwardedRequest } from "../support/forgery.ts";
import { exchange, type RawAnswer, type RawRequest } from "../support/http.ts";
import { startTestOrigin, type TestOrigin } from "../support/origin.ts";
import { createSenders, MAX_BODY_BYTES, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { type DeployedEdge, startWorkerd } from "../support/workerd.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let origin: TestOrigin;
let edge: DeployedEdge;
let key: Awaited<ReturnType<typeof newSigningKey>>;

beforeAll(async () => {
  senders = await createSenders();
  key = await newSigningKey();
  origin = await startTestOrigin(stack, { policy: senders.policy, keys: [publicJwk(key)] });
  const SIGNING_KEYS = JSON.stringify({ keys: [key] });
  ({ edge } = await startWorkerd(stack, senders.policy, { edge: { SIGNING_KEYS, ORIGIN_URL: origin.url } }));
});
afterAll(() => stack.disposeAsync());

/** Yields this number of octets, and never ends. A server can respond only if it does not wait for the end of the body. */
async function* unfinished(size: number) {
  if (size > 0) yield Buffer.alloc(size);
  await new Promise(() => {});
}

type Send = (request: Omit<RawRequest, "url">) => Promise<RawAnswer>;

const toEdge: Send = (request) => edge.send({ tls: tlsClientAuth(senders.acme), ...request });
const toOrigin: Send = ({ headers = [], ...request }) => {
  const { policy, acme: identity } = senders;
  const body = request.body instanceof Uint8Array ? request.body.toString() : "{}";
  const forged = forwardedRequest({ key, identity, policyDigest: compilePolicy(policy).digest, body });
  return exchange({ url: origin.url, ...forged, ...request, headers: [...forged.headers, ...headers] });
};

describe.each<[string, Send]>([
  ["edge", toEdge],
  ["origin", toOrigin],
])("%s", (_, send) => {
  const expectTooLarge = (answer: RawAnswer) => {
    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "body-too-large" });
  };

  test("accepts a body of exactly the limit", async () => {
    const before = await origin.inbox.count();
    expect((await send({ body: Buffer.alloc(MAX_BODY_BYTES, "a") })).status).toBe(202);
    expect(await origin.inbox.count()).toBe(before + 1);
  });

  test("refuses one byte more", async () => {
    const before = await origin.inbox.count();
    expectTooLarge(await send({ body: Buffer.alloc(MAX_BODY_BYTES + 1, "a") }));
    expect(await origin.inbox.count()).toBe(before);
  });

  test("refuses a declared length over the limit before any of the body is there", async () => {
    expectTooLarge(await send({ headers: [["Content-Length", "1099511627776"]], body: unfinished(0) }));
  });

  test("refuses chunks over the limit before the body ends", async () => {
    expectTooLarge(await send({ body: unfinished(MAX_BODY_BYTES + 1) }));
  });
});

describe("edge", () => {
  test("accepts chunks of exactly the limit", async () => {
    const half = Buffer.alloc(MAX_BODY_BYTES / 2);
    expect((await toEdge({ body: [half, half] })).status).toBe(202);
  });

  test("refuses chunks of one byte more", async () => {
    const half = Buffer.alloc(MAX_BODY_BYTES / 2);
    expect((await toEdge({ body: [half, half, Buffer.alloc(1)] })).status).toBe(413);
  });

  test("judges the sender before it reads the body", async () => {
    const answer = await edge.send({ tls: tlsClientAuth(senders.beta), body: unfinished(1) });
    expect(answer.status).toBe(403);
  });
});

describe("origin", () => {
  test("judges the assertion before it reads the body", async () => {
    const url = `${origin.url}/hooks/acme`;
    const answer = await exchange({ url, headers: [["Countersign-Assertion", "a.b.c"]], body: unfinished(1) });
    expect(answer.status).toBe(401);
  });

  test("reads a body only until it exceeds the limit, and cancels the rest", async () => {
    const chunkBytes = 1024;
    let taken = 0;
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          taken += chunkBytes;
          controller.enqueue(new Uint8Array(chunkBytes));
        },
        cancel() {
          isCancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
    const request = new Request(`${origin.url}/hooks/acme`, { method: "POST", body, duplex: "half" } as RequestInit);
    await expect(readBody(request, MAX_BODY_BYTES)).rejects.toMatchObject({ code: "body_too_large" });
    expect(taken).toBe(MAX_BODY_BYTES + chunkBytes);
    expect(isCancelled).toBe(true);
  });
});
