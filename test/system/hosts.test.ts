// Tests routes that name a host, for two tenants with the same path. The tests use the deployed bundle with an origin behind it,
// and an origin with its own TLS listener. An event for one host must not be accepted for the other host.

import { join } from "node:path";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { importSigningKeys, type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import type { Delivery } from "../../core/delivery/delivery.ts";
import type { LogLine } from "../../core/log-line.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { type AuthenticatedEnv, authenticate } from "../../origin/authenticate.ts";
import type { HandlerContext } from "../../origin/dispatch/handler.ts";
import { forwardTo } from "../../origin/dispatch/upstream.ts";
import { pinnedKeys } from "../../origin/verification-keys.ts";
import { createVerifier } from "../../origin/verifier.ts";
import { type ForwardedEvent, forwardedRequest } from "../support/forgery.ts";
import { exchange } from "../support/http.ts";
import { readEvents, startTestOrigin, type TestOrigin } from "../support/origin.ts";
import { startQueueWorld } from "../support/queue-world.ts";
import { ACME, AUDIENCE, BETA, createSenders, HOST, ISSUER, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { TlsSender } from "../support/tls-client.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { A, B, startTlsOrigin, type TestTlsOrigin } from "../support/tls-origin.ts";
import { type DeployedEdge, startWorkerd } from "../support/workerd.ts";
import { startOrigin as startProxiedOrigin } from "./proxy/world.ts";

const PATH = "/events";

const stack = new AsyncDisposableStack();
let senders: Senders;
let policy: PolicyDocument;
let key: PrivateJwk;
let origin: TestOrigin;
let edge: DeployedEdge;

/**
 * A policy in which events of acme arrive at host A, and events of beta at host B. Both senders may call `/shared` on every host.
 */
function policyOf({ policy: document }: Senders): PolicyDocument {
  const route = (...names: string[]) => ({ senders: names, methods: ["POST"] });
  return {
    ...document,
    routes: {
      [`${A}${PATH}`]: route(ACME),
      [`${B}${PATH}`]: route(BETA),
      [`${B}/*`]: route(BETA),
      "/shared": route(ACME, BETA),
    },
  };
}

beforeAll(async () => {
  senders = await createSenders();
  policy = policyOf(senders);
  key = await newSigningKey();
  origin = await startTestOrigin(stack, { policy, keys: [publicJwk(key)] });
  const bindings = { HOSTS: [HOST, A, B], SIGNING_KEYS: JSON.stringify({ keys: [key] }), ORIGIN_URL: origin.url };
  ({ edge } = await startWorkerd(stack, policy, { edge: bindings }));
});
afterAll(() => stack.disposeAsync());

const clientOf = { acme: () => senders.acme, beta: () => senders.beta };
type Client = keyof typeof clientOf;

describe("the edge, with the origin behind it", () => {
  const send = async (client: Client, host: string, target: string) => {
    const { status, body } = await edge.send({ tls: tlsClientAuth(clientOf[client]()), host, target, body: "{}" });
    return { status, told: JSON.parse(body.toString()) as { event?: string; decision?: string } };
  };

  test.each([
    ["acme", A, `${PATH}?a=1`, `${A}${PATH}`, `//${A}${PATH}?a=1`],
    ["beta", B, PATH, `${B}${PATH}`, `//${B}${PATH}`],
    ["beta", B, "/other", `${B}/*`, `//${B}/other`],
    ["beta", A, "/shared", "/shared", "/shared"],
    ["acme", HOST, "/shared", "/shared", "/shared"],
  ] as const)("takes an event of %s for %s%s, by the route %s", async (client, host, target, route, stored) => {
    const { status, told } = await send(client, host, target);
    expect(status).toBe(202);
    expect(await edge.lines.of(told.event)).toMatchObject({ decision: "forwarded", route });
    expect(readEvents(origin.inboxFile).find(({ id }) => id === told.event)).toMatchObject({ target: stored });
    expect(await origin.lines.with({ edgeDecision: told.event })).toMatchObject({ decision: "accepted", route });
  });

  test.each([
    ["acme at the host of beta", "acme", B, PATH, 403, "sender_not_allowed"],
    ["beta at the host of acme", "beta", A, PATH, 403, "sender_not_allowed"],
    ["the path on a host that has no such route", "acme", HOST, PATH, 404, "unknown_route"],
    ["a path below the prefix of another host", "beta", A, "/other", 404, "unknown_route"],
    ["the host in the path", "acme", HOST, `/${A}${PATH}`, 404, "unknown_route"],
    ["what a router takes for a path of the host", "acme", A, `${PATH}/`, 404, "unknown_route"],
    ["the shared path under a prefix of other senders", "acme", B, "/shared", 403, "sender_not_allowed"],
    ["a full stop after the host", "acme", `${A}.`, PATH, 421, "unknown_host"],
    ["another port", "acme", `${A}:8443`, PATH, 421, "unknown_host"],
    ["a host that is not served", "acme", `x.${A}`, PATH, 421, "unknown_host"],
    ["the host in capital letters", "acme", A.toUpperCase(), PATH, 400, "malformed_host"],
  ] as const)("refuses %s (Another tenant's host)", async (_, client, host, target, status, code) => {
    const answer = await send(client, host, target);
    expect(answer.status).toBe(status);
    expect(await edge.lines.of(answer.told.decision)).toMatchObject({ decision: "refused", code });
  });
});

describe("the origin refuses what the edge signed for another host:", () => {
  const signed = (target: string, identity = senders.acme) => {
    const event: ForwardedEvent = { key, identity, policyDigest: compilePolicy(policy).digest, target };
    return { ...forwardedRequest(event), target: target.replace(/^\/\/[^/]*/, "") };
  };
  const sendTo = async (to: TestOrigin, target: string, changes: object = {}, identity = senders.acme) => {
    const before = to.lines.all.length;
    const { status } = await exchange({ url: to.url, ...signed(target, identity), ...changes });
    const [line, ...others] = to.lines.all.slice(before);
    expect(others).toEqual([]);
    return { status, code: line?.["code"], route: line?.["route"], differs: line?.["differs"] };
  };

  test("the signed host decides, not the Host of the request (Another tenant's host)", async () => {
    expect(await sendTo(origin, `//${A}${PATH}`, { host: B })).toMatchObject({ status: 202, route: `${A}${PATH}` });
    expect(await sendTo(origin, `//${B}${PATH}`, { host: A })).toMatchObject({
      code: "sender_not_allowed",
      route: `${B}${PATH}`,
    });
  });

  test.each([
    ["no host, at a path that only hosts have", PATH, "unknown_route"],
    ["a host that no route names", `//c.example.com${PATH}`, "unknown_route"],
    ["a host that no route names, at a path that every host has", "//c.example.com/shared", "request_mismatch"],
    ["a host for a route that names none", `//${A}/shared`, "request_mismatch"],
    ["the host in capital letters", `//${A.toUpperCase()}${PATH}`, "unknown_route"],
    ["a host without a path", `//${A}`, "unknown_route"],
  ])("%s", async (_, target, code) => {
    expect(await sendTo(origin, target, { target: target.endsWith("/shared") ? "/shared" : PATH })).toMatchObject({
      code,
    });
  });

  test.each([
    ["another path", `//${A}${PATH}`, "/shared", "request_mismatch"],
    ["a query more", `//${A}${PATH}`, `${PATH}?a=1`, "request_mismatch"],
    ["the host in the target that arrives", `//${A}${PATH}`, `//${A}${PATH}`, "malformed_target"],
  ])("%s", async (_, target, received, code) => {
    expect(await sendTo(origin, target, { target: received })).toMatchObject({ code });
  });

  test("any, where the policy of the origin names no hosts (Another tenant's host)", async () => {
    const routes = { [PATH]: { senders: [ACME], methods: ["POST"] } };
    const other = await startTestOrigin(stack, { policy: { ...policy, routes }, keys: [publicJwk(key)] });
    expect(await sendTo(other, `//${A}${PATH}`)).toMatchObject({ code: "request_mismatch", differs: ["target"] });
    expect(await sendTo(other, PATH)).toMatchObject({ status: 202 });
  });

  test("code that serves the route of one host, or of every host, serves no other", async () => {
    const document = { ...policy, routes: { ...policy.routes, [PATH]: { senders: [ACME], methods: ["POST"] } } };
    const codeOf = (route: string, target: string) => {
      const { token: _, target: received, ...request } = signed(target);
      const verifier = createVerifier({
        ...{ policy: document, route, issuer: ISSUER, audience: AUDIENCE, keys: { keys: [publicJwk(key)] } },
        accept: () => undefined,
        onDecision: () => undefined,
      });
      const asked = new Request(`https://origin.example.com${received}`, {
        method: request.method ?? "POST",
        headers: request.headers as [string, string][],
        body: request.body as string,
      });
      return verifier.verify(asked).then(
        ({ delivery }) => delivery.request.target,
        (error) => error.refusal.code,
      );
    };
    expect(await codeOf(`${A}${PATH}`, `//${A}${PATH}`)).toBe(`//${A}${PATH}`);
    expect(await codeOf(PATH, PATH)).toBe(PATH);
    expect(await codeOf(PATH, `//${A}${PATH}`)).toBe("route_mismatch");
    expect(await codeOf(`${A}${PATH}`, PATH)).toBe("route_mismatch");
    expect(await codeOf(`${B}${PATH}`, `//${A}${PATH}`)).toBe("route_mismatch");
  });
});

describe("what comes after the proof", () => {
  /** Returns a policy in which the same sender is allowed at both hosts and has an event key. */
  const keyed = (): PolicyDocument => {
    const route = { senders: [ACME], methods: ["POST"] };
    const acme = { ...policy.senders[ACME], eventKey: { pointers: ["/id"] } };
    return { ...policy, senders: { [ACME]: acme }, routes: { [`${A}${PATH}`]: route, [`${B}${PATH}`]: route } };
  };

  test("the same event key at two hosts means two events, and at one host one event", async () => {
    const twice = await startTestOrigin(stack, { policy: keyed(), keys: [publicJwk(key)] });
    const send = async (host: string) => {
      const digest = compilePolicy(keyed()).digest;
      const event = { key, identity: senders.acme, policyDigest: digest, target: `//${host}${PATH}`, body: '{"id":1}' };
      const { status } = await exchange({ url: twice.url, ...forwardedRequest(event), target: PATH });
      return status;
    };
    expect([await send(A), await send(B), await send(A)]).toEqual([202, 202, 200]);
    expect(readEvents(twice.inboxFile).map(({ target }) => target)).toEqual([`//${A}${PATH}`, `//${B}${PATH}`]);
  });

  test("an upstream gets the path, and an assertion that holds the host", async () => {
    const delivered: Delivery[] = [];
    const first = await startTestOrigin(stack, {
      policy,
      keys: [publicJwk(key)],
      accept: (delivery) => void delivered.push(delivery),
    });
    const event = { key, identity: senders.acme, policyDigest: "0".repeat(64), target: `//${A}${PATH}?a=1` };
    await exchange({ url: first.url, ...forwardedRequest(event), target: `${PATH}?a=1` });
    const upstream = await startTestOrigin(stack, { policy, keys: [publicJwk(key)] });
    const keys = await importSigningKeys({ keys: [key] });
    const handle = forwardTo({ origin: upstream.url, issuer: ISSUER, audience: AUDIENCE, keys: () => keys });
    const [delivery] = delivered as [Delivery];
    const context = { attempt: 1, acceptedAt: Math.floor(Date.now() / 1000), signal: AbortSignal.timeout(20_000) };
    expect(await handle(delivery, context as HandlerContext)).toMatchObject({ status: 202 });
    expect(readEvents(upstream.inboxFile)).toMatchObject([{ sender: ACME, target: `//${A}${PATH}?a=1` }]);
  });

  test("the edge's queue brings an event to the route of its host", async () => {
    const world = await startQueueWorld(stack, {
      batchSeconds: 0,
      policy: ({ routes, ...rest }) => ({
        ...rest,
        routes: { [`${HOST}${PATH}`]: { ...routes["/hooks/acme"] } as never },
      }),
    });
    const id = await world.accept({ target: `${PATH}?a=1` });
    expect(await world.edge.lines.with({ decision: "forwarded", id })).toMatchObject({ status: 202 });
    expect(world.attemptsOf(id)).toMatchObject([
      { target: `${PATH}?a=1`, claims: { req: { target: `//${HOST}${PATH}?a=1` } } },
    ]);
    expect(readEvents(world.origin.inboxFile)).toMatchObject([{ id, target: `//${HOST}${PATH}?a=1` }]);
  });
});

describe("a guard in an app", () => {
  test("protects its path on every host, because the router runs it on every host", async () => {
    const app = new Hono<AuthenticatedEnv>();
    const lines: LogLine[] = [];
    const findKey = await pinnedKeys({ keys: [publicJwk(key)] });
    const guard = authenticate({
      ...{ policy: compilePolicy(policy), findKey, issuer: ISSUER, audience: AUDIENCE, accept: () => undefined },
      log: (line) => lines.push(line),
    });
    app.post(PATH, guard, (c) => c.text(c.var.delivery.request.target));
    app.post("/other", guard, (c) => c.text("other"));
    const ask = async (target: string, identity = senders.acme) => {
      const event = { key, identity, policyDigest: "0".repeat(64), target };
      const { headers, body } = forwardedRequest({ ...event, sender: identity === senders.acme ? ACME : BETA });
      const path = target.replace(/^\/\/[^/]*/, "");
      const answer = await app.request(`https://origin.example.com${path}`, {
        ...{ method: "POST", headers: headers as [string, string][], body: body as string },
      });
      return answer.ok ? await answer.text() : lines.at(-1)?.code;
    };
    expect(await ask(`//${A}${PATH}`)).toBe(`//${A}${PATH}`);
    expect(await ask(`//${B}${PATH}`, senders.beta)).toBe(`//${B}${PATH}`);
    expect(await ask(`//${B}/other`, senders.beta)).toBe("route_mismatch");
  });
});

describe("an origin behind a proxy", () => {
  test("uses the host that the proxy names for the certificate that the proxy forwards", async () => {
    const socket = join(temporaryDirectory(stack), "origin.sock");
    const proxied = await startProxiedOrigin(stack, { senders: { policy } }, "rfc9440", { socket, mode: 0o600 });
    const send = async (client: Client, host: string) => {
      const headers = [["Client-Cert", `:${clientOf[client]().base64}:`]] as const;
      const before = proxied.lines.all.length;
      const { status } = await exchange({ url: "http://origin", socket, host, target: PATH, headers, body: "{}" });
      const line = proxied.lines.all[before];
      return { status, code: line?.code, route: line?.["route"] };
    };
    expect(await send("acme", A)).toMatchObject({ status: 202, route: `${A}${PATH}` });
    expect(await send("beta", B)).toMatchObject({ status: 202, route: `${B}${PATH}` });
    expect(await send("acme", B)).toMatchObject({ status: 403, code: "sender_not_allowed" });
    expect(await send("acme", HOST)).toMatchObject({ status: 404, code: "unknown_route" });
    for (const spelling of [`${A}.`, `${A}:443`, `${A}:8443`]) {
      expect(await send("acme", spelling)).toMatchObject({ status: 202, route: `${A}${PATH}` });
      expect(await send("beta", spelling)).toMatchObject({ status: 403, code: "sender_not_allowed" });
    }
  });
});

describe("an origin with a TLS listener of its own", () => {
  let direct: TestTlsOrigin;
  beforeAll(async () => {
    direct = await startTlsOrigin(stack, { policy });
  });

  const send = async (client: Client, name: string, target: string, host?: string) => {
    const { pem, keyPem } = clientOf[client]();
    const sender = new TlsSender(direct.at(name), { pem, keyPem });
    const before = direct.lines.all.length;
    const { status } = await sender.send({ target, ...(host !== undefined && { host }) });
    const line = direct.lines.all[before];
    return { status, code: line?.["code"], route: line?.["route"] };
  };

  test("accepts an event only at the host of its sender", async () => {
    expect(await send("acme", A, PATH)).toMatchObject({ status: 202, route: `${A}${PATH}` });
    expect(await send("beta", B, PATH)).toMatchObject({ status: 202, route: `${B}${PATH}` });
    expect(await send("acme", A, "/shared")).toMatchObject({ status: 202, route: "/shared" });
    expect(readEvents(direct.inboxFile).map(({ target }) => target)).toEqual([
      `//${A}${PATH}`,
      `//${B}${PATH}`,
      "/shared",
    ]);
  });

  test.each([
    ["acme at the host of beta", "acme", B, PATH, undefined, "sender_not_allowed"],
    ["a Host other than that of the handshake", "acme", A, PATH, B, "unknown_host"],
    ["a full stop after the host", "acme", A, PATH, `${A}.`, "unknown_host"],
    ["the host in capital letters", "acme", A, PATH, A.toUpperCase(), "malformed_host"],
    ["beta at another port of the host of acme", "beta", A, PATH, `${A}:8443`, "sender_not_allowed"],
    ["a path below the prefix of another host", "beta", A, "/other", undefined, "unknown_route"],
    ["the host in the target", "acme", A, `//${A}${PATH}`, undefined, "malformed_target"],
    ["a whole URL of another host as the target", "acme", A, `https://${B}${PATH}`, undefined, "malformed_target"],
  ] as const)("refuses %s (Another tenant's host)", async (_, client, name, target, host, code) => {
    expect(await send(client, name, target, host)).toMatchObject({ code });
  });
});
