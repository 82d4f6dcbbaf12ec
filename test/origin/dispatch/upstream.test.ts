// Tests events that are sent to a program over HTTP: a program with our middleware, a program in another language, and upstreams
// that misbehave.

import { spawn } from "node:child_process";
import { hash } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Hono } from "hono";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { importSigningKeys, type PrivateJwk, publicJwk } from "../../../core/assertion/keys.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { Refusal } from "../../../core/refusal.ts";
import type { AssertionId } from "../../../origin/accept.ts";
import { type AuthenticatedEnv, authenticate } from "../../../origin/authenticate.ts";
import type { DispatchLimits } from "../../../origin/dispatch/limits.ts";
import { forwardTo } from "../../../origin/dispatch/upstream.ts";
import { serve } from "../../../origin/node/server.ts";
import { fetchedKeys } from "../../../origin/verification-keys.ts";
import { dispatch, stateOf, store } from "../../support/dispatch.ts";
import { type ForwardedEvent, forwardedRequest } from "../../support/forgery.ts";
import { exchange, listen, refusingUrl } from "../../support/http.ts";
import { LogLines } from "../../support/log-lines.ts";
import { openTestInbox } from "../../support/origin.ts";
import { type Running, startCountersign } from "../../support/running.ts";
import { ACME, AUDIENCE, createSenders, ISSUER, type Senders } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const ORIGIN_ISSUER = "https://inner.example.com";

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

describe("an origin with --upstream", () => {
  let senders: Senders;
  let edgeKey: PrivateJwk;
  let ownKeysFile: string;

  /** Starts an origin as a process. The test plays the edge in front of this origin. */
  async function startOrigin(upstream: string, ...more: string[]): Promise<Running> {
    const directory = temporaryDirectory(stack);
    const file = (name: string, document: unknown) => {
      writeFileSync(join(directory, name), JSON.stringify(document));
      return join(directory, name);
    };
    senders = await createSenders();
    edgeKey = await newSigningKey();
    ownKeysFile = file("own.json", { keys: [await newSigningKey()] });
    const running = await startCountersign([
      ...["origin", "--port", "0", "--issuer", ISSUER, "--audience", AUDIENCE],
      ...["--jwks", file("edge.json", { keys: [publicJwk(edgeKey)] }), "--policy", file("policy.json", senders.policy)],
      ...["--inbox", join(directory, "inbox.sqlite"), "--upstream", upstream, "--signing-keys", ownKeysFile],
      ...["--origin-issuer", ORIGIN_ISSUER, ...more],
    ]);
    stack.defer(async () => void (await running.stop()));
    return running;
  }

  async function send(running: Running, event: Partial<ForwardedEvent> = {}) {
    const identity = senders.acme;
    const policyDigest = compilePolicy(senders.policy).digest;
    const request = forwardedRequest({ key: edgeKey, identity, policyDigest, ...event });
    const answer = await exchange({ url: `${running.ready["origin"]}`, ...request });
    expect(answer.status).toBe(202);
    return (JSON.parse(answer.body.toString()) as { event: string }).event;
  }

  test("is accepted by our own middleware in front of the user's app, which gets the event's id and attempt", async () => {
    const lines = new LogLines();
    // This app has no inbox, because an inbox would recognise the second attempt and answer without the handler. The app only
    // checks that each attempt has a new assertion.
    const used = new Set<string>();
    const accept = (_: unknown, { issuer, jti }: AssertionId) => {
      if (used.has(`${issuer} ${jti}`)) throw new Refusal("replayed");
      used.add(`${issuer} ${jti}`);
    };
    const seen: unknown[] = [];
    let jwks = "";
    const app = new Hono<AuthenticatedEnv>();
    let findKey: ReturnType<typeof fetchedKeys> | undefined;
    app.use("*", (c, next) => {
      findKey ??= fetchedKeys(jwks, { onError: (reason) => expect.fail(reason) });
      const find = findKey;
      const guard = authenticate({
        servesEveryRoute: true,
        policy: compilePolicy(senders.policy),
        findKey: find,
        issuer: ORIGIN_ISSUER,
        audience: "user-app",
        accept,
        log: lines.push,
      });
      return guard(c as Parameters<typeof guard>[0], next);
    });
    app.post("/hooks/*", (c) => {
      const { id, sender, certificate, body, request, headers } = c.var.delivery;
      const attempt = c.req.header("countersign-attempt");
      const text = Buffer.from(body).toString();
      seen.push({ id, sender, sha256: certificate?.sha256, body: text, request, headers, attempt });
      // The first attempt fails, so that there is a second attempt with a new assertion.
      return c.body(null, seen.length === 1 ? 503 : 204);
    });
    const server = await serve(app.fetch, { hostname: "127.0.0.1", port: 0, log: lines.push });
    stack.defer(() => server.close());
    // With `--upstream-unencrypted`, the origin uses our own fetch function. In the other tests, it uses the fetch function of the
    // runtime.
    const running = await startOrigin(server.url, "--upstream-audience", "user-app", "--upstream-unencrypted");
    jwks = `${running.ready["origin"]}/.well-known/jwks.json`;
    const body = '{"größe":"\u0000"}';
    const signedHeaders = [["x-quill-signature", "v1=abc"] as const];
    const id = await send(running, { target: "/hooks/acme/a?b=%C3%BC&c", body, signedHeaders });
    expect(await running.line({ decision: "retrying", id })).toMatchObject({ attempt: 1, reason: "answered 503" });
    expect(await running.line({ decision: "dispatched", id })).toMatchObject({ attempt: 2, sender: ACME });
    const request = { method: "POST", target: "/hooks/acme/a?b=%C3%BC&c", contentType: "application/json" };
    const sha256 = sha256Of(senders);
    // The origin's fetch() adds headers to its request, for example `accept` and `user-agent`. The app's `delivery.headers` must
    // not contain these added headers.
    const headers = [["content-type", "application/json"], ...signedHeaders];
    expect(seen).toEqual(["1", "2"].map((attempt) => ({ id, sender: ACME, sha256, body, request, headers, attempt })));
  });

  test("brings every byte to a program in another language", async () => {
    const script = join(temporaryDirectory(stack), "upstream.py");
    writeFileSync(script, PYTHON);
    const child = spawn("python3", ["-u", script], { stdio: ["ignore", "pipe", "inherit"] });
    stack.defer(() => void child.kill("SIGKILL"));
    const output = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = async () => JSON.parse(String((await output.next()).value));
    const { port } = await line();
    const running = await startOrigin(`http://127.0.0.1:${port}`);
    const body = JSON.stringify({ text: `${String.fromCharCode(...Array(256).keys())}\r\n` });
    const id = await send(running, { body, target: "/hooks/acme?q=1" });
    const got = await line();
    expect(Buffer.from(got.body, "base64").equals(Buffer.from(body))).toBe(true);
    expect(got).toMatchObject({ method: "POST", target: "/hooks/acme?q=1", digestMatches: true });
    expect(got.headers).toMatchObject({ "content-type": "application/json", "countersign-attempt": "1" });
    expect(got.headers["client-cert"]).toMatch(/^:.+:$/);
    const claims = JSON.parse(Buffer.from(got.headers["countersign-assertion"].split(".")[1], "base64url").toString());
    expect(claims).toMatchObject({ iss: ORIGIN_ISSUER, aud: `http://127.0.0.1:${port}`, txn: id, sender: ACME });
    expect(await running.line({ decision: "dispatched", id })).toBeDefined();
  });
});

function sha256Of({ acme }: Senders): string {
  return hash("sha256", Buffer.from(acme.certificate.rawData), "hex");
}

const PYTHON = `
import base64, hashlib, http.server, json, sys
class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        digest = "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"
        print(json.dumps({"method": self.command, "target": self.path, "body": base64.b64encode(body).decode(),
            "digestMatches": digest == self.headers["content-digest"],
            "headers": {name.lower(): value for name, value in self.headers.items()}}))
        self.send_response(200); self.send_header("content-length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
print(json.dumps({"port": server.server_port}))
server.serve_forever()
`;

describe("an upstream that misbehaves", () => {
  const LONG = { firstRetryMilliseconds: 60_000, maxRetryMilliseconds: 60_000 };

  async function attemptAt(origin: string, limits: Partial<DispatchLimits> = {}) {
    const { inbox, inboxFile } = openTestInbox(stack);
    await store(inbox, "one");
    const keys = await importSigningKeys({ keys: [await newSigningKey()] });
    const handler = forwardTo({ origin, issuer: ORIGIN_ISSUER, audience: origin, keys: () => keys });
    const { lines } = dispatch(stack, inboxFile, handler, { ...LONG, ...limits });
    const { decision, reason, dueAt, milliseconds } = await lines.of("one");
    return { decision, reason, milliseconds, due: Date.parse(String(dueAt)), state: await stateOf(inbox, "one") };
  }

  async function tcp(talk: (socket: Socket) => void): Promise<string> {
    const server = createTcpServer((socket) => {
      socket.on("error", () => {});
      talk(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    stack.defer(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test("by refusing connections, resetting them, or sending garbage is asked again later", async () => {
    expect(await attemptAt(await refusingUrl())).toMatchObject({
      decision: "retrying",
      reason: expect.stringMatching(
        /^Error: the upstream gave no answer: ECONNREFUSED: connect 127\.0\.0\.1:\d+ \(nothing listens .*\)$/,
      ),
      state: "waiting",
    });
    const resetting = await tcp((socket) => socket.once("data", () => socket.resetAndDestroy()));
    expect((await attemptAt(resetting)).reason).toMatch(
      /^Error: the upstream gave no answer: (ECONNRESET|UND_ERR_SOCKET): /,
    );
    const garbage = await tcp((socket) => socket.end("\u0000\u001b[2J 200 maybe\r\n\r\n"));
    const { decision, reason } = await attemptAt(garbage);
    expect([decision, reason]).toEqual(["retrying", expect.stringMatching(/^Error: the upstream gave no answer: /)]);
  });

  test("by being slow costs the deadline, and no more", async () => {
    const slow = await tcp((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-"));
    const attempt = await attemptAt(slow, { deadlineMilliseconds: 400 });
    expect(attempt).toMatchObject({ decision: "retrying", reason: "no answer within 0.4 s" });
    expect(attempt.milliseconds).toBeLessThan(20_000);
  });

  test("after a 2xx, by a body that is endless, slow or broken, has handled the event", async () => {
    const head = "HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n";
    const chunk = Buffer.alloc(64 * 1024);
    const endless = await tcp((socket) => {
      socket.write(head);
      const more = () => socket.write(chunk, (error) => error ?? setImmediate(more));
      more();
    });
    const trickling = await tcp((socket) => socket.write(head));
    const broken = await tcp((socket) => socket.end(`${head}abc`));
    for (const origin of [endless, trickling, broken]) {
      expect(await attemptAt(origin)).toMatchObject({ decision: "dispatched", state: "done" });
    }
  });

  test("by redirecting is not followed", async () => {
    let followed = 0;
    const elsewhere = await listen(stack, (_, response) => {
      followed += 1;
      response.end();
    });
    const redirecting = await listen(stack, (_, response) => response.writeHead(307, { location: elsewhere }).end());
    expect(await attemptAt(redirecting)).toMatchObject({
      decision: "retrying",
      reason: "answered 307: a redirect is never followed",
    });
    expect(followed).toBe(0);
  });

  test.each([
    ["seconds", () => "120", 120_000],
    ["a date", () => new Date(Date.now() + 7_200_000).toUTCString(), 7_200_000],
    ["a week, which is cut to a day", () => "604800", 86_400_000],
    ["the past", () => "Thu, 01 Jan 1970 00:00:00 GMT", 0],
  ])("Retry-After in %s is kept", async (_, valueOfNow, wait) => {
    const start = Date.now();
    const value = valueOfNow();
    const busy = await listen(stack, (__, response) => response.writeHead(429, { "retry-after": value }).end());
    const attempt = await attemptAt(busy);
    expect(attempt).toMatchObject({ decision: "retrying", reason: "answered 429" });
    // A random time is added to the time in `Retry-After`. This random time is at most as long as the first wait before a retry.
    expect(attempt.due).toBeGreaterThan(start + wait - 3_000);
    expect(attempt.due).toBeLessThanOrEqual(Date.now() + wait + 60_000);
  });

  test("with 410 ends the event", async () => {
    const gone = await listen(stack, (_, response) => response.writeHead(410).end());
    expect(await attemptAt(gone)).toMatchObject({ decision: "dead", reason: "answered 410 Gone", state: "dead" });
  });
});
