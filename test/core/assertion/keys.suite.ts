// Tests JWK Sets. Only ES256 on P-256 is accepted, only signing keys may have private members, and no error contains a private
// member.

import assert from "node:assert/strict";
import { calculateJwkThumbprint, type JWK } from "jose";
import {
  generateSigningKey,
  importSigningKeys,
  importVerificationKeys,
  parsePrivateKeySet,
  publicJwk,
  publishKeys,
} from "../../../core/assertion/keys.ts";
import { deliver, issue, verify } from "../../support/scenes/assertion.ts";
import { type Cases, type Fixtures, problemsLater, problemsOf } from "../../support/scenes/certificates.ts";

type Jwk = Fixtures["keys"]["signing"]["keys"][number];

const first = ({ keys }: Fixtures): Jwk => keys.signing.keys[0] as Jwk;
const second = ({ keys }: Fixtures): Jwk => keys.signing.keys[1] as Jwk;
const publicSet = ({ keys }: Fixtures) => ({ keys: keys.signing.keys.map(publicJwk) });

/**
 * Returns key sets with an error. In almost every set, the private value `d` is next to the error, so an error text could contain
 * it.
 */
function spoiledSets(fixtures: Fixtures): unknown[] {
  const jwk = first(fixtures);
  const { d, x, y } = jwk;
  const members = [
    { kty: "RSA" },
    { kty: "OKP", crv: "Ed25519" },
    { crv: "P-384" },
    { crv: d },
    { kty: d },
    { x: d.slice(1) },
    { x: undefined },
    { y: `${y}=` },
    { d: `${d}A` },
    { d: [d] },
    { d: { d } },
    { d: Number.parseInt(d, 36) },
    { d: undefined },
    { alg: "HS256" },
    { alg: d },
    { use: "enc" },
    { use: d },
    { kid: "" },
    { kid: undefined },
    { kid: [d] },
    { kid: d.repeat(3) },
    { key_ops: [d] },
    { k: d },
    { iat: d },
    { x: y, y: x },
    { d: second(fixtures).d },
    { d: "A".repeat(43) },
    { x: `${x.slice(0, -1)}${String.fromCharCode(x.charCodeAt(42) + 1)}` },
  ];
  return [
    ...members.map((change) => ({ keys: [{ ...jwk, ...change }] })),
    { keys: [jwk, d] },
    { keys: d },
    { keys: { d } },
    { keys: [] },
    { d },
    [jwk],
    d,
    null,
    undefined,
    {},
  ];
}

export const cases: Cases = {
  "importSigningKeys() signs with the first key, and publishes only the public members of all keys": async (
    fixtures,
  ) => {
    const { signer, jwks } = await importSigningKeys(fixtures.keys.signing);
    assert.equal(signer.kid, "first");
    const expected = fixtures.keys.signing.keys.map(({ kty, crv, x, y, kid }) => ({
      kty,
      crv,
      x,
      y,
      kid,
      alg: "ES256",
      use: "sig",
    }));
    assert.deepEqual(jwks, { keys: expected });
    assert.equal(signer.key.extractable, false);
  },
  "importVerificationKeys() reads what importSigningKeys() publishes": async (fixtures) => {
    const { jwks } = await importSigningKeys(fixtures.keys.signing);
    const keys = await importVerificationKeys(jwks);
    assert.deepEqual([...keys.keys()], ["first", "second"]);
    for (const key of keys.values()) assert.deepEqual([key.type, key.usages], ["public", ["verify"]]);
  },
  "an origin that knows both keys of a rotation accepts tokens of either key": async (fixtures) => {
    const rotated = { keys: fixtures.keys.signing.keys.toReversed() };
    const token = await issue({ ...fixtures, keys: { ...fixtures.keys, signing: rotated } }, await deliver(fixtures));
    assert.equal((await verify(fixtures, token)).sender, "sender");
  },
  "generateSigningKey() makes a key that signs, named by its thumbprint": async (fixtures) => {
    const jwk = await generateSigningKey(fixtures.now);
    const other = await generateSigningKey(fixtures.now);
    assert.equal(jwk.kid, await calculateJwkThumbprint(publicJwk(jwk) as JWK));
    assert.notEqual(jwk.d, other.d);
    assert.equal(jwk.iat, fixtures.now);
    const keys = { signing: parsePrivateKeySet({ keys: [jwk] }), foreign: [] };
    const own = {
      ...fixtures,
      keys: { signing: { keys: keys.signing }, foreign: { keys: keys.foreign } },
    } as unknown as Fixtures;
    assert.equal((await verify(own, await issue(own, await deliver(fixtures)))).txn, "event-1");
  },
  "publicJwk() returns no private member": (fixtures) => {
    assert.deepEqual(Object.keys(publicJwk(first(fixtures))).sort(), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
  },
  "importSigningKeys() refuses every set with an error": async (fixtures) => {
    for (const set of spoiledSets(fixtures)) {
      assert.ok((await problemsLater(importSigningKeys(set))).length > 0, JSON.stringify(set));
    }
  },
  "importVerificationKeys() refuses a private member in a public set": async (fixtures) => {
    const { d } = first(fixtures);
    const [one, two] = publicSet(fixtures).keys as [object, object];
    const problems = await problemsLater(importVerificationKeys({ keys: [one, { ...two, d }] }));
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", /^\/keys\/1\/d: /);
  },
  "importVerificationKeys() refuses symmetric keys and other members": async (fixtures) => {
    const [jwk] = publicSet(fixtures).keys;
    for (const change of [{ kty: "oct", k: "AAAA" }, { x5c: ["AAAA"] }, { p: "AAAA" }, { crv: "secp256k1" }]) {
      assert.ok((await problemsLater(importVerificationKeys({ keys: [{ ...jwk, ...change }] }))).length > 0);
    }
  },
  "no error ever contains a private value": async (fixtures) => {
    const secret = first(fixtures).d;
    const errors = await Promise.all(
      spoiledSets(fixtures).flatMap((set) =>
        [importSigningKeys, importVerificationKeys].map((load) =>
          load(set).then(
            () => "",
            (error: Error) => `${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause}`,
          ),
        ),
      ),
    );
    for (const text of errors) assert.ok(text !== "" && !text.includes(secret.slice(0, 12)), text);
  },
  "parsePrivateKeySet() lists all problems, each with its place": (fixtures) => {
    const [a, b] = [first(fixtures), second(fixtures)];
    const problems = problemsOf(() =>
      parsePrivateKeySet({
        keys: [
          { ...a, kty: "RSA", x: "" },
          { ...b, d: 1, use: "enc" },
        ],
      }),
    );
    assert.deepEqual(problems.map((problem) => problem.split(": ")[0]).sort(), [
      "/keys/0/kty",
      "/keys/0/x",
      "/keys/1/d",
      "/keys/1/use",
    ]);
  },
  "parsePrivateKeySet() says which value a member must have": (fixtures) => {
    const told = (change: object, problem: string) =>
      assert.deepEqual(
        problemsOf(() => parsePrivateKeySet({ keys: [{ ...first(fixtures), ...change }] })),
        [problem],
      );
    told({ kty: "RSA" }, "/keys/0/kty: only EC keys sign assertions");
    told({ crv: "P-384" }, "/keys/0/crv: only P-256 keys sign assertions");
    told({ x: "AAAA" }, "/keys/0/x: 32 octets in base64url");
    told({ y: undefined }, "/keys/0/y: is missing");
    told({ kid: "" }, "/keys/0/kid: must not be empty");
    told({ alg: "HS256" }, '/keys/0/alg: must be "ES256"');
    told({ use: "enc" }, '/keys/0/use: must be "sig"');
    told({ p: "x" }, "/keys/0/p: is no member that is known here");
    assert.deepEqual(
      problemsOf(() => parsePrivateKeySet({ keys: [] })),
      ["/keys: must hold at least one key"],
    );
    assert.equal(parsePrivateKeySet({ keys: [{ ...first(fixtures), kid: "k".repeat(128), iat: 5 }] })[0]?.iat, 5);
    assert.equal(
      problemsOf(() => parsePrivateKeySet({ keys: [{ ...first(fixtures), kid: "k".repeat(129) }] })).length,
      1,
    );
    assert.equal(problemsOf(() => parsePrivateKeySet({ keys: [{ ...first(fixtures), iat: 0.5 }] })).length, 1);
  },
  "the error for an unusable set says what the set is": async (fixtures) => {
    const spoiled = { ...first(fixtures), kid: "", use: "enc" };
    const message = (run: () => unknown) => assert.throws(run, { message: /^signing keys: 2 problems\n {2}- \/keys/ });
    message(() => parsePrivateKeySet({ keys: [spoiled] }));
    await assert.rejects(importSigningKeys({}), { message: "signing keys: /keys: is missing" });
    await assert.rejects(importVerificationKeys({}), { message: "JWKS: /keys: is missing" });
    const twice = { keys: [publicJwk(first(fixtures)), publicJwk(first(fixtures))] };
    await assert.rejects(importVerificationKeys(twice), { message: "JWKS: kid first is used twice" });
    const off = { ...first(fixtures), x: first(fixtures).y };
    const problem = "keys: kid first: x and y are not a point on P-256";
    await assert.rejects(importSigningKeys({ keys: [off] }), { message: problem });
  },
  "publishKeys() responds with the public set, which may be cached for five minutes": async (fixtures) => {
    const keys = await importSigningKeys(fixtures.keys.signing);
    const response = publishKeys(keys);
    assert.equal(response.headers.get("content-type"), "application/jwk-set+json");
    assert.equal(response.headers.get("cache-control"), "public, max-age=300");
    assert.deepEqual(await response.json(), keys.jwks);
  },
  "generateSigningKey() says what the key is for": async (fixtures) => {
    const { kty, crv, alg, use } = await generateSigningKey(fixtures.now);
    assert.deepEqual({ kty, crv, alg, use }, { kty: "EC", crv: "P-256", alg: "ES256", use: "sig" });
  },
  "parsePrivateKeySet() refuses a kid that is used twice": (fixtures) => {
    const [a, b] = [first(fixtures), second(fixtures)];
    assert.match(
      problemsOf(() => parsePrivateKeySet({ keys: [a, { ...b, kid: a.kid }] })).join(),
      /kid first is used twice/,
    );
  },
  "importSigningKeys() refuses coordinates that are not a point of the curve, in any key of the set": async (
    fixtures,
  ) => {
    const off = { ...second(fixtures), x: second(fixtures).y };
    assert.match(
      (await problemsLater(importSigningKeys({ keys: [{ ...first(fixtures), x: first(fixtures).y }] }))).join(),
      /kid first/,
    );
    assert.match((await problemsLater(importVerificationKeys({ keys: [publicJwk(off)] }))).join(), /kid second/);
    assert.match((await problemsLater(importSigningKeys({ keys: [first(fixtures), off] }))).join(), /kid second/);
  },
  "importSigningKeys() refuses a private number that does not belong to the public point": async (fixtures) => {
    const crossed = { ...first(fixtures), d: second(fixtures).d };
    assert.match((await problemsLater(importSigningKeys({ keys: [crossed] }))).join(), /kid first/);
  },
};
