// Tests toWebRequest(): what a Node server passes to a verifier, and which requests are refused because they cannot be passed on
// unchanged.

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import fastify from "fastify5";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publicJwk } from "../../../core/assertion/keys.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { toWebRequest } from "../../../origin/node/web-request.ts";
import { createVerifier, RefusedError, type Verifier } from "../../../origin/verifier.ts";
import { type ForwardedEvent, forwardedRequest } from "../../support/forgery.ts";
import { exchange } from "../../support/http.ts";
import { LogLines } from "../../support/log-lines.ts";
import { ACME, AUDIENCE, createSenders, ISSUER } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";

const stack = new AsyncDisposableStack();
const lines = new LogLines();
let event: ForwardedEvent;
let url: string;
let verifier: Verifier;
/** A function that runs before the verifier. */
let before: (incoming: IncomingMessage) => unknown = () => undefined;

beforeAll(async () => {
  const senders = await createSenders();
  const key = await newSigningKey();
  event = { key, identity: senders.acme, policyDigest: compilePolicy(senders.policy).digest };
  verifier = createVerifier({
    ...{ policy: senders.policy, keys: { keys: [publicJwk(key)] }, issuer: ISSUER, audience: AUDIENCE },
    ...{ accept: () => undefined, onDecision: lines.push, servesEveryRoute: true },
  });
  const server = createServer({ requireHostHeader: false }, async (incoming, outgoing) => {
    await before(incoming);
    const [status, answer] = await answerTo(incoming);
    outgoing.writeHead(status).end(JSON.stringify(answer));
  }).listen(0, "127.0.0.1");
  stack.defer(() => void server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => stack.disposeAsync());

/** Handles a request as every server in this file does. */
async function answerTo(incoming: IncomingMessage): Promise<[status: number, answer: object]> {
  try {
    const { delivery } = await verifier.verify(toWebRequest(incoming));
    const { sender, body, request } = delivery;
    return [200, { sender, bytes: body.byteLength, request }];
  } catch (error) {
    return [error instanceof RefusedError ? error.status : 599, {}];
  }
}

test("Fastify, without its body parsers", async () => {
  const app = fastify();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request: unknown, _payload: unknown, done: (error: null) => void) => done(null));
  app.post("/hooks/acme", async (request, reply) => {
    const [status, answer] = await answerTo(request.raw);
    return reply.code(status).send(answer);
  });
  stack.defer(() => app.close());
  const at = await app.listen({ host: "127.0.0.1", port: 0 });
  const { body } = await exchange({ url: at, ...forwardedRequest({ ...event, body: '{"n":1}' }) });
  expect(JSON.parse(body.toString())).toMatchObject({ sender: ACME, bytes: 7 });
  const forged = forwardedRequest({ ...event, claims: { aud: "https://other.example.com" } });
  expect((await exchange({ url: at, ...forged })).status).toBe(401);
});

test("method, target, headers and body come as they were sent", async () => {
  const sent = { ...event, target: "/hooks/acme/1?a=%41&b", body: "x".repeat(60_000) };
  const answer = await exchange({ url, ...forwardedRequest(sent) });
  expect(JSON.parse(answer.body.toString())).toEqual({
    sender: ACME,
    bytes: 60_000,
    request: { method: "POST", target: "/hooks/acme/1?a=%41&b", contentType: "application/json" },
  });
});

test("also for a method without a body", async () => {
  const answer = await exchange({ url, ...forwardedRequest({ ...event, method: "GET", body: "" }) });
  expect(JSON.parse(answer.body.toString())).toMatchObject({ sender: ACME, bytes: 0, request: { method: "GET" } });
});

test.each<[string, Partial<Parameters<typeof exchange>[0]>, string]>([
  ["a target that a URL parser changes", { target: "/hooks/acme?a='" }, "malformed_target"],
  ["a path that it changes", { target: "/hooks/./acme" }, "malformed_target"],
  ["two hosts", { headers: [["Host", "other.example.com"]] }, "malformed_host"],
  ["a host that is more", { host: "user@origin.example.com" }, "malformed_host"],
])("refuses %s", async (_, { headers: added = [], ...changes }, code) => {
  const { headers, ...honest } = forwardedRequest(event);
  const answer = await exchange({ url, ...honest, ...changes, headers: [...headers, ...added] });
  expect(answer.status).toBe(400);
  expect(lines.all.at(-1)).toMatchObject({ decision: "refused", code });
});

test("refuses a body that was already read, and says so", async () => {
  before = async (incoming) => {
    for await (const _ of incoming);
  };
  try {
    expect((await exchange({ url, ...forwardedRequest(event) })).status).toBe(500);
    expect(lines.all.at(-1)).toMatchObject({
      code: "misconfigured",
      problems: ["the body was read before the verifier had it: put the route before body parsers"],
    });
  } finally {
    before = () => undefined;
  }
});
