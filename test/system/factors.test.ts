// Sends signatures and Basic credentials from the sender to the inbox, through the deployed bundle.

import { createHmac } from "node:crypto";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import { headersClaim, signEs256 } from "../support/forgery.ts";
import { type HeaderList, listen, valuesOf } from "../support/http.ts";
import { readEvents, startTestOrigin, type TestOrigin } from "../support/origin.ts";
import { createSenders, type Senders } from "../support/senders.ts";
import { BASIC_HEADER, SECRETS, SIGNED_SENDERS, signedPolicy } from "../support/signed-senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { type DeployedEdge, startWorkerd } from "../support/workerd.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let key: PrivateJwk;
const origins = {} as Record<"holding" | "relying", TestOrigin>;
let edges: Record<"holding" | "relying" | "tampering" | "secretless", DeployedEdge>;
/** The headers of each request that the edge `tampering` forwarded, as the server between edge and origin received them. */
const wire: (readonly [name: string, value: string])[][] = [];

beforeAll(async () => {
  senders = await createSenders();
  const policy = signedPolicy(senders.policy);
  key = await newSigningKey();
  const keys = [publicJwk(key)];
  origins.holding = await startTestOrigin(stack, { policy, keys, secrets: SECRETS });
  origins.relying = await startTestOrigin(stack, { policy, keys });
  // This server is between edge and origin. It records the headers, and changes the sender's signature.
  const tampering = await listen(stack, async (incoming, outgoing) => {
    const headers: [string, string][] = [];
    for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
      headers.push([String(incoming.rawHeaders[index]), String(incoming.rawHeaders[index + 1])]);
    }
    wire.push(headers);
    const body = Buffer.concat(await incoming.toArray());
    const changed = headers
      .filter(([name]) => !/^(host|connection|content-length|transfer-encoding)$/i.test(name))
      .map(([name, value]): [string, string] => [name, /signature/i.test(name) ? value.replace(/[0-8]/g, "9") : value]);
    const sent = hasEdgeKey ? signedAnew(changed) : changed;
    const answer = await fetch(`${origins.holding.url}${incoming.url}`, { method: "POST", headers: sent, body });
    outgoing.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
    outgoing.end(Buffer.from(await answer.arrayBuffer()));
  });
  const SIGNING_KEYS = JSON.stringify({ keys: [key] });
  const { DOCUSIGN_BASIC_PASSWORD: _, ...incomplete } = SECRETS;
  edges = await startWorkerd(stack, policy, {
    holding: { ...SECRETS, SIGNING_KEYS, ORIGIN_URL: origins.holding.url },
    relying: { ...SECRETS, SIGNING_KEYS, ORIGIN_URL: origins.relying.url },
    tampering: { ...SECRETS, SIGNING_KEYS, ORIGIN_URL: tampering },
    secretless: { ...incomplete, HUB_SECRET: "", SIGNING_KEYS, ORIGIN_URL: origins.holding.url },
  });
});
afterAll(() => stack.disposeAsync());

const send = (edge: keyof typeof edges, target: string, body: string | Uint8Array, headers: HeaderList) =>
  edges[edge].send({
    target,
    body,
    headers: [["Content-Type", "application/json"], ...headers],
    tls: target === "/hooks/all" ? tlsClientAuth(senders.acme) : null,
  });

/** True if the server that changes headers also has the edge's key, so that it can sign the changed headers. */
let hasEdgeKey = false;

function signedAnew(headers: [string, string][]): [string, string][] {
  const token = valuesOf(headers, "countersign-assertion").join();
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  const fields = claims.hdr.names.map((field: string) => [field, valuesOf(headers, field).join(", ")]);
  const header = { alg: "ES256", kid: key.kid, typ: "countersign+jwt" };
  const other = signEs256(header, { ...claims, hdr: headersClaim(fields) }, key);
  return headers.map(([field, value]) => [field, value === token ? other : value]);
}

const factorsOf = (origin: TestOrigin, id: string) => {
  const event = readEvents(origin.inboxFile).find((stored) => stored["id"] === id);
  return JSON.parse(String(event?.["factors"]));
};

describe.each(Object.entries(SIGNED_SENDERS))("a sender of the scheme %s", (name, { method, sign }) => {
  const target = `/hooks/signed/${name}`;
  const body = JSON.stringify({ event: "completed", through: name, text: "grüße 🦀" });

  test("is admitted by its signature alone, at the edge and again at the origin", async () => {
    const answer = await send("holding", target, body, sign(Buffer.from(body)));
    expect(answer.status).toBe(202);
    const { event: id } = JSON.parse(answer.body.toString());
    expect(factorsOf(origins.holding, id)).toEqual([method]);
    const forwarded = await edges.holding.lines.of(id);
    expect(forwarded).toMatchObject({ decision: "forwarded", sender: name, factors: [method] });
    expect(forwarded).not.toHaveProperty("certificate");
    const accepted = origins.holding.lines.all.find(({ edgeDecision }) => edgeDecision === id);
    expect(accepted).toMatchObject({ decision: "accepted", sender: name, factors: [method] });
    expect(accepted).not.toHaveProperty("reliedOnEdge");
  });

  test("is accepted by an origin without the secret, which logs that it relied on the edge", async () => {
    const answer = await send("relying", target, body, sign(Buffer.from(body)));
    expect(answer.status).toBe(202);
    const { event: id } = JSON.parse(answer.body.toString());
    const accepted = origins.relying.lines.all.find(({ edgeDecision }) => edgeDecision === id);
    expect(accepted).toMatchObject({ decision: "accepted", factors: [method], reliedOnEdge: [method] });
  });

  test("is refused for another body, and without its signature", async () => {
    for (const headers of [sign(Buffer.from(`${body} `)), []]) {
      const answer = await send("holding", target, body, headers);
      expect(answer.status).toBe(401);
      expect(answer.headers["www-authenticate"]).toBe("Countersign");
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "signature-not-verified" });
    }
  });

  test.each([
    ["the signature changed behind the edge", false, /^headers_mismatch$/],
    ["who has the edge's key changed the signature", true, /^signature_(mismatch|malformed|stale)$/],
  ])("is refused by an origin that holds the secret, when %s", async (_, hasKey, code) => {
    hasEdgeKey = hasKey;
    const answer = await send("tampering", target, body, sign(Buffer.from(body)));
    expect(answer.status).toBe(502);
    const line = origins.holding.lines.all.findLast(({ decision }) => decision === "refused");
    expect(String(line?.["code"])).toMatch(code);
  });
});

describe("a sender with certificate, signature and Basic credentials", () => {
  const body = '{"event":"envelope-completed"}';
  const signature = () => SIGNED_SENDERS["docusign"]?.sign(Buffer.from(body)) ?? [];

  test("is admitted by all of them, and the origin relies on the edge only for Basic", async () => {
    const answer = await send("holding", "/hooks/all", body, [...signature(), BASIC_HEADER]);
    expect(answer.status).toBe(202);
    const { event: id } = JSON.parse(answer.body.toString());
    const accepted = origins.holding.lines.all.find(({ edgeDecision }) => edgeDecision === id);
    expect(accepted).toMatchObject({ factors: ["mtls", "basic", "hmac"], reliedOnEdge: ["basic"] });
  });

  test("is refused without Basic credentials before its body is read, and asked for them", async () => {
    const answer = await send("holding", "/hooks/all", body, signature());
    expect(answer.status).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe('Basic realm="webhooks", charset="UTF-8"');
    const unfinished = edges.holding.send({
      target: "/hooks/all",
      tls: tlsClientAuth(senders.acme),
      headers: signature(),
      body: (async function* () {
        yield Buffer.from("{");
        await new Promise(() => {});
      })(),
    });
    expect((await unfinished).status).toBe(401);
  });

  test("never has its credentials forwarded", async () => {
    wire.length = 0;
    await send("tampering", "/hooks/all", body, [...signature(), BASIC_HEADER]);
    const [headers = []] = wire;
    expect(headers.map(([name]) => name.toLowerCase())).toEqual(expect.arrayContaining(["countersign-assertion"]));
    expect(headers.map(([name]) => name.toLowerCase())).not.toContain("authorization");
    expect(JSON.stringify(headers)).not.toContain(BASIC_HEADER[1].slice(6));
  });

  test("has a failed signature explained to the operator, and not to the sender", async () => {
    const by = (secret: string): HeaderList => [
      ["X-DocuSign-Signature-1", createHmac("sha256", secret).update(body).digest("base64")],
      BASIC_HEADER,
    ];
    const hints: [secret: string, hint: RegExp, received?: Buffer, encoding?: HeaderList][] = [
      [SECRETS.DOCUSIGN_OLD_KEY, /retired/],
      [SECRETS.DOCUSIGN_HMAC_KEY.slice(0, -1), /=/],
      [SECRETS.DOCUSIGN_HMAC_KEY, /decoded from gzip/, gzipSync(body), [["Content-Encoding", "gzip"]]],
      [SECRETS.DOCUSIGN_HMAC_KEY, /decoded from br/, brotliCompressSync(body), [["Content-Encoding", "br"]]],
      [SECRETS.DOCUSIGN_HMAC_KEY, /without a line feed/, Buffer.from(`${body}\n`)],
    ];
    for (const [secret, hint, received = body, encoding = []] of hints) {
      const answer = await send("holding", "/hooks/all", received, [...by(secret), ...encoding]);
      expect(answer.status).toBe(401);
      const line = await edges.holding.lines.of(JSON.parse(answer.body.toString()).decision);
      expect(line["wouldMatch"]).toMatch(hint);
      const told = JSON.stringify(line) + answer.body.toString();
      for (const text of Object.values(SECRETS)) expect(told).not.toContain(text);
      expect(told).not.toContain(createHmac("sha256", SECRETS.DOCUSIGN_HMAC_KEY).update(body).digest("base64"));
    }
  });
});

describe("an edge without some secrets", () => {
  test.each([
    ["/hooks/signed/meta", /^\/senders\/meta\/signature: the secret HUB_SECRET is empty/],
    ["/hooks/signed/github", /^\/senders\/github\/signature: the secret HUB_SECRET is empty/],
    ["/hooks/all", /^\/senders\/all\/basic: the secret DOCUSIGN_BASIC_PASSWORD is not set/],
  ])("refuses on %s, and says which is missing", async (target, problem) => {
    const answer = await send("secretless", target, "{}", []);
    expect(answer.status).toBe(500);
    const line = await edges.secretless.lines.of(JSON.parse(answer.body.toString()).decision);
    expect(line).toMatchObject({ code: "misconfigured", route: target, problems: [expect.stringMatching(problem)] });
  });

  test("forwards on every other route", async () => {
    const body = '{"x":1}';
    const signature = SIGNED_SENDERS["slack"]?.sign(Buffer.from(body)) ?? [];
    expect((await send("secretless", "/hooks/signed/slack", body, signature)).status).toBe(202);
  });
});
