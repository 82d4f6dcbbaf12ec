// Tests countersign() in a user's app, and createVerifier() without an app: their options and their results.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { type PublicJwk, publicJwk } from "../../../core/assertion/keys.ts";
import { ConfigurationError } from "../../../core/configuration-error.ts";
import type { LogLine } from "../../../core/log-line.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { ReplayedError } from "../../../origin/accept.ts";
import { type CountersignOptions, countersign } from "../../../origin/guard/guard.ts";
import { pinnedKeys } from "../../../origin/verification-keys.ts";
import { createVerifier, RefusedError } from "../../../origin/verifier.ts";
import { type ForwardedEvent, forwardedRequest } from "../../support/forgery.ts";
import { LogLines } from "../../support/log-lines.ts";
import { openTestInbox } from "../../support/origin.ts";
import { ACME, AUDIENCE, createSenders, ISSUER, type Senders } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let event: ForwardedEvent;
let jwk: PublicJwk;
/** Valid options, in the form in which a user would write them. */
let options: CountersignOptions & { readonly keys: object };
const lines = new LogLines();

beforeAll(async () => {
  senders = await createSenders();
  const key = await newSigningKey();
  jwk = publicJwk(key);
  event = { key, identity: senders.acme, policyDigest: compilePolicy(senders.policy).digest };
  options = {
    policy: senders.policy,
    keys: { keys: [jwk] },
    issuer: ISSUER,
    audience: AUDIENCE,
    accept: openTestInbox(stack).inbox.accept,
    onDecision: lines.push,
  };
});
afterAll(() => stack.disposeAsync());

const URL_OF = "https://origin.example.com";

/** Makes a valid request, as the edge sends it. */
function honest(changes: Partial<ForwardedEvent> = {}): Request {
  const { target, method = "", headers, body } = forwardedRequest({ ...event, ...changes });
  return new Request(URL_OF + target, { method, headers: headers as [string, string][], body: body as string });
}

function appWith(given: Parameters<typeof countersign>[0]): Hono {
  const app = new Hono();
  app.post("/hooks/acme", countersign(given), (c) => c.text(`handled ${c.var.delivery.sender}`, 201));
  return app;
}

describe("keys", () => {
  async function startJwks(): Promise<string> {
    const server = createServer((_, response) => response.end(JSON.stringify({ keys: [jwk] }))).listen(0, "127.0.0.1");
    stack.defer(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  }

  test.each([
    ["a JWK Set", () => ({ keys: [jwk] })],
    ["a URL as text", startJwks],
    ["a URL", async () => new URL(await startJwks())],
    ["a function", () => pinnedKeys({ keys: [jwk] })],
  ])("%s", async (_, keys) => {
    const response = await appWith({ ...options, keys: await keys() }).request(honest());
    expect(response.status).toBe(201);
  });

  test("that are not a point on the curve are noticed at the look-up, and requests are refused", async () => {
    const app = appWith({ ...options, keys: { keys: [{ ...jwk, x: jwk.y, y: jwk.x }] } });
    expect((await app.request(honest())).status).toBe(500);
    expect(lines.all.at(-1)).toMatchObject({
      code: "misconfigured",
      problems: [`kid ${jwk.kid}: x and y are not a point on P-256`],
    });
  });
});

describe("a policy", () => {
  test("may be compiled already", async () => {
    const app = appWith({ ...options, policy: compilePolicy(senders.policy) });
    expect(await (await app.request(honest())).text()).toBe(`handled ${ACME}`);
  });
});

describe("the body is given back", () => {
  type Reading = (c: Parameters<Parameters<typeof read>[0]>[0]) => Promise<unknown>;
  const form = "a=1&b=%C3%BC";
  const multipart = '--x\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\nhold\r\n--x--\r\n';

  async function read(reading: (c: { readonly req: import("hono").HonoRequest }) => Promise<unknown>, changes: object) {
    const app = new Hono();
    app.post("/hooks/acme", countersign(options), async (c) => c.json({ is: await reading(c) }));
    return (await (await app.request(honest(changes))).json()) as { is: unknown };
  }

  test.each<[string, Reading, Partial<ForwardedEvent>, unknown]>([
    ["json()", (c) => c.req.json(), { body: '{"n":1}' }, { n: 1 }],
    ["text()", (c) => c.req.text(), { body: "übung" }, "übung"],
    ["arrayBuffer()", async (c) => (await c.req.arrayBuffer()).byteLength, { body: "übung" }, 6],
    ["blob()", async (c) => (await c.req.blob()).size, { body: "übung" }, 6],
    [
      "parseBody() of a form",
      (c) => c.req.parseBody(),
      { body: form, contentType: "application/x-www-form-urlencoded" },
      { a: "1", b: "ü" },
    ],
    [
      "parseBody() of parts",
      async (c) => ((await c.req.parseBody())["file"] as File).text(),
      { body: multipart, contentType: "multipart/form-data; boundary=x" },
      "hold",
    ],
    [
      "formData()",
      async (c) => Object.fromEntries(await c.req.formData()),
      { body: form, contentType: "application/x-www-form-urlencoded" },
      { a: "1", b: "ü" },
    ],
    [
      "one after the other",
      async (c) => [await c.req.text(), await c.req.json(), await c.req.text()],
      { body: "[1]" },
      ["[1]", [1], "[1]"],
    ],
  ])("%s", async (_, reading, changes, is) => {
    expect(await read(reading, changes)).toEqual({ is });
  });
});

describe("a refused request", () => {
  const forged = () => honest({ claims: { aud: "https://other.example.com" } });

  test("is an HTTPException, whose answer is the problem and whose text tells nothing more", async () => {
    const app = appWith(options);
    let caught: unknown;
    app.onError((error) => {
      caught = error;
      if (error instanceof HTTPException) return error.getResponse();
      throw error;
    });
    const response = await app.request(forged());
    expect(response.status).toBe(401);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    const { cause, message, status } = caught as HTTPException;
    expect({ message, status }).toEqual({ message: "The request does not come from our edge", status: 401 });
    expect(cause).toBeInstanceOf(RefusedError);
    const { id, refusal } = cause as RefusedError;
    expect(refusal.code).toBe("assertion_wrong_audience");
    expect(((await response.json()) as { decision: string }).decision).toBe(id);
    expect(lines.all.at(-1)).toMatchObject({ decision: "refused", id, code: "assertion_wrong_audience" });
  });

  test("is answered by the problem if the app has no onError", async () => {
    const response = await appWith(options).request(forged());
    expect(response.headers.get("www-authenticate")).toBe("Countersign");
    expect(await response.json()).toMatchObject({ type: "urn:countersign:problem:assertion-refused", status: 401 });
  });

  test("may be answered by onRefusal, or left to the guard", async () => {
    const app = appWith({
      ...options,
      onRefusal: ({ refusal, id }, c) =>
        refusal.code === "assertion_wrong_audience" ? c.json({ house: "style", id }, 418 as 400) : undefined,
    });
    const response = await app.request(forged());
    expect([response.status, await response.json()]).toEqual([418, { house: "style", id: lines.all.at(-1)?.["id"] }]);
    expect((await app.request(honest({ header: { typ: "JWT" } }))).status).toBe(401);
    expect((await app.request(honest())).status).toBe(201);
  });
});

describe("accept", () => {
  const accepting = (accept: CountersignOptions["accept"]) => appWith({ ...options, accept }).request(honest());

  test("that throws ReplayedError refuses with 409", async () => {
    const response = await accepting((_, assertion) => {
      throw new ReplayedError(assertion);
    });
    expect(response.status).toBe(409);
    expect(lines.all.at(-1)).toMatchObject({ code: "replayed", jti: expect.stringMatching(/^[\w-]{22}$/) });
  });

  test("that fails: the sender is told to retry, and not why", async () => {
    const response = await accepting(async () => {
      await Promise.reject(new Error("no connection to db.internal"));
    });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "30"]);
    expect(await response.text()).not.toContain("db.internal");
    expect(lines.all.at(-1)).toMatchObject({
      code: "store_unavailable",
      cause: expect.stringContaining("db.internal"),
    });
  });

  test("that recognises the event answers with its id, and the handler does not run", async () => {
    const response = await accepting(() => ({ outcome: "duplicate", of: "first" }));
    expect([response.status, await response.json()]).toEqual([200, { event: "first", duplicate: true }]);
  });
});

describe("options that are a function of the context", () => {
  interface Bindings {
    readonly AUDIENCE?: string;
  }
  const policy = () => compilePolicy(senders.policy);

  test("are made for each request, with the bindings of that request", async () => {
    const compiled = policy();
    const app = new Hono<{ Bindings: Bindings }>();
    const guard = countersign<{ Bindings: Bindings }>((c) => ({
      ...options,
      policy: compiled,
      audience: c.env.AUDIENCE ?? "",
    }));
    app.post("/hooks/acme", guard, (c) => c.text(`${c.var.delivery.sender} at ${c.env.AUDIENCE}`));
    const send = (env: Bindings) => app.request(honest(), {}, env);
    expect(await (await send({ AUDIENCE })).text()).toBe(`${ACME} at ${AUDIENCE}`);
    expect((await send({ AUDIENCE: "https://other.example.com" })).status).toBe(401);
    expect((await send({})).status).toBe(500);
    expect(lines.all.at(-1)).toMatchObject({
      decision: "failed",
      code: "misconfigured",
      problems: ["/audience: must not be empty"],
    });
    expect((await send({ AUDIENCE })).status).toBe(200);
  });

  test("that throws refuses", async () => {
    const printed = vi.spyOn(console, "log").mockImplementation(() => undefined);
    try {
      const app = appWith(() => {
        throw new TypeError("env is undefined");
      });
      expect((await app.request(honest())).status).toBe(500);
      expect(JSON.parse(String(printed.mock.lastCall?.[0]))).toMatchObject({ code: "internal_error" });
    } finally {
      printed.mockRestore();
    }
  });
});

test("without onDecision each decision is one line of JSON", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => undefined);
  try {
    const { onDecision, ...rest } = options;
    const app = appWith(rest);
    await app.request(honest());
    await app.request(honest({ sender: "other\u202e" }));
    const texts = printed.mock.calls.map(([text]) => String(text));
    expect(texts.map((text) => (JSON.parse(text) as LogLine).decision)).toEqual(["accepted", "refused"]);
    expect(texts.join("")).not.toMatch(/[\n\u202e]/);
  } finally {
    printed.mockRestore();
  }
});

describe("invalid options are reported in one error, at once", () => {
  const problemsOf = (make: () => unknown): readonly string[] => {
    try {
      make();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigurationError);
      return (error as ConfigurationError).problems;
    }
    return [];
  };
  const given = (changes: object) => ({ ...options, ...changes }) as CountersignOptions;

  test("none at all", () => {
    expect(problemsOf(() => countersign({} as CountersignOptions))).toEqual([
      "/policy: is missing",
      "/accept: is missing",
      "/keys: is missing",
      "/issuer: is missing",
      "/audience: is missing",
    ]);
    expect(problemsOf(() => countersign(undefined as unknown as CountersignOptions))).toEqual(["/: must be an object"]);
  });

  test("each wrong, and one that is unknown", () => {
    const wrong = {
      policy: { anchors: {}, senders: { acme: { certificates: 1 } }, routes: {} },
      keys: "http://hooks.example.com/jwks",
      issuer: `${ISSUER}/`,
      audience: "",
      accept: "inbox",
      onDecision: true,
      lgo: () => undefined,
    };
    expect(problemsOf(() => countersign(given(wrong)))).toEqual([
      "/accept: must be a function",
      "/onDecision: must be a function",
      "/issuer: must be the edge's ISSUER: https://HOST without a path and without a slash at its end",
      "/audience: must not be empty",
      "/lgo: is no member that is known here",
      "/policy/senders/acme/certificates: must be Array",
      "/policy/senders/acme/trust: is missing",
      "/policy/routes: must not be empty",
      "/keys: http://hooks.example.com/jwks keys fetched over plain HTTP prove nothing: use https",
    ]);
  });

  test.each<[string, () => object, string]>([
    [
      "private keys",
      () => ({ keys: { keys: [event.key] } }),
      "/keys: holds private keys, which belong to the edge alone",
    ],
    ["no keys", () => ({ keys: { keys: [] } }), "/keys/keys: must hold at least one key"],
    [
      "a key of a URL with a password",
      () => ({ keys: "https://u:p@hooks.example.com/" }),
      "/keys: https://hooks.example.com/ keys are public",
    ],
    ["a file", () => ({ keys: "jwks.json" }), "/keys: jwks.json is not an https URL"],
    ["both ways", () => ({ readCertificate: () => undefined }), "/keys: is for an origin behind the edge"],
    ["lists that are not there", () => ({ policy: withLists() }), "/lists: is missing"],
  ])("%s", (_, changes, problem) => {
    const [found, ...others] = problemsOf(() => countersign(given(changes())));
    expect(found?.startsWith(problem), found).toBe(true);
    expect(others).toEqual([]);
  });

  function withLists() {
    const anchors = Object.entries(senders.policy.anchors).map(([name, certificate]) => [
      name,
      { certificate, crls: { sources: ["http://ca.example/ca.crl"], freshness: "prefer" } },
    ]);
    return { ...senders.policy, anchors: Object.fromEntries(anchors) };
  }

  test("without the edge: missing secrets of the policy", () => {
    const { keys, issuer, audience, ...rest } = options as unknown as Record<string, unknown>;
    const acme = senders.policy.senders[ACME];
    const signed = { ...acme, signature: { scheme: "github", secrets: ["ACME_KEY"] } };
    const policy = { ...senders.policy, senders: { ...senders.policy.senders, [ACME]: signed } };
    const direct = { ...rest, policy, readCertificate: () => undefined };
    const ask = (secrets?: object) =>
      problemsOf(() => countersign({ ...direct, ...(secrets && { secrets }) } as never));
    expect(ask()).toEqual(["/secrets: is missing: the policy names secrets"]);
    expect(ask({})).toEqual([`/secrets/senders/${ACME}/signature: the secret ACME_KEY is not set`]);
    expect(ask({ ACME_KEY: "0123456789abcdef" })).toEqual([]);
    expect(ask((name: string) => (name === "ACME_KEY" ? "0123456789abcdef" : undefined))).toEqual([]);
  });

  test("of a verifier: the route, which it needs", () => {
    const ask = (changes: object) => problemsOf(() => createVerifier({ ...options, ...changes } as never));
    const missing =
      "/route: is missing: the policy's route that your code serves, or servesEveryRoute: true for all of them";
    expect(ask({})).toEqual([missing]);
    expect(ask({ issuer: 1 })).toEqual(["/issuer: must be the edge's ISSUER", missing]);
    expect(ask({ route: "/hooks/acne" })).toEqual([
      `/route: is not a route of the policy, which has ${Object.keys(senders.policy.routes).join(", ")}`,
    ]);
    expect(ask({ route: "/hooks/acme", servesEveryRoute: true })).toEqual([
      "/route: cannot be combined with servesEveryRoute",
    ]);
    expect(ask({ route: "/hooks/acme" })).toEqual([]);
    expect(ask({ servesEveryRoute: true })).toEqual([]);
  });
});

describe("createVerifier", () => {
  /** Sends the same request to a guard and to a verifier in the same second. Returns the results and log lines of both. */
  async function both(make: () => Request) {
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const accept = () => undefined;
    const app = appWith({ ...options, accept });
    const response = await app.request(make());
    const line = lines.all.at(-1);
    const verifier = createVerifier({ ...options, accept, route: "/hooks/acme" });
    const verdict = await verifier.verify(make()).catch((error: unknown) => error);
    return { response, line, verdict, other: lines.all.at(-1) };
  }

  test("returns the delivery", async () => {
    const { response, verdict } = await both(() => honest({ body: '{"n":1}' }));
    expect(response.status).toBe(201);
    expect(verdict).toMatchObject({ delivery: { sender: ACME }, duplicateOf: undefined });
    const { delivery } = verdict as Awaited<ReturnType<ReturnType<typeof createVerifier>["verify"]>>;
    expect(new TextDecoder().decode(delivery.body)).toBe('{"n":1}');
  });

  test("reports an event that is already stored", async () => {
    const accept = () => ({ outcome: "duplicate", of: "first" }) as const;
    const verifier = createVerifier({ ...options, accept, servesEveryRoute: true });
    expect(await verifier.verify(honest())).toMatchObject({ duplicateOf: "first", delivery: { sender: ACME } });
  });

  test.each<[string, () => Request]>([
    ["another audience", () => honest({ claims: { aud: "https://other.example.com" } })],
    ["an assertion that expired", () => honest({ now: 1_700_000_000 })],
    ["another sender", () => honest({ sender: "other" })],
    ["no assertion", () => new Request(`${URL_OF}/hooks/acme`, { method: "POST", body: "{}" })],
  ])("refuses as the guard does: %s", async (_, make) => {
    const { response, line, verdict, other } = await both(make);
    expect(verdict).toBeInstanceOf(RefusedError);
    const answer = (verdict as RefusedError).getResponse();
    // Each request has its own decision id, so the ids are not compared.
    const plain = async (one: Response) => ({ ...((await one.json()) as object), decision: undefined });
    expect([answer.status, await plain(answer)]).toEqual([response.status, await plain(response)]);
    expect(Object.fromEntries(answer.headers)).toEqual(Object.fromEntries(response.headers));
    expect({ ...other, id: "", edgeDecision: "", milliseconds: 0 }).toEqual({
      ...line,
      milliseconds: 0,
      id: "",
      edgeDecision: "",
    });
    expect((verdict as Error).message).toBe(
      ((await (verdict as RefusedError).getResponse().json()) as { title: string }).title,
    );
  });

  test("refuses a request for another route", async () => {
    const verifier = createVerifier({ ...options, route: "/hooks/acme/*" });
    await expect(verifier.verify(honest())).rejects.toMatchObject({ refusal: { code: "route_mismatch" }, status: 404 });
    expect((await verifier.verify(honest({ target: "/hooks/acme/1" }))).delivery.request.target).toBe("/hooks/acme/1");
  });

  test("reports that the body was already read, as the guard does", async () => {
    const problems = [expect.stringContaining("the body was read before the guard had it")];
    const request = honest();
    await request.text();
    const verifier = createVerifier({ ...options, servesEveryRoute: true });
    await expect(verifier.verify(request)).rejects.toMatchObject({ status: 500 });
    expect(lines.all.at(-1)).toMatchObject({ code: "misconfigured", problems });
    const app = new Hono();
    app.use(async (c, next) => {
      await c.req.text();
      await next();
    });
    app.post("/hooks/acme", countersign(options), (c) => c.text("handled"));
    expect((await app.request(honest())).status).toBe(500);
    expect(lines.all.at(-1)).toMatchObject({ code: "misconfigured", problems });
  });

  test("refuses a replay", async () => {
    const { target, headers, body } = forwardedRequest(event);
    const init = { method: "POST", headers: headers as [string, string][], body: body as string };
    const verifier = createVerifier({ ...options, servesEveryRoute: true });
    await verifier.verify(new Request(URL_OF + target, init));
    await expect(verifier.verify(new Request(URL_OF + target, init))).rejects.toMatchObject({ status: 409 });
  });
});
