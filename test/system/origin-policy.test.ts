// Tests that the origin itself proves and admits the certificate, and does not rely on the result of the edge.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { type ForwardedEvent, forwardedRequest, withHeader } from "../support/forgery.ts";
import { exchange, type HeaderList } from "../support/http.ts";
import { startTestOrigin, type TestOrigin } from "../support/origin.ts";
import { ACME, BETA, createSenders, MARKER, type Senders, subjectOf } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let key: PrivateJwk;
let event: ForwardedEvent;

beforeAll(async () => {
  senders = await createSenders();
  key = await newSigningKey();
  event = { key, identity: senders.acme, policyDigest: compilePolicy(senders.policy).digest };
});
afterAll(() => stack.disposeAsync());

function startOrigin(own: AsyncDisposableStack, policy = senders.policy, clock?: () => number): Promise<TestOrigin> {
  return startTestOrigin(own, { policy, keys: [publicJwk(key)], ...(clock !== undefined && { clock }) });
}

async function decide(origin: TestOrigin, forged: ForwardedEvent, edit = (headers: HeaderList) => headers) {
  const request = forwardedRequest(forged);
  const { status } = await exchange({ url: origin.url, ...request, headers: edit(request.headers) });
  return { status, code: origin.lines.all.at(-1)?.["code"], stored: await origin.inbox.count() };
}

const refused = (code: string, status = 403) => ({ status, code, stored: 0 });
const ACCEPTED = { status: 202, code: undefined, stored: 1 };

/** Returns the policy after this change of the sender ACME. */
function withAcme(change: Partial<PolicyDocument["senders"][string]>): PolicyDocument {
  const acme = senders.policy.senders[ACME] as PolicyDocument["senders"][string];
  return { ...senders.policy, senders: { ...senders.policy.senders, [ACME]: { ...acme, ...change } } };
}

describe("origin refuses a certificate", () => {
  const others: [string, (identity: Senders) => string | undefined, string, number][] = [
    ["of the same name and CA", ({ acmeToo }) => `:${acmeToo.base64}:`, "certificate_mismatch", 401],
    ["of another sender", ({ beta }) => `:${beta.base64}:`, "certificate_mismatch", 401],
    ["that is missing", () => undefined, "certificate_mismatch", 401],
    ["without colons", ({ acme }) => acme.base64, "certificate_malformed", 403],
    ["with a parameter", ({ acme }) => `:${acme.base64}:;a=1`, "certificate_malformed", 403],
    ["in PEM on one line", ({ acme }) => acme.pem.replaceAll("\n", " "), "certificate_malformed", 403],
  ];

  test.each(others)("%s", async (_, field, code, status) => {
    await using own = new AsyncDisposableStack();
    const edit = (headers: HeaderList) => withHeader(headers, "client-cert", field(senders));
    expect(await decide(await startOrigin(own), event, edit)).toEqual(refused(code, status));
  });

  test("of sender A under an assertion for sender B", async () => {
    await using own = new AsyncDisposableStack();
    const forged = { ...event, target: "/hooks/both", sender: BETA };
    expect(await decide(await startOrigin(own), forged)).toEqual(refused("sender_mismatch"));
  });

  test("of sender B, signed as sender A's by the edge", async () => {
    await using own = new AsyncDisposableStack();
    const forged = { ...event, identity: senders.beta, sender: ACME };
    expect(await decide(await startOrigin(own), forged)).toEqual(refused("sender_not_allowed"));
  });

  test("that its own policy no longer admits", async () => {
    await using own = new AsyncDisposableStack();
    const policy = withAcme({ certificates: [{ subject: { CN: `${ACME}-2` } }] });
    expect(await decide(await startOrigin(own, policy), event)).toEqual(refused("sender_not_allowed"));
  });

  test("whose entry of the policy has ended", async () => {
    await using own = new AsyncDisposableStack();
    const policy = withAcme({ certificates: [{ subject: { CN: ACME }, until: "2020-01-01" }] });
    expect(await decide(await startOrigin(own, policy), event)).toEqual(refused("sender_not_allowed"));
  });

  test("that its own policy denies", async () => {
    await using own = new AsyncDisposableStack();
    const sha256 = Buffer.from(await crypto.subtle.digest("SHA-256", senders.acme.certificate.rawData)).toString("hex");
    const policy = { ...senders.policy, deny: [{ sha256 }] };
    expect(await decide(await startOrigin(own, policy), event)).toEqual(refused("certificate_denied"));
  });

  test("of a CA that its own policy dropped", async () => {
    await using own = new AsyncDisposableStack();
    const [name] = Object.keys(senders.policy.anchors) as [string];
    const other = await issueCertificate({ subject: subjectOf(`${MARKER} New Root`), ca: {} });
    const policy = { ...senders.policy, anchors: { [name]: other.pem } };
    expect(await decide(await startOrigin(own, policy), event)).toEqual(refused("issuer_unknown"));
  });

  test("one second after it expired", async () => {
    await using own = new AsyncDisposableStack();
    let now = Math.floor(Date.now() / 1000);
    const identity = await issueCertificate({ subject: subjectOf(ACME), notAfter: new Date(now * 1000) }, senders.root);
    const origin = await startOrigin(own, senders.policy, () => now);
    expect(await decide(origin, { ...event, identity, now })).toEqual(ACCEPTED);
    now += 1;
    expect(await decide(origin, { ...event, identity, now })).toEqual({ ...refused("certificate_expired"), stored: 1 });
  });

  test("whose intermediate was removed on the way", async () => {
    await using own = new AsyncDisposableStack();
    const origin = await startOrigin(own);
    const ca = await issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {} }, senders.root);
    const identity: Identity = await issueCertificate({ subject: subjectOf(ACME) }, ca);
    expect(await decide(origin, { ...event, identity })).toEqual(refused("issuer_unknown"));
    const edit = (headers: HeaderList) => withHeader(headers, "client-cert-chain", `:${ca.base64}:`);
    expect(await decide(origin, { ...event, identity }, edit)).toEqual(ACCEPTED);
  });

  test("at a route that its own policy does not have", async () => {
    await using own = new AsyncDisposableStack();
    const { "/hooks/acme": _, ...routes } = senders.policy.routes;
    expect(await decide(await startOrigin(own, { ...senders.policy, routes }), event)).toEqual(
      refused("unknown_route", 404),
    );
  });
});

describe("origin accepts", () => {
  test("an edge with another policy, and names the drift", async () => {
    await using own = new AsyncDisposableStack();
    const origin = await startOrigin(own);
    const edge = "ab".repeat(32);
    expect(await decide(origin, { ...event, policyDigest: edge })).toEqual(ACCEPTED);
    expect(origin.lines.all.at(-1)).toMatchObject({
      decision: "accepted",
      policyDrift: { edge, origin: event.policyDigest },
    });
  });

  test("an edge with the same policy, and names no drift", async () => {
    await using own = new AsyncDisposableStack();
    const origin = await startOrigin(own);
    expect(await decide(origin, event)).toEqual(ACCEPTED);
    expect(origin.lines.all.at(-1)).not.toHaveProperty("policyDrift");
  });

  test("a good request, whatever Host and X-Forwarded-* say", async () => {
    await using own = new AsyncDisposableStack();
    const origin = await startOrigin(own);
    const request = forwardedRequest(event);
    const headers: HeaderList = [
      ["X-Forwarded-Host", "evil.example.com"],
      ["X-Forwarded-Proto", "https"],
      ["X-Forwarded-For", "10.0.0.1"],
      ["X-Forwarded-Prefix", "/other"],
      ["X-Original-URL", "/hooks/beta"],
      ["X-HTTP-Method-Override", "PUT"],
      ["Forwarded", "host=evil.example.com"],
    ];
    const answer = await exchange({
      url: origin.url,
      ...request,
      host: "evil.example.com",
      headers: [...request.headers, ...headers],
    });
    expect(answer.status).toBe(202);
    expect(await origin.inbox.count()).toBe(1);
  });

  test("no bad request because of Host or X-Forwarded-*", async () => {
    await using own = new AsyncDisposableStack();
    const origin = await startOrigin(own);
    const edit = (headers: HeaderList): HeaderList => [
      ...headers,
      ["X-Forwarded-Host", "origin.example.com"],
      ["Host", "origin.example.com"],
    ];
    const forged = { ...event, claims: { aud: "https://other.example.com" } };
    const request = forwardedRequest(forged);
    const answer = await exchange({
      url: origin.url,
      ...request,
      host: "other.example.com",
      headers: withHeader(edit(request.headers), "host"),
    });
    expect(answer.status).toBe(401);
    expect(await origin.inbox.count()).toBe(0);
  });
});
