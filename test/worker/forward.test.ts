// Tests how the origin's response reaches the sender. The tests use the deployed bundle with real sockets.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MAX_ORIGIN_PROBLEM_BYTES } from "../../core/wire.ts";
import { listen, type RawAnswer } from "../support/http.ts";
import { createSenders, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { type DeployedEdge, type EdgeRequest, startWorkerd } from "../support/workerd.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let edge: DeployedEdge;
/** The handler that responds to the next request at the origin. */
let answerNext: RequestListener;

beforeAll(async () => {
  senders = await createSenders();
  const originUrl = await listen(stack, (incoming, outgoing) => answerNext(incoming, outgoing));
  const SIGNING_KEYS = JSON.stringify({ keys: [await newSigningKey()] });
  ({ edge } = await startWorkerd(stack, senders.policy, { edge: { SIGNING_KEYS, ORIGIN_URL: originUrl } }));
});
afterAll(() => stack.disposeAsync());

function send(request: EdgeRequest = {}): Promise<RawAnswer> {
  return edge.send({ tls: tlsClientAuth(senders.acme), body: "{}", ...request });
}

const residentBytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;

const SOAP = '<?xml version="1.0"?><Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body/></Envelope>';
const OWN_PROBLEM = JSON.stringify({
  type: "https://example.com/out-of-stock",
  title: "Out of stock",
  decision: "own",
});

test("a long problem document is passed on as it comes, and is not held (Endless problem)", async () => {
  const piece = Buffer.alloc(1024 * 1024, "a");
  const before = residentBytes(edge.pid);
  let written = 0;
  answerNext = (_, outgoing) => {
    outgoing.writeHead(400, { "content-type": "application/problem+json" });
    const more = () => {
      while (written < 64 && outgoing.write(piece)) written += 1;
      if (written >= 64) outgoing.end();
      else {
        written += 1;
        outgoing.once("drain", more);
      }
    };
    more();
  };
  let peak = 0;
  const watching = setInterval(() => {
    peak = Math.max(peak, residentBytes(edge.pid));
  }, 20);
  const answer = await send();
  clearInterval(watching);
  expect(answer.status).toBe(400);
  expect(answer.body.byteLength).toBe(64 * piece.byteLength);
  // If the edge held the whole body in memory, its memory would grow by more than twice the size of the body.
  expect(peak - before).toBeLessThan(64 * piece.byteLength);
});

describe("edge returns the origin's answer unchanged", () => {
  const answers: [number, string | undefined, string][] = [
    [200, "text/xml; charset=utf-8", SOAP],
    [200, undefined, "untyped"],
    [201, "application/json", "{}"],
    [202, "application/json", '{"event":"1"}'],
    [204, undefined, ""],
    [205, undefined, ""],
    [400, "application/problem+json", OWN_PROBLEM],
    [409, "application/problem+json", '{"type":"urn:countersign:problem:no-such-problem"}'],
    [410, "application/problem+json", "null"],
    [401, "application/problem+json", "not JSON"],
    [422, "text/plain", "urn:countersign:problem:replayed"],
    [429, "application/json", '{"type":"urn:countersign:problem:replayed"}'],
    [500, "text/html", "<h1>Oops</h1>"],
    [503, "text/plain", "later"],
  ];

  test.each(answers)("%i with %s: %s", async (status, type, body) => {
    answerNext = (_, outgoing) => {
      if (type !== undefined) outgoing.setHeader("content-type", type);
      outgoing.writeHead(status).end(body);
    };
    const answer = await send();
    expect(answer.status).toBe(status);
    expect(answer.headers["content-type"]).toBe(type);
    expect(answer.body.toString()).toBe(body);
  });

  test("Retry-After, and no other header of the origin", async () => {
    const told = {
      "Content-Type": "text/plain",
      "Retry-After": "120",
      "Set-Cookie": "session=1",
      Server: "quill",
      "X-Powered-By": "quill",
      Location: "https://example.com/",
      Link: "</a>; rel=next",
      "Cache-Control": "public, max-age=60",
      "Access-Control-Allow-Origin": "*",
      "Strict-Transport-Security": "max-age=1",
      "Countersign-Assertion": "a.b.c",
    };
    answerNext = (_, outgoing) => outgoing.writeHead(200, told).end("ok");
    const { connection, "transfer-encoding": framing, ...headers } = (await send()).headers;
    expect([connection, framing]).toEqual(["close", "chunked"]);
    expect(headers).toEqual({ "content-type": "text/plain", "retry-after": "120", "cache-control": "no-store" });
  });

  test("a compressed answer, decompressed", async () => {
    answerNext = (_, outgoing) => {
      outgoing.writeHead(200, { "content-type": "text/xml", "content-encoding": "gzip" }).end(gzipSync(SOAP));
    };
    const answer = await send({ headers: [["Accept-Encoding", "gzip"]] });
    expect(answer.headers["content-encoding"]).toBeUndefined();
    expect(answer.body.toString()).toBe(SOAP);
  });

  test("a large answer, completely", async () => {
    const chunk = Buffer.alloc(64 * 1024, "countersign");
    const chunks = Array<Buffer>(256).fill(chunk);
    answerNext = (_, outgoing) => {
      outgoing.writeHead(200, { "content-type": "application/octet-stream" });
      Readable.from(chunks).pipe(outgoing);
    };
    const { body } = await send();
    const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
    expect(digest(body)).toBe(digest(Buffer.concat(chunks)));
  });

  test("an answer before it is complete", async () => {
    const finish = Promise.withResolvers<void>();
    answerNext = async (_, outgoing) => {
      outgoing.writeHead(200, { "content-type": "text/plain" }).write("first");
      await finish.promise;
      outgoing.end("last");
    };
    const pending = send({ onFirstChunk: () => finish.resolve() });
    expect((await pending).body.toString()).toBe("firstlast");
  });
});

describe("edge answers for an origin that fails", () => {
  test.each([301, 302, 303, 307, 308])("a redirect with %i is not followed", async (status) => {
    let followed = 0;
    const elsewhere = await listen(stack, (_, outgoing) => {
      followed += 1;
      outgoing.end();
    });
    answerNext = (_, outgoing) => outgoing.writeHead(status, { location: elsewhere }).end();
    const answer = await send();
    expect(answer.status).toBe(502);
    expect(answer.headers.location).toBeUndefined();
    expect(followed).toBe(0);
  });

  test("a refusal of our own origin is not passed on as an answer", async () => {
    answerNext = (_, outgoing) => {
      const type = "urn:countersign:problem:assertion-refused";
      outgoing.writeHead(401, { "content-type": "application/problem+json" });
      outgoing.end(JSON.stringify({ type, decision: "id-at-the-origin" }));
    };
    const answer = await send();
    const { decision } = JSON.parse(answer.body.toString());
    expect(answer.status).toBe(502);
    expect(answer.headers["retry-after"]).toBe("30");
    expect(answer.body.toString()).not.toContain("id-at-the-origin");
    expect(await edge.lines.of(decision)).toMatchObject({
      code: "origin_refused",
      originProblem: "assertion-refused",
      originDecision: "id-at-the-origin",
    });
  });

  test("a refusal of our own origin is recognised up to a size limit", async () => {
    const refusal = (size: number) =>
      JSON.stringify({ type: "urn:countersign:problem:assertion-refused", detail: "a".repeat(size) });
    const sendFor = (body: string) => {
      answerNext = (_, outgoing) => outgoing.writeHead(401, { "content-type": "application/problem+json" }).end(body);
      return send();
    };
    expect((await sendFor(refusal(60_000))).status).toBe(502);
    const long = await sendFor(refusal(MAX_ORIGIN_PROBLEM_BYTES));
    expect([long.status, long.body.toString()]).toEqual([401, refusal(MAX_ORIGIN_PROBLEM_BYTES)]);
  });

  test.each([
    [520, 503, "origin_unreachable"],
    [521, 503, "origin_unreachable"],
    [522, 504, "origin_timeout"],
    [524, 504, "origin_timeout"],
    [530, 503, "origin_unreachable"],
  ])("the platform's own answer %i instead of the origin's", async (platformStatus, status, code) => {
    answerNext = (_, outgoing) => outgoing.writeHead(platformStatus, { "content-type": "text/html" }).end("cloudflare");
    const answer = await send();
    expect(answer.status).toBe(status);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    const { decision } = JSON.parse(answer.body.toString());
    expect(await edge.lines.of(decision)).toMatchObject({ code, platformStatus });
  });

  test("a connection that breaks before the answer", async () => {
    answerNext = (incoming) => incoming.socket.destroy();
    const answer = await send();
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "unavailable" });
  });

  test("a problem document that breaks off is the origin's fault, not ours", async () => {
    answerNext = (_, outgoing) => {
      outgoing.writeHead(400, { "content-type": "application/problem+json", "content-length": "100" });
      outgoing.write("{", () => outgoing.destroy());
    };
    const answer = await send();
    expect(JSON.parse(answer.body.toString())).not.toMatchObject({ code: "internal-error" });
    expect(answer.status).toBeGreaterThan(501);
  });

  test("a status that no Response can have is the origin's fault, not ours", async () => {
    answerNext = (_, outgoing) => outgoing.writeHead(600).end();
    const answer = await send();
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "bad-gateway" });
    expect(answer.status).toBe(502);
  });
});
