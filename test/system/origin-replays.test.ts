// Tests that an assertion is accepted for one event only, even if the token or its header is written differently, and even if many
// copies arrive at the same time.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { type ForwardedEvent, forwardedRequest, headersOf, withHeader } from "../support/forgery.ts";
import { exchange, type HeaderList, type RawAnswer } from "../support/http.ts";
import { startTestOrigin, type TestOrigin } from "../support/origin.ts";
import { createSenders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";

const stack = new AsyncDisposableStack();
let key: PrivateJwk;
let origin: TestOrigin;
let event: ForwardedEvent;

beforeAll(async () => {
  const { policy, acme: identity } = await createSenders();
  key = await newSigningKey();
  origin = await startTestOrigin(stack, { policy, keys: [publicJwk(key)] });
  event = { key, identity, policyDigest: compilePolicy(policy).digest };
});
afterAll(() => stack.disposeAsync());

async function send(headers: HeaderList, request: { method?: string; target?: string; body?: string } = {}) {
  const before = await origin.inbox.count();
  const answer = await exchange({ url: `${origin.url}/hooks/acme`, body: "{}", ...request, headers });
  return { status: answer.status, code: codeOf(answer), stored: (await origin.inbox.count()) - before };
}

function codeOf({ body }: RawAnswer): unknown {
  return JSON.parse(body.toString()).code;
}

const ACCEPTED = { status: 202, code: undefined, stored: 1 };
const REPLAYED = { status: 409, code: "replayed", stored: 0 };
const REFUSED = { status: 401, code: "assertion-refused", stored: 0 };

/** The order of the curve P-256. If (r, s) is a valid signature, (r, ORDER - s) is also valid. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function mirrorSignature(token: string): string {
  const [header, payload, signature = ""] = token.split(".");
  const bytes = Buffer.from(signature, "base64url");
  const s = ORDER - BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  const mirrored = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, "0"), "hex")]);
  return [header, payload, mirrored.toString("base64url")].join(".");
}

/**
 * Changes bits that contain no data. The signature has 64 bytes, so the last base64url character of the token has four unused bits.
 */
function flipUnusedBits(token: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? "") + 1];
}

test("origin stores one of two equal requests", async () => {
  const { headers } = forwardedRequest(event);
  expect(await send(headers)).toEqual(ACCEPTED);
  expect(await send(headers)).toEqual(REPLAYED);
});

test("origin stores one of twenty equal requests at once", async () => {
  const before = await origin.inbox.count();
  const { headers } = forwardedRequest(event);
  const url = `${origin.url}/hooks/acme`;
  const answers = await Promise.all(Array.from({ length: 20 }, () => exchange({ url, body: "{}", headers })));
  const statuses = answers.map(({ status }) => status).sort();
  expect(statuses).toEqual([202, ...Array(19).fill(409)]);
  expect(await origin.inbox.count()).toBe(before + 1);
});

test("origin stores every one of twenty different requests at once", async () => {
  const before = await origin.inbox.count();
  const url = `${origin.url}/hooks/acme`;
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => exchange({ url, body: "{}", headers: forwardedRequest(event).headers })),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(202));
  expect(await origin.inbox.count()).toBe(before + 20);
});

test("origin refuses a known jti also in an assertion for another request", async () => {
  const first = forwardedRequest({ ...event, claims: { jti: "A".repeat(22) } });
  const second = forwardedRequest({ ...event, target: "/hooks/acme/2", claims: { jti: "A".repeat(22) } });
  expect(await send(first.headers)).toEqual(ACCEPTED);
  expect(await send(second.headers, { target: `/hooks/acme/2` })).toEqual(REPLAYED);
});

describe("origin does not accept a token twice", () => {
  const spellings: [string, (token: string) => string, object][] = [
    ["with the mirrored signature, which is as valid", mirrorSignature, REPLAYED],
    ["with other unused bits", flipUnusedBits, REFUSED],
    ["with padding", (token) => `${token}==`, REFUSED],
    ["in the other alphabet of base64", (token) => token.replaceAll("-", "+").replaceAll("_", "/"), REFUSED],
    ["with a space inside", (token) => token.replace(".", ". "), REFUSED],
    ["with a fourth part", (token) => `${token}.`, REFUSED],
    ["behind a scheme", (token) => `Bearer ${token}`, REFUSED],
    ["with a comma after it", (token) => `${token},`, REFUSED],
    ["in quotes", (token) => `"${token}"`, REFUSED],
    ["with spaces around it, which HTTP does not count", (token) => `  ${token}\t`, REPLAYED],
  ];

  test.each(spellings)("%s", async (_, spell, verdict) => {
    // Standard base64 has `+` and `/` instead of `-` and `_`. So the test needs a token that contains both `-` and `_`.
    let { token, headers } = forwardedRequest(event);
    while (!/-.*_|_.*-/.test(token)) ({ token, headers } = forwardedRequest(event));
    expect(spell(token)).not.toBe(token);
    expect(await send(headers)).toEqual(ACCEPTED);
    expect(await send(withHeader(headers, "countersign-assertion", spell(token)))).toEqual(verdict);
  });

  test("in JSON serialization", async () => {
    const { token, headers } = forwardedRequest(event);
    const [header, payload, signature] = token.split(".");
    const json = JSON.stringify({ payload, signatures: [{ protected: header, signature }] });
    expect(await send(withHeader(headers, "countersign-assertion", json))).toEqual(REFUSED);
  });
});

describe("origin reads exactly one assertion header", () => {
  const names = ["Countersign-Assertion", "countersign-assertion", "COUNTERSIGN-ASSERTION", "cOUNTERSIGN-aSSERTION"];

  test.each(names)("called %s", async (name) => {
    const { token, headers } = forwardedRequest(event);
    expect(await send([...withHeader(headers, "countersign-assertion"), [name, token]])).toEqual(ACCEPTED);
  });

  test.each(names)("and refuses a second one called %s", async (name) => {
    const { token, headers } = forwardedRequest(event);
    expect(await send([...headers, [name, token]])).toEqual(REFUSED);
    expect(await send([[name, forwardedRequest(event).token], ...headers])).toEqual(REFUSED);
    expect(await send([...headers, [name, ""]])).toEqual(REFUSED);
  });

  test.each(["countersign_assertion", "Countersign-Assertion-2", "Authorization", "X-Countersign-Assertion"])(
    "and none called %s (CVE-2025-64484)",
    async (name) => {
      const { token, headers } = forwardedRequest(event);
      expect(await send([...withHeader(headers, "countersign-assertion"), [name, token]])).toEqual(REFUSED);
    },
  );

  test("also when Connection names it (CVE-2024-45410)", async () => {
    const { headers } = forwardedRequest(event);
    expect(await send([["Connection", "close, Countersign-Assertion"], ...headers])).toEqual(ACCEPTED);
  });

  test("and one Client-Cert", async () => {
    const { headers } = forwardedRequest(event);
    const answer = await send([...headers, ["client-cert", `:${event.identity.base64}:`]]);
    expect(answer).toEqual({ status: 403, code: "certificate-not-proven", stored: 0 });
  });

  test("and one Content-Digest", async () => {
    const { headers } = forwardedRequest(event);
    const digest = headers.find(([name]) => name === "Content-Digest")?.[1] ?? "";
    expect(await send([...headers, ["content-digest", digest]])).toEqual(REFUSED);
  });
});

test("origin accepts the headers of another request under its own assertion only", async () => {
  const [one, two] = [forwardedRequest(event), forwardedRequest({ ...event, body: "[]" })];
  const mixed = headersOf({ token: one.token, identity: event.identity, contentType: "application/json", body: "[]" });
  expect(await send(mixed, { body: "[]" })).toEqual(REFUSED);
  expect(await send(two.headers, { body: "[]" })).toEqual(ACCEPTED);
});
