// Tests the middleware in a user's own app, on Node and on workerd. Either the handler gets the delivery, or the handler does not
// run.

import { fileURLToPath } from "node:url";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestHarness, unstable_readConfig } from "wrangler";
import { publicJwk } from "../../core/assertion/keys.ts";
import type { LogLine } from "../../core/log-line.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { Refusal } from "../../core/refusal.ts";
import { type AuthenticatedEnv, authenticate } from "../../origin/authenticate.ts";
import { serve } from "../../origin/node/server.ts";
import type { AuthenticateOptions } from "../../origin/options.ts";
import { pinnedKeys } from "../../origin/verification-keys.ts";
import { type ForwardedEvent, forwardedRequest, withHeader } from "../support/forgery.ts";
import { exchange } from "../support/http.ts";
import { LogLines } from "../support/log-lines.ts";
import { openTestInbox } from "../support/origin.ts";
import { ACME, AUDIENCE, createSenders, ISSUER, MARKER, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let event: ForwardedEvent;
let options: AuthenticateOptions;
const lines = new LogLines();

beforeAll(async () => {
  senders = await createSenders();
  const key = await newSigningKey();
  const policy = compilePolicy(senders.policy);
  event = { key, identity: senders.acme, policyDigest: policy.digest };
  const findKey = await pinnedKeys({ keys: [publicJwk(key)] });
  const { accept } = openTestInbox(stack).inbox;
  options = { policy, findKey, issuer: ISSUER, audience: AUDIENCE, accept, log: lines.push };
});
afterAll(() => stack.disposeAsync());

const SUBJECT = `CN=${ACME},O=${MARKER} Inc`;

describe("authenticate in a user's app on Node", () => {
  let url: string;
  let handled = 0;

  beforeAll(async () => {
    const app = new Hono<AuthenticatedEnv>();
    app.get("/open", (c) => c.text("open"));
    app.post("/hooks/both", authenticate(options), () => {
      throw new Error("the user's own fault");
    });
    for (const path of ["/hooks/acme", "/hooks/acme/*"]) {
      app.post(path, authenticate(options), (c) => {
        handled += 1;
        const { id, sender, certificate, body, request, headers } = c.var.delivery;
        return c.json({ id, sender, certificate, body: new TextDecoder().decode(body), request, headers }, 201);
      });
    }
    app.onError((error, c) =>
      error instanceof HTTPException ? error.getResponse() : c.text(`caught: ${error.message}`, 500),
    );
    const server = await serve(app.fetch, { hostname: "127.0.0.1", port: 0, log: lines.push });
    stack.defer(() => server.close());
    ({ url } = server);
  });

  test("hands body, sender, certificate, request and headers to the handler", async () => {
    const signedHeaders = [["x-quill-signature", "v1=abc"] as const];
    const request = forwardedRequest({ ...event, target: "/hooks/acme/1?a=b", body: '{"n":1}', signedHeaders });
    const answer = await exchange({ url, ...request, headers: [...request.headers, ["X-Other", "1"]] });
    expect(answer.status).toBe(201);
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sender: ACME,
      certificate: { subject: SUBJECT, anchor: `${MARKER}-root` },
      body: '{"n":1}',
      request: { method: "POST", target: "/hooks/acme/1?a=b", contentType: "application/json" },
      headers: [
        ["content-type", "application/json"],
        ["x-quill-signature", "v1=abc"],
      ],
    });
  });

  test("leaves other routes alone", async () => {
    expect((await exchange({ url: `${url}/open`, method: "GET" })).body.toString()).toBe("open");
  });

  test.each(["countersign-assertion", "client-cert", "content-digest", "content-type"])(
    "never runs the handler without %s",
    async (name) => {
      const before = handled;
      const request = forwardedRequest(event);
      const answer = await exchange({ url, ...request, headers: withHeader(request.headers, name) });
      expect(answer.status).toBe(401);
      expect(answer.headers["content-type"]).toBe("application/problem+json");
      expect(answer.headers["www-authenticate"]).toBe("Countersign");
      expect(handled).toBe(before);
    },
  );

  test("never runs the handler for a replay", async () => {
    const before = handled;
    const request = forwardedRequest(event);
    expect((await exchange({ url, ...request })).status).toBe(201);
    expect((await exchange({ url, ...request })).status).toBe(409);
    expect(handled).toBe(before + 1);
  });

  test("leaves an error of the handler to the app", async () => {
    const answer = await exchange({ url, ...forwardedRequest({ ...event, target: "/hooks/both" }) });
    expect(answer.status).toBe(500);
    expect(answer.body.toString()).toBe("caught: the user's own fault");
    expect(lines.all.at(-1)).toMatchObject({ decision: "accepted", sender: ACME });
  });

  test("waits for a slow accept, and refuses if it refuses", async () => {
    const app = new Hono<AuthenticatedEnv>();
    const accept = async () => {
      await Promise.resolve();
      throw new Refusal("store_unavailable");
    };
    app.post("*", authenticate({ ...options, servesEveryRoute: true, accept }), () => expect.unreachable());
    const { target, method, headers, body } = forwardedRequest(event);
    const init = { method: method ?? "", headers: headers as [string, string][], body: body as string };
    const response = await app.request(`${url}${target}`, init);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("30");
  });
});

describe("a guard protects a route of the policy", () => {
  interface App {
    request(url: string, init: RequestInit): Response | Promise<Response>;
  }

  /** Sends a valid request. Returns its response, the code of its log line, and the number of accepted events. */
  async function ask(build: (guard: typeof authenticate) => App, target: string) {
    const routes = Object.fromEntries(
      ["/hooks/acme", "/hooks/acme/*", "/hooks/%C3%A4", "/api/hooks", "/*"].map((path) => [
        path,
        { senders: [ACME], methods: ["POST"] },
      ]),
    );
    const policy = compilePolicy({ ...senders.policy, routes });
    const seen = { accepted: 0, code: undefined as unknown, line: {} as LogLine };
    const app = build((changed) =>
      authenticate({
        ...options,
        ...changed,
        policy,
        accept() {
          seen.accepted += 1;
        },
        log: (line) => {
          seen.line = line;
        },
      }),
    );
    const { method, headers, body } = forwardedRequest({ ...event, policyDigest: policy.digest, target });
    const init = { method: method ?? "", headers: headers as [string, string][], body: body as string };
    const response = await app.request(`https://origin.example.com${target}`, init);
    return { status: response.status, text: await response.text(), ...seen, code: seen.line["code"] };
  }

  const DEFAULT = {} as AuthenticateOptions;
  const EVERY = { servesEveryRoute: true } as AuthenticateOptions;
  const at =
    (...paths: string[]) =>
    (guard: typeof authenticate) => {
      const app = new Hono();
      for (const path of paths) app.post(path, guard(DEFAULT), (c) => c.text(`handler of ${path}`));
      return app;
    };

  test.each([
    ["the path of the route", "/hooks/acme", at("/hooks/acme"), "/hooks/acme"],
    ["a prefix of the policy", "/hooks/acme/1", at("/hooks/acme/*"), "/hooks/acme/*"],
    ["the path of another route for others", "/hooks/acme", at("/hooks/acme", "/hooks/acme/*"), "/hooks/acme"],
    ["everything, where the policy says so", "/other", at("*"), "*"],
    ["a path that routers decode", "/hooks/%C3%A4", at("/hooks/ä"), "/hooks/ä"],
  ])("%s", async (_, target, build, path) => {
    expect(await ask(build, target)).toMatchObject({ status: 200, text: `handler of ${path}`, accepted: 1 });
  });

  test("in an app that is mounted below a path", async () => {
    const build = (guard: typeof authenticate) =>
      new Hono().route(
        "/api",
        new Hono().post("/hooks", guard(DEFAULT), (c) => c.text("in")),
      );
    expect(await ask(build, "/api/hooks")).toMatchObject({ status: 200, text: "in" });
  });

  test("or is declared for every route", async () => {
    const build = (guard: typeof authenticate) => new Hono().all("*", guard(EVERY), (c) => c.text("any"));
    for (const target of ["/hooks/acme", "/hooks/acme/1", "/other"])
      expect(await ask(build, target)).toMatchObject({ status: 200, text: "any", accepted: 1 });
  });

  const loose = (guard: typeof authenticate) =>
    new Hono({ strict: false }).post("/hooks/acme", guard(DEFAULT), (c) => c.text("reached"));
  const used = (guard: typeof authenticate) =>
    new Hono().use(guard(DEFAULT)).post("/hooks/acme", (c) => c.text("reached"));

  test.each([
    ["on everything, before a path", "/hooks/acme", used, "/*", "/hooks/acme"],
    [
      "on a prefix, for a path below it that is another route",
      "/hooks/acme",
      at("/hooks/*"),
      "/hooks/*",
      "/hooks/acme",
    ],
    ["on a prefix without its slash", "/hooks/acme", at("/hooks/acme/*"), "/hooks/acme/*", "/hooks/acme"],
    ["on a prefix that is registered before a path", "/hooks/acme", at("/*", "/hooks/acme"), "/*", "/hooks/acme"],
    ["on a pattern", "/hooks/acme", at("/hooks/:name"), "/hooks/:name", "/hooks/acme"],
    ["on a path, of a router that reads no slash at the end", "/hooks/acme/", loose, "/hooks/acme", "/hooks/acme/*"],
    ["on a path that is no route", "/hooks/other", at("/hooks/other"), "/hooks/other", "/*"],
  ])("and refuses a request for another route: %s", async (_, target, build, guard, policy) => {
    const asked = await ask(build, target);
    expect(asked).toMatchObject({ status: 404, accepted: 0, code: "route_mismatch", line: { guard, policy } });
    expect(asked.text).not.toMatch(/reached|handler/);
  });
});

describe("authenticate in a user's app on workerd", () => {
  let send: (request: { target: string; init: RequestInit }) => Promise<Response>;

  beforeAll(async () => {
    const { compatibility_date } = unstable_readConfig({
      config: fileURLToPath(new URL("../../wrangler.toml", import.meta.url)),
    });
    const JWKS = { keys: [{ ...publicJwk(event.key) }] };
    const harness = createTestHarness({
      workers: [
        {
          config: {
            name: "embedded-origin",
            main: fileURLToPath(new URL("../support/embedded-origin.ts", import.meta.url)),
            compatibility_date: compatibility_date ?? "",
            vars: { POLICY: JSON.parse(JSON.stringify(senders.policy)), JWKS, ISSUER, AUDIENCE },
          },
        },
      ],
    });
    await harness.listen();
    stack.defer(() => harness.close());
    send = ({ target, init }) =>
      harness.fetch(`https://origin.example.com${target}`, init as object) as unknown as Promise<Response>;
  });

  const forwarded = (forged: ForwardedEvent) => {
    const { target = "", headers, body } = forwardedRequest(forged);
    return { target, init: { method: "POST", headers: headers as [string, string][], body: body as string } };
  };

  test("hands the delivery to the handler once, and refuses its replay", async () => {
    const request = forwarded({ ...event, target: "/hooks/acme/2?x=%41", body: "übung", contentType: "text/plain" });
    const answer = await send(request);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      sender: ACME,
      subject: SUBJECT,
      body: "übung",
      target: "/hooks/acme/2?x=%41",
    });
    expect((await send(request)).status).toBe(409);
  });

  const attacks: [string, Partial<ForwardedEvent>, number][] = [
    ["another audience", { claims: { aud: "https://other.example.com" } }, 401],
    ["a type JWT", { header: { typ: "JWT" } }, 401],
    [
      "another body",
      { claims: { req: { method: "POST", target: "/hooks/acme", type: "application/json", digest: "x" } } },
      401,
    ],
    ["an assertion that expired", { now: 1_700_000_000 }, 401],
    ["another sender", { sender: "other" }, 403],
  ];

  test.each(attacks)("refuses %s and does not run the handler", async (_, forged, status) => {
    const counts = async () => (await send({ target: "/handled", init: {} })).json();
    const before = await counts();
    const answer = await send(forwarded({ ...event, ...forged }));
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(await counts()).toEqual(before);
  });
});
