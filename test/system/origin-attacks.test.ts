// Sends requests directly to the origin, without the edge. The edge's real key signed the assertions. Exactly one part of each
// request is wrong.

import { createHmac, createPublicKey } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import {
  base64url,
  claimsOf,
  contentDigest,
  type ForwardedEvent,
  type ForwardedRequest,
  forwardedRequest,
  withHeader,
} from "../support/forgery.ts";
import { exchange, type RawAnswer } from "../support/http.ts";
import { readEvents, startTestOrigin, type TestOrigin } from "../support/origin.ts";
import { ACME, BETA, createSenders, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let key: PrivateJwk;
let origin: TestOrigin;
let event: ForwardedEvent;

beforeAll(async () => {
  senders = await createSenders();
  key = await newSigningKey();
  origin = await startTestOrigin(stack, { policy: senders.policy, keys: [publicJwk(key)] });
  event = { key, identity: senders.acme, policyDigest: compilePolicy(senders.policy).digest };
});
afterAll(() => stack.disposeAsync());

type Sent = Omit<ForwardedRequest, "token">;

/** Sends a request. Returns the response, the code that the origin logged, and the number of events that the origin stored. */
async function send(request: Sent): Promise<{ answer: RawAnswer; code: unknown; stored: number }> {
  const before = await origin.inbox.count();
  const lines = origin.lines.all.length;
  const answer = await exchange({ url: origin.url, ...request });
  expect(origin.lines.all).toHaveLength(lines + 1);
  return { answer, code: origin.lines.all.at(-1)?.["code"], stored: (await origin.inbox.count()) - before };
}

async function expectRefused(request: Sent, code: string): Promise<void> {
  expect(await send(request)).toMatchObject({ code, stored: 0 });
}

async function expectAccepted(request: Sent): Promise<void> {
  const { answer, stored } = await send(request);
  expect(answer.status, answer.body.toString()).toBe(202);
  expect(stored).toBe(1);
}

const change = (request: ForwardedRequest, name: string, value?: string): Sent => ({
  ...request,
  headers: withHeader(request.headers, name, value),
});
const assertionOf = (token: string): Sent => change(forwardedRequest(event), "countersign-assertion", token);

test("origin stores an honest request once, as it was signed", async () => {
  const target = "/hooks/acme/a%20b?x=1&y=%41";
  const request = forwardedRequest({ ...event, method: "PUT", target, body: "übung", contentType: "text/plain" });
  await expectAccepted(request);
  const stored = readEvents(origin.inboxFile).at(-1);
  expect(stored).toMatchObject({
    sender: ACME,
    method: "PUT",
    target,
    content_type: "text/plain",
    issuer: "https://hooks.example.com",
  });
  expect(Buffer.from(stored?.["body"] as Uint8Array).toString()).toBe("übung");
  expect(stored?.["content_digest"]).toBe(contentDigest("übung"));
  expect(origin.lines.all.at(-1)).toMatchObject({ decision: "accepted", sender: ACME, edgeDecision: stored?.["id"] });
});

describe("origin refuses an assertion for a request that differs in:", () => {
  const changes: [string, Partial<Sent>, string][] = [
    ["another method", { method: "PUT" }, "request_mismatch"],
    ["another path", { target: "/hooks/acme/other?b=2&a=1" }, "request_mismatch"],
    ["another route of the sender", { target: "/hooks/both" }, "request_mismatch"],
    ["a query less", { target: "/hooks/acme" }, "request_mismatch"],
    ["a query more", { target: "/hooks/acme?b=2&a=1&c=3" }, "request_mismatch"],
    ["a query in another order", { target: "/hooks/acme?a=1&b=2" }, "request_mismatch"],
    ["a query in another spelling", { target: "/hooks/acme?b=2&%61=1" }, "request_mismatch"],
    ["a question mark more", { target: "/hooks/acme?b=2&a=1?" }, "request_mismatch"],
    ["an empty body", { body: "" }, "body_mismatch"],
    ["a byte more", { body: "{} " }, "body_mismatch"],
  ];

  test.each(changes)("%s", async (_, other, code) => {
    const request = forwardedRequest({ ...event, target: "/hooks/acme?b=2&a=1" });
    await expectRefused({ ...request, ...other }, code);
  });

  test.each(["text/plain", "application/json ; charset=utf-8", "APPLICATION/JSON"])("content type %s", (type) =>
    expectRefused(change(forwardedRequest(event), "content-type", type), "request_mismatch"),
  );

  test.each([
    "/hooks/beta/../acme",
    "/hooks/./acme",
    "/hooks/%2e/acme",
    "/hooks/beta/%2E%2e/acme",
    "//hooks/acme",
    "/hooks\\acme",
    "/hooks/acme#fragment",
    "*",
  ])("target %s on the wire", async (target) => {
    const before = await origin.inbox.count();
    const answer = await exchange({ url: origin.url, ...forwardedRequest(event), target });
    expect(answer.status).toBe(400);
    expect(await origin.inbox.count()).toBe(before);
  });

  test("no content type", () => expectRefused(change(forwardedRequest(event), "content-type"), "request_mismatch"));

  test("a changed body with a digest of its own", () => {
    const request = { ...forwardedRequest(event), body: "[]" };
    return expectRefused(change(request, "content-digest", contentDigest("[]")), "body_mismatch");
  });

  test.each([undefined, "sha-256=:AAAA:", "sha-512=:AAAA:", contentDigest("")])("content digest %s", (digest) =>
    expectRefused(change(forwardedRequest(event), "content-digest", digest), "body_mismatch"),
  );
});

describe("origin refuses another token:", () => {
  const claims: [string, Record<string, unknown>, string][] = [
    ["for another audience (CVE-2025-62610)", { aud: "https://other.example.com" }, "assertion_wrong_audience"],
    ["for a list of audiences", { aud: ["https://origin.example.com"] }, "assertion_claims_invalid"],
    ["for the audience with a slash", { aud: "https://origin.example.com/" }, "assertion_wrong_audience"],
    ["without an audience (CVE-2025-62610)", { aud: undefined }, "assertion_claims_invalid"],
    ["of another issuer", { iss: "https://evil.example.com" }, "assertion_wrong_issuer"],
    ["without an end", { exp: undefined }, "assertion_claims_invalid"],
    ["that ends before it begins", { exp: 1 }, "assertion_claims_invalid"],
    ["that lives for an hour", { exp: Math.floor(Date.now() / 1000) + 3600 }, "assertion_claims_invalid"],
    ["with a time as text", { iat: String(Math.floor(Date.now() / 1000)) }, "assertion_claims_invalid"],
    ["without an id", { jti: undefined }, "assertion_claims_invalid"],
    ["with a short id", { jti: "1" }, "assertion_claims_invalid"],
    ["with a claim that nobody knows", { admin: true }, "assertion_claims_invalid"],
    ["without a certificate", { cnf: undefined }, "assertion_claims_invalid"],
    ["for another sender", { sender: BETA }, "sender_mismatch"],
    [
      "of a platform that revoked",
      { crt: { issuer: "", serial: "1", notBefore: 0, notAfter: 0, platform: { verified: "SUCCESS", revoked: true } } },
      "platform_revoked",
    ],
  ];

  test.each(claims)("%s", (_, other, code) => expectRefused(forwardedRequest({ ...event, claims: other }), code));

  test.each([
    [75, "assertion_expired"],
    [-15, "assertion_not_yet_valid"],
  ])("%i seconds old", (age, code) =>
    expectRefused(forwardedRequest({ ...event, now: Math.floor(Date.now() / 1000) - age }), code),
  );

  const headers: [string, Record<string, unknown>, string][] = [
    ["of the type JWT", { typ: "JWT" }, "assertion_malformed"],
    ["without a type", { typ: undefined }, "assertion_malformed"],
    ["of our type in capitals", { typ: "COUNTERSIGN+JWT" }, "assertion_malformed"],
    ["without a kid", { kid: undefined }, "assertion_malformed"],
    ["with a kid that is a path", { kid: "../../dev/null" }, "assertion_key_unknown"],
    ["with a kid that every object has", { kid: "__proto__" }, "assertion_key_unknown"],
    ["with a number as kid", { kid: 1 }, "assertion_malformed"],
    ["that says ES384", { alg: "ES384" }, "assertion_malformed"],
    ["that says none", { alg: "none" }, "assertion_malformed"],
    ["with a jku", { jku: "https://evil.example.com/jwks.json" }, "assertion_malformed"],
    ["with a critical extension", { crit: ["exp"], exp: 1 }, "assertion_malformed"],
    ["with an unencoded payload", { crit: ["b64"], b64: false }, "assertion_malformed"],
  ];

  test.each(headers)("%s", (_, header, code) => expectRefused(forwardedRequest({ ...event, header }), code));

  test("with the forger's own key in it", async () => {
    const forger = await newSigningKey();
    const header = { kid: key.kid, jwk: publicJwk(forger) };
    await expectRefused(forwardedRequest({ ...event, key: forger, header }), "assertion_malformed");
  });

  test("without a signature", () => {
    const input = `${base64url({ alg: "none", kid: key.kid, typ: "countersign+jwt" })}.${base64url(claimsOf(event))}`;
    return expectRefused(assertionOf(`${input}.`), "assertion_malformed");
  });

  test.each(["HS256", "ES256"])(
    "with a MAC under the public key, called %s (CVE-2026-22817, CVE-2026-22818)",
    async (alg) => {
      const { kty, crv, x, y } = key;
      const publicKey = createPublicKey({ key: { kty, crv, x, y }, format: "jwk" });
      const secrets = [publicKey.export({ type: "spki", format: "pem" }), JSON.stringify(publicJwk(key))];
      for (const secret of secrets) {
        const input = `${base64url({ alg, kid: key.kid, typ: "countersign+jwt" })}.${base64url(claimsOf(event))}`;
        const mac = createHmac("sha256", secret).update(input).digest("base64url");
        await expectRefused(
          assertionOf(`${input}.${mac}`),
          alg === "ES256" ? "assertion_signature_invalid" : "assertion_malformed",
        );
      }
    },
  );

  test("with a signature of zeros", () => {
    const [header, payload] = forwardedRequest(event).token.split(".");
    const zeros = Buffer.alloc(64).toString("base64url");
    return expectRefused(assertionOf(`${header}.${payload}.${zeros}`), "assertion_signature_invalid");
  });

  test("with a part of its signature, none of it, or more than it (CVE-2024-21491)", async () => {
    const { token } = forwardedRequest(event);
    const [header, payload, signature = ""] = token.split(".");
    const bytes = Buffer.from(signature, "base64url");
    const lengths = [0, 1, 16, 31, 32, 48, 63];
    const others = [
      ...lengths.map((length) => bytes.subarray(0, length)),
      Buffer.concat([bytes, bytes.subarray(0, 1)]),
    ];
    for (const other of others) {
      const { code, stored } = await send(assertionOf(`${header}.${payload}.${other.toString("base64url")}`));
      expect(["assertion_malformed", "assertion_signature_invalid"]).toContain(code);
      expect(stored).toBe(0);
    }
    await expectAccepted(assertionOf(token));
  });
});

describe("no query reaches the log (Secrets in queries)", () => {
  const told = () => JSON.stringify(origin.lines.all.slice(-1));

  test("of a target that a URL parser would rewrite", async () => {
    await expectRefused(
      { ...forwardedRequest(event), target: "/hooks/acme?token=HUSH&name=O'Brien" },
      "malformed_target",
    );
    expect(origin.lines.all.at(-1)).toMatchObject({ target: "/hooks/acme?…", part: "query" });
    expect(told()).not.toContain("HUSH");
    await expectRefused({ ...forwardedRequest(event), target: "/hooks/../acme?token=HUSH" }, "malformed_target");
    expect(origin.lines.all.at(-1)).not.toHaveProperty("part");
    expect(told()).not.toContain("HUSH");
  });

  test("of a target that was not the signed one", async () => {
    const request = forwardedRequest({ ...event, target: "/hooks/acme?token=HUSH" });
    await expectRefused({ ...request, target: "/hooks/acme?token=HUSH&x=1" }, "request_mismatch");
    expect(origin.lines.all.at(-1)).toMatchObject({ differs: ["target"], signed: { target: "/hooks/acme?…" } });
    expect(told()).not.toContain("HUSH");
  });
});
