// Tests the published keys. The keys have only public members. They are served only over HTTPS, and only at a configured host.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import type { RawAnswer } from "../support/http.ts";
import { startTestEdge } from "../support/local-edge.ts";
import { createSenders, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { type DeployedEdge, type EdgeRequest, startWorkerd } from "../support/workerd.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let keys: [PrivateJwk, PrivateJwk];
let edge: DeployedEdge;
const ORIGIN_URL = "http://127.0.0.1:1";

beforeAll(async () => {
  senders = await createSenders();
  keys = [await newSigningKey(), await newSigningKey()];
  ({ edge } = await startWorkerd(stack, senders.policy, {
    edge: { SIGNING_KEYS: JSON.stringify({ keys }), ORIGIN_URL },
  }));
});
afterAll(() => stack.disposeAsync());

function get(request: EdgeRequest = {}): Promise<RawAnswer> {
  return edge.send({ method: "GET", target: "/.well-known/jwks.json", body: "", ...request });
}

function codeOf({ body }: RawAnswer): unknown {
  return JSON.parse(body.toString()).code;
}

test("edge publishes every key without a client certificate, the signer first, without a private member", async () => {
  const { status, headers, body } = await get();
  expect(status).toBe(200);
  expect(headers["content-type"]).toBe("application/jwk-set+json");
  expect(headers["cache-control"]).toBe("public, max-age=300");
  expect(JSON.parse(body.toString())).toStrictEqual({ keys: keys.map(publicJwk) });
  for (const key of keys) expect(body.toString()).not.toContain(key.d);
  expect(JSON.parse(body.toString()).keys.flatMap(Object.keys)).not.toContain("d");
});

test("edge answers HEAD for the keys with the same headers and no body", async () => {
  const { status, headers, body } = await get({ method: "HEAD" });
  expect(status).toBe(200);
  expect(headers["content-type"]).toBe("application/jwk-set+json");
  expect(body.byteLength).toBe(0);
});

test.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])("edge refuses %s for the keys", async (method) => {
  const answer = await get({ method });
  expect(answer.status).toBe(405);
  expect(answer.headers.allow).toBe("GET, HEAD");
});

test("edge publishes no keys over plain HTTP", async () => {
  const answer = await get({ isPlainHttp: true });
  expect(answer.status).toBe(403);
  expect(codeOf(answer)).toBe("https-required");
});

test.each(["other.example.com", "hooks.example.com.", "hooks.example.com:8443", "127.0.0.1"])(
  "edge publishes no keys at the host %s",
  async (host) => {
    const answer = await get({ host });
    expect(answer.status).toBe(421);
    expect(codeOf(answer)).toBe("unknown-host");
  },
);

test.each(["/.well-known/jwks.json/", "/.well-known/JWKS.json", "/.well-known/%6awks.json", "//.well-known/jwks.json"])(
  "edge publishes no keys at %s",
  async (target) => {
    const answer = await get({ target });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.body.toString()).not.toContain(keys[0].kid);
  },
);

test("the local edge refuses plain HTTP, with a good certificate and for the keys", async () => {
  await using own = new AsyncDisposableStack();
  const local = await startTestEdge(own, { policy: senders.policy, originUrl: ORIGIN_URL, protocol: "http" });
  const tls = tlsClientAuth(senders.acme);
  for (const request of [{ tls }, { method: "GET", target: "/.well-known/jwks.json" }]) {
    const response = await local.send(request);
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: "https-required" });
  }
});
