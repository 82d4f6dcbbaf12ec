// Tests that the origin reads what the edge signed. Also tests the checks of time, issuer and audience, and the check that the
// assertion belongs to its request.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { compactVerify, importJWK } from "jose";
import { matchRequest, verifyAssertion } from "../../../core/assertion/assertion.ts";
import { importSigningKeys, importVerificationKeys } from "../../../core/assertion/keys.ts";
import type { Delivery } from "../../../core/delivery/delivery.ts";
import { ASSERTION_LIFETIME_SECONDS, CLOCK_SKEW_SECONDS, MAX_ASSERTION_CHARACTERS } from "../../../core/wire.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { character } from "../../support/arbitraries.ts";
import { CONTEXT, deliver, HEADER, issue, JTI, open, sealToken, verify } from "../../support/scenes/assertion.ts";
import { type Cases, type Fixtures, refused, refusedLater } from "../../support/scenes/certificates.ts";

const EMPTY = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

/** Returns a token with changed claims. The right key signed the token. */
async function withClaims(fixtures: Fixtures, changes: Record<string, unknown>): Promise<string> {
  const { header, claims } = open(await issue(fixtures, await deliver(fixtures)));
  return sealToken(fixtures, { header, claims: { ...claims, ...changes } });
}

export const cases: Cases = {
  "verifyAssertion() returns the facts that issueAssertion() received": async (fixtures) => {
    const { certificates, now } = fixtures;
    const delivery = await deliver(fixtures);
    const { sha256, serial, notBefore, notAfter } = parseCertificate(certificates.client);
    assert.deepEqual(await verify(fixtures, await issue(fixtures, delivery)), {
      iss: CONTEXT.issuer,
      aud: CONTEXT.audience,
      iat: now,
      exp: now + ASSERTION_LIFETIME_SECONDS,
      jti: JTI,
      sub: "CN=client.example,O=Countersign Tests,C=US",
      sender: "sender",
      cnf: { "x5t#S256": Buffer.from(sha256, "hex").toString("base64url") },
      crt: { issuer: "CN=Intermediate,O=Countersign Tests,C=US", serial, notBefore, notAfter, anchor: "root" },
      req: {
        method: "POST",
        target: "/hooks?a=b%20c",
        type: "application/json",
        digest: `sha-256=:${createHash("sha256").update('{"a":1}').digest("base64")}:`,
      },
      amr: ["mtls"],
      pol: delivery.policyDigest,
      txn: "event-1",
    });
  },
  "issueAssertion() writes exactly alg, kid and typ in the header": async (fixtures) => {
    assert.deepEqual(open(await issue(fixtures, await deliver(fixtures))).header, HEADER);
  },
  "jose verifies what issueAssertion() signs": async (fixtures) => {
    const [jwk] = (await importSigningKeys(fixtures.keys.signing)).jwks.keys;
    const token = await issue(fixtures, await deliver(fixtures));
    const { protectedHeader, payload } = await compactVerify(token, await importJWK(jwk ?? {}, "ES256"));
    assert.deepEqual(protectedHeader, HEADER);
    assert.deepEqual(JSON.parse(Buffer.from(payload).toString()), open(token).claims);
    assert.equal(token.split(".")[2]?.length, 86);
  },
  "issueAssertion() signs many deliveries at the same time, and targets of any length": async (fixtures) => {
    const lengths = [1, 100, 7_000, 8_000, 9_000, 12_000, 30_000, 200_000];
    const targets = lengths.flatMap((length) => ["a", "é", "漢"].map((character) => `/${character.repeat(length)}`));
    const key = await importJWK((await importSigningKeys(fixtures.keys.signing)).jwks.keys[0] ?? {}, "ES256");
    const request = { method: "POST", contentType: "" };
    const signAll = targets.map(async (target) =>
      issue(fixtures, await deliver(fixtures, { request: { ...request, target } })),
    );
    for (const [index, token] of (await Promise.all(signAll)).entries()) {
      const { payload } = await compactVerify(token, key);
      assert.equal(JSON.parse(Buffer.from(payload).toString()).req.target, targets[index]);
    }
  },
  "issueAssertion() signs the platform's verdict if there is one": async (fixtures) => {
    const delivery = await deliver(fixtures, {}, { verified: "SUCCESS", revoked: false });
    const { crt } = await verify(fixtures, await issue(fixtures, delivery));
    assert.deepEqual(crt?.platform, { verified: "SUCCESS", revoked: false });
  },
  "an assertion carries any target and content type unchanged": async (fixtures) => {
    const text = fc.string({ unit: character, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(text, text, fc.uint8Array({ maxLength: 20 }), async (path, contentType, bytes) => {
        const request = { method: "POST", target: `/${path}`, contentType };
        const delivery = await deliver(fixtures, { request, body: Uint8Array.from(bytes) });
        const claims = await verify(fixtures, await issue(fixtures, delivery));
        matchRequest(claims, request, delivery.contentDigest);
      }),
      { numRuns: 50 },
    );
  },
  "verifyAssertion() accepts a token from its first second minus the skew to its last second plus the skew": async (
    fixtures,
  ) => {
    const token = await issue(fixtures, await deliver(fixtures));
    const end = fixtures.now + ASSERTION_LIFETIME_SECONDS;
    for (const at of [fixtures.now - CLOCK_SKEW_SECONDS, fixtures.now, end, end + CLOCK_SKEW_SECONDS - 1]) {
      assert.equal((await verify(fixtures, token, { at })).jti, JTI);
    }
    const before = fixtures.now - CLOCK_SKEW_SECONDS - 1;
    await refusedLater("assertion_not_yet_valid", verify(fixtures, token, { at: before }));
    await refusedLater("assertion_expired", verify(fixtures, token, { at: end + CLOCK_SKEW_SECONDS }));
  },
  "verifyAssertion() refuses a lifetime that is longer than a minute or zero": async (fixtures) => {
    const { now } = fixtures;
    for (const exp of [now + ASSERTION_LIFETIME_SECONDS + 1, now + 86_400, now, now - 1]) {
      await refusedLater("assertion_claims_invalid", verify(fixtures, await withClaims(fixtures, { exp })));
    }
    assert.equal((await verify(fixtures, await withClaims(fixtures, { exp: now + 1 }))).exp, now + 1);
  },
  "verifyAssertion() refuses another issuer or audience": async (fixtures) => {
    const token = await issue(fixtures, await deliver(fixtures));
    for (const other of ["https://hooks.example.com/", "https://HOOKS.example.com", "https://hooks.example.co", ""]) {
      await refusedLater("assertion_wrong_issuer", verify(fixtures, token, { context: { ...CONTEXT, issuer: other } }));
    }
    for (const other of ["https://origin.example.com/", "https://other.example.com", ""]) {
      await refusedLater(
        "assertion_wrong_audience",
        verify(fixtures, token, { context: { ...CONTEXT, audience: other } }),
      );
    }
  },
  "verifyAssertion() refuses a list as audience, even if it contains ours": async (fixtures) => {
    const token = await withClaims(fixtures, { aud: [CONTEXT.audience] });
    await refusedLater("assertion_claims_invalid", verify(fixtures, token));
  },
  "verifyAssertion() refuses a key that is not published": async (fixtures) => {
    const { header, claims } = open(await issue(fixtures, await deliver(fixtures)));
    for (const kid of ["third", "First", "first ", "", "__proto__"]) {
      const token = await sealToken(fixtures, { header: { ...header, kid }, claims });
      await refusedLater("assertion_key_unknown", verify(fixtures, token));
    }
  },
  "verifyAssertion() refuses a token under the kid of another published key": async (fixtures) => {
    const { header, claims } = open(await issue(fixtures, await deliver(fixtures)));
    const token = await sealToken(fixtures, { header: { ...header, kid: "second" }, claims });
    await refusedLater("assertion_signature_invalid", verify(fixtures, token));
  },
  "verifyAssertion() refuses a key of another edge with the same kid": async (fixtures) => {
    const keys = { signing: fixtures.keys.foreign, foreign: fixtures.keys.signing };
    const token = await issue({ ...fixtures, keys } as unknown as Fixtures, await deliver(fixtures));
    await refusedLater("assertion_signature_invalid", verify(fixtures, token));
  },
  "issueAssertion() writes no certificate if the sender needs none": async (fixtures) => {
    const { certificate: _, ...delivery } = await deliver(fixtures);
    const signed = { ...delivery, certificate: undefined, factors: ["hmac"] } as unknown as Delivery;
    const { sub, cnf, crt, amr } = await verify(fixtures, await issue(fixtures, signed));
    assert.deepEqual({ sub, cnf, crt, amr }, { sub: undefined, cnf: undefined, crt: undefined, amr: ["hmac"] });
  },
  "verifyAssertion() accepts the longest token, and none that is longer": async (fixtures) => {
    const { header, claims } = open(await issue(fixtures, await deliver(fixtures)));
    const keys = await importVerificationKeys((await importSigningKeys(fixtures.keys.signing)).jwks);
    const verifyAny = (token: string) => verifyAssertion(token, () => keys.get("first"), CONTEXT, fixtures.now);
    // A base64url text never has the length 4n + 1, so with one `kid` some lengths of tokens are impossible. With three lengths of
    // `kid`, every length is possible.
    const seal = (kid: string, length: number) =>
      sealToken(fixtures, { header: { ...header, kid }, claims: { ...claims, txn: "a".repeat(length) } });
    const spare = MAX_ASSERTION_CHARACTERS - (await seal("", 0)).length;
    const lengths = [-4, -3, -2, -1, 0].map((more) => Math.floor((spare * 3) / 4) + more);
    const tokens = await Promise.all(["a", "aa", "aaa"].flatMap((kid) => lengths.map((length) => seal(kid, length))));
    const ofLength = (length: number) =>
      tokens.find((token) => token.length === length) ?? assert.fail(`none of ${length}`);
    assert.equal((await verifyAny(ofLength(MAX_ASSERTION_CHARACTERS))).jti, JTI);
    await refusedLater("assertion_malformed", verifyAny(ofLength(MAX_ASSERTION_CHARACTERS + 1)));
  },
  "verifyAssertion() reports to the operator what it compared": async (fixtures) => {
    const { now } = fixtures;
    const { header, claims } = open(await issue(fixtures, await deliver(fixtures)));
    const token = await sealToken(fixtures, { header, claims });
    const unknown = await sealToken(fixtures, { header: { ...header, kid: "third" }, claims });
    const other = "https://other.example.com";
    const [early, late] = [now - 100, now + 100];
    const refusals = [
      [await refusedLater("assertion_key_unknown", verify(fixtures, unknown)), { kid: "third" }],
      [
        await refusedLater(
          "assertion_wrong_issuer",
          verify(fixtures, token, { context: { ...CONTEXT, issuer: other } }),
        ),
        { iss: CONTEXT.issuer, expected: other },
      ],
      [
        await refusedLater(
          "assertion_wrong_audience",
          verify(fixtures, token, { context: { ...CONTEXT, audience: other } }),
        ),
        { aud: CONTEXT.audience, expected: other },
      ],
      [await refusedLater("assertion_not_yet_valid", verify(fixtures, token, { at: early })), { iat: now, now: early }],
      [
        await refusedLater("assertion_expired", verify(fixtures, token, { at: late })),
        { exp: now + ASSERTION_LIFETIME_SECONDS, now: late },
      ],
    ] as const;
    for (const [{ details }, expected] of refusals) assert.deepEqual(details, expected);
  },
  "matchRequest() reports to the operator what was signed and what was received": async (fixtures) => {
    const delivery = await deliver(fixtures);
    const claims = await verify(fixtures, await issue(fixtures, delivery));
    const { method, target, type, digest } = claims.req;
    const received = { method: "PUT", target, contentType: type };
    const shown = target.replace(/\?.*/, "?…");
    assert.notEqual(shown, target);
    assert.deepEqual(refused("request_mismatch", () => matchRequest(claims, received, digest)).details, {
      differs: ["method"],
      signed: { method, target: shown, type },
      received: { method: "PUT", target: shown, type },
    });
    const other = { method, target: "/other?b#c?d", contentType: "x" };
    const { details } = refused("request_mismatch", () => matchRequest(claims, other, digest));
    assert.deepEqual(details["differs"], ["target", "type"]);
    assert.deepEqual(details["received"], { method, target: "/other?…", type: "x" });
    const mismatch = refused("body_mismatch", () => matchRequest(claims, delivery.request, EMPTY));
    assert.deepEqual(mismatch.details, { signed: digest, received: EMPTY });
  },
  "matchRequest() refuses another method, target, content type or body": async (fixtures) => {
    const delivery = await deliver(fixtures);
    const claims = await verify(fixtures, await issue(fixtures, delivery));
    const { request, contentDigest } = delivery;
    matchRequest(claims, request, contentDigest);
    const others = [
      { method: "PUT" },
      { method: "post" },
      { target: "/hooks" },
      { target: "/hooks?a=b+c" },
      { target: "/hooks?a=b%20c&" },
      { target: "/Hooks?a=b%20c" },
      { contentType: "" },
      { contentType: "application/json; charset=utf-8" },
      { contentType: "Application/json" },
    ];
    for (const other of others)
      refused("request_mismatch", () => matchRequest(claims, { ...request, ...other }, contentDigest));
    for (const digest of [EMPTY, "", contentDigest.replace("sha-256", "sha-512"), `${contentDigest} `]) {
      refused("body_mismatch", () => matchRequest(claims, request, digest));
    }
  },
};
