// Tests known attacks that use request headers. The requests go over raw sockets to the deployed bundle, to the origin behind it,
// and to the origin's own listener. docs/design/known-attacks.md lists the tests by name.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { forwardedRequest } from "../support/forgery.ts";
import { exchange, type HeaderList } from "../support/http.ts";
import { startTestOrigin, type TestOrigin } from "../support/origin.ts";
import { createSenders, HOST, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { A, startTlsOrigin, type TestTlsOrigin } from "../support/tls-origin.ts";
import { CF_HEADER, type DeployedEdge, startWorkerd } from "../support/workerd.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let key: PrivateJwk;
let edge: DeployedEdge;
let origin: TestOrigin;
let listener: TestTlsOrigin;

beforeAll(async () => {
  senders = await createSenders();
  key = await newSigningKey();
  origin = await startTestOrigin(stack, { policy: senders.policy, keys: [publicJwk(key)] });
  const bindings = { SIGNING_KEYS: JSON.stringify({ keys: [key] }), ORIGIN_URL: origin.url };
  ({ edge } = await startWorkerd(stack, senders.policy, { edge: bindings }));
  listener = await startTlsOrigin(stack, { policy: senders.policy });
});
afterAll(() => stack.disposeAsync());

/**
 * Sends the lines of a request unchanged. Resolves to the status of the response, or to undefined if the connection ended without a
 * response.
 */
async function exchangeRaw(socket: Socket, host: string, lines: readonly string[]): Promise<number | undefined> {
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  socket.on("error", () => {});
  socket.write(["POST /hooks/acme HTTP/1.1", `Host: ${host}`, ...lines, "Connection: close", "", "{}"].join("\r\n"));
  await once(socket, "close");
  const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
  return status === undefined ? undefined : Number(status);
}

const toLines = (headers: HeaderList) => headers.map(([name, value]) => `${name}: ${value}`);

interface Way {
  readonly name: string;
  /** Returns the headers that prove the sender, so that this server accepts the request. */
  proof(): string[];
  send(lines: readonly string[]): Promise<number | undefined>;
}

const LENGTH = "Content-Length: 2";

const WAYS: readonly Way[] = [
  {
    name: "the edge",
    proof: () => [`${CF_HEADER}: ${JSON.stringify({ tlsClientAuth: tlsClientAuth(senders.acme) })}`, LENGTH],
    send: (lines) =>
      exchangeRaw(connectTls({ port: edge.port, host: "127.0.0.1", ca: edge.ca, servername: HOST }), HOST, lines),
  },
  {
    name: "the origin",
    proof: () => [
      ...toLines(
        forwardedRequest({ key, identity: senders.acme, policyDigest: compilePolicy(senders.policy).digest }).headers,
      ),
      LENGTH,
    ],
    send: (lines) => exchangeRaw(connect(Number(new URL(origin.url).port), "127.0.0.1"), "origin", lines),
  },
  {
    name: "the listener",
    proof: () => [LENGTH],
    send: (lines) => {
      const { port, ca } = listener.at(A);
      const { pem: cert, keyPem } = senders.acme;
      return exchangeRaw(connectTls({ port, host: "127.0.0.1", ca, cert, key: keyPem, servername: A }), A, lines);
    },
  },
];

const events = async () => (await origin.inbox.count()) + (await listener.inbox.count());

describe.each(WAYS)("CVE-2023-25725: a header without a name hides nothing from $name", ({ proof, send }) => {
  test("which accepts the same request without such a header", async () => {
    const before = await events();
    expect(await send(proof())).toBe(202);
    expect(await events()).toBe(before + 1);
  });

  test.each([": x", ":", " : x", "\t: x", "\0: x", "x"])(
    "%j, before the others, between them and after them",
    async (nameless) => {
      const before = await events();
      const last = (lines: readonly string[]) => lines.length - 1;
      for (const place of [0, 1, last(proof())]) {
        const lines = proof();
        lines.splice(place, 0, nameless);
        const status = await send(lines);
        expect(status === undefined || (status >= 400 && status < 500), `${place}: ${status}`).toBe(true);
      }
      expect(await events()).toBe(before);
    },
  );

  test.each([
    ["two lengths", ["Content-Length: 2", "Content-Length: 3"]],
    ["a length and chunks", ["Content-Length: 2", "Transfer-Encoding: chunked"]],
    ["a length that is none", ["Content-Length: +2"]],
    ["a folded header", ["X-A: b", " Content-Length: 3"]],
    ["a space before the colon", ["X-A : b"]],
  ])("nor does a body of doubtful length: %s", async (_, more) => {
    const before = await events();
    const status = await send([...proof().filter((line) => line !== LENGTH || more[0] === "X-A: b"), ...more]);
    expect(status === undefined || (status >= 400 && status < 500), `${status}`).toBe(true);
    expect(await events()).toBe(before);
  });
});

describe("CVE-2024-45806: a request is not trusted for its address,", () => {
  const claims: HeaderList = [
    ["X-Forwarded-For", "10.0.0.1"],
    ["X-Real-IP", "127.0.0.1"],
    ["X-Envoy-Internal", "true"],
    ["CF-Connecting-IP", "10.0.0.1"],
    ["Forwarded", "for=127.0.0.1"],
    ["X-Client-Verify", "SUCCESS"],
  ];

  test("neither the loopback nor an address in a header", async () => {
    const socket = connect(Number(new URL(origin.url).port), "127.0.0.1");
    const before = await events();
    expect(await exchangeRaw(socket, "origin", [...toLines(claims), LENGTH])).toBe(401);
    expect(origin.lines.all.at(-1)).toMatchObject({ code: "assertion_missing" });
    expect(await events()).toBe(before);
  });

  test("at the listener", async () => {
    const { port, ca } = listener.at(A);
    const socket = connectTls({ port, host: "127.0.0.1", ca, servername: A });
    expect(await exchangeRaw(socket, A, [...toLines(claims), LENGTH])).toBe(403);
    expect(listener.lines.all.at(-1)).toMatchObject({ code: "no_certificate" });
  });
});

describe("GHSA-7x63-xv5r-3p2x, CVE-2026-35051: a request is what its request line says,", () => {
  const elsewhere: HeaderList = [
    ["X-Forwarded-Uri", "/hooks/acme"],
    ["X-Forwarded-Prefix", "/hooks/acme"],
    ["X-Forwarded-Method", "POST"],
    ["X-Forwarded-Host", HOST],
    ["X-Original-URL", "/hooks/acme"],
    ["X-Original-URI", "/hooks/acme"],
    ["X-Rewrite-URL", "/hooks/acme"],
    ["X-HTTP-Method-Override", "POST"],
  ];

  test("at the origin", async () => {
    const { headers } = forwardedRequest({
      key,
      identity: senders.acme,
      policyDigest: compilePolicy(senders.policy).digest,
    });
    const request = { url: origin.url, body: "{}", headers: [...headers, ...elsewhere] };
    expect((await exchange({ ...request, target: "/hooks/both" })).status).toBe(401);
    expect(origin.lines.all.at(-1)).toMatchObject({ code: "request_mismatch" });
    expect((await exchange({ ...request, target: "/admin" })).status).toBe(404);
  });

  test("at the edge", async () => {
    const request = { tls: tlsClientAuth(senders.acme), body: "{}", headers: elsewhere };
    expect((await edge.send({ ...request, target: "/hooks/beta" })).status).toBe(403);
    expect((await edge.send({ ...request, target: "/admin" })).status).toBe(404);
    expect((await edge.send({ ...request, target: "/hooks/acme", method: "DELETE" })).status).toBe(405);
  });
});

test("CVE-2025-29927: no header can skip a check", async () => {
  const headers: HeaderList = [
    ["X-Middleware-Subrequest", "middleware:middleware:middleware:middleware:middleware"],
    ["X-Middleware-Next", "1"],
    ["X-Client-Verify", "SUCCESS"],
    ["X-Forwarded-Client-Cert-Verified", "true"],
    ["Cf-Cert-Verified", "true"],
    ["Cf-Worker", "hooks.example.com"],
  ];
  expect((await exchange({ url: origin.url, target: "/hooks/acme", body: "{}", headers })).status).toBe(401);
  expect((await edge.send({ body: "{}", headers })).status).toBe(403);
  const { port, ca } = listener.at(A);
  const socket = connectTls({ port, host: "127.0.0.1", ca, servername: A });
  expect(await exchangeRaw(socket, A, [...toLines(headers), LENGTH])).toBe(403);
});
