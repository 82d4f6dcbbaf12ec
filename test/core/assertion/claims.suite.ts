// Tests tokens whose claims differ from those that the edge writes. The right key signed these tokens.

import assert from "node:assert/strict";
import { MAX_DELIVERY_AGE_SECONDS } from "../../../core/wire.ts";
import { deliver, HEADER, issue, JTI, open, seal, sealToken, verify } from "../../support/scenes/assertion.ts";
import { type Cases, type Fixtures, refusedLater } from "../../support/scenes/certificates.ts";

/** Every member of the claims, each with a list. The list contains those values of WRONG that are valid for this member. */
const CLAIMS: Readonly<Record<string, readonly unknown[]>> = {
  iss: [],
  aud: [],
  iat: [],
  exp: [],
  jti: [],
  sub: [""],
  sender: [],
  cnf: [],
  "cnf.x5t#S256": [],
  crt: [],
  "crt.issuer": [""],
  "crt.serial": [],
  "crt.notBefore": [0, -1],
  "crt.notAfter": [0, -1],
  "crt.platform": [],
  "crt.platform.verified": [""],
  "crt.platform.revoked": [true],
  req: [],
  "req.method": [],
  "req.target": [],
  "req.type": [""],
  "req.digest": [],
  hdr: [],
  "hdr.names": [],
  "hdr.digest": [],
  amr: [],
  pol: [],
  txn: [],
};
const WRONG = [null, 0, -1, 1.5, 1e300, "", true, [], {}, [""], [[]]];

/** Returns a deep copy of the claims in which one member is set. If the value is undefined, the member is removed. */
function withMember(claims: Record<string, unknown>, path: string, value: unknown): Record<string, unknown> {
  const copy = structuredClone(claims);
  const keys = path.split(".");
  const last = keys.pop() as string;
  const parent = keys.reduce((object, key) => object[key] as Record<string, unknown>, copy);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return copy;
}

async function fullToken(fixtures: Fixtures) {
  const delivery = await deliver(fixtures, {}, { verified: "SUCCESS", revoked: false });
  return open(await issue(fixtures, { ...delivery, headers: [["x-topic", "orders"]] }));
}

async function claimsInvalid(fixtures: Fixtures, claims: Record<string, unknown>, what: string): Promise<void> {
  const token = await sealToken(fixtures, { header: HEADER, claims });
  await refusedLater("assertion_claims_invalid", verify(fixtures, token)).catch((error) => {
    throw new Error(what, { cause: error });
  });
}

export const cases: Cases = {
  "verifyAssertion() refuses a token without any one of its claims, signed by the right key": async (fixtures) => {
    const { claims } = await fullToken(fixtures);
    for (const path of Object.keys(CLAIMS).filter((name) => name !== "crt.platform" && name !== "hdr")) {
      await claimsInvalid(fixtures, withMember(claims, path, undefined), `without ${path}`);
    }
  },
  "verifyAssertion() refuses any claim of the wrong type, signed by the right key": async (fixtures) => {
    const { claims } = await fullToken(fixtures);
    for (const [path, allowed] of Object.entries(CLAIMS)) {
      for (const value of WRONG.filter((wrong) => !allowed.includes(wrong))) {
        await claimsInvalid(fixtures, withMember(claims, path, value), `${path}: ${JSON.stringify(value)}`);
      }
    }
  },
  "issueAssertion() writes rcv only if the edge received the request earlier": async (fixtures) => {
    const delivery = await deliver(fixtures);
    const { now } = fixtures;
    for (const receivedAt of [now - 1, now - 3 * 86_400, now - MAX_DELIVERY_AGE_SECONDS]) {
      const { rcv, iat } = await verify(fixtures, await issue(fixtures, delivery, receivedAt));
      assert.deepEqual([rcv, iat], [receivedAt, now]);
    }
    for (const receivedAt of [now, now + 1]) {
      assert.ok(!Object.hasOwn(open(await issue(fixtures, delivery, receivedAt)).claims, "rcv"));
    }
  },
  "verifyAssertion() refuses an rcv that is not before iat, or is too old": async (fixtures) => {
    const { claims } = await fullToken(fixtures);
    const iat = Number(claims["iat"]);
    for (const rcv of [iat, iat + 1, iat + 60, iat - MAX_DELIVERY_AGE_SECONDS - 1, 0, -1, 1.5, String(iat - 1), null]) {
      await claimsInvalid(fixtures, { ...claims, rcv }, `rcv: ${rcv}`);
    }
  },
  "verifyAssertion() refuses unknown claims, signed by the right key": async (fixtures) => {
    const { claims } = await fullToken(fixtures);
    for (const path of [
      "admin",
      "nbf",
      "constructor",
      "cnf.jwk",
      "crt.subject",
      "crt.platform.x",
      "req.body",
      "hdr.x",
    ]) {
      await claimsInvalid(fixtures, withMember(claims, path, "x"), path);
    }
  },
  "verifyAssertion() refuses ids and digests of the wrong form, signed by the right key": async (fixtures) => {
    const { claims } = await fullToken(fixtures);
    for (const [path, value] of [
      ["jti", JTI.slice(1)],
      ["jti", `${JTI}A`],
      ["jti", `${JTI.slice(1)}=`],
      ["cnf.x5t#S256", "A".repeat(42)],
      ["cnf.x5t#S256", "+".repeat(43)],
      ["cnf.x5t#S256", `+${"A".repeat(43)}`],
      ["cnf.x5t#S256", `${"A".repeat(43)}+`],
      ["pol", "0".repeat(63)],
      ["pol", `x${"0".repeat(64)}`],
      ["pol", `${"0".repeat(64)}x`],
      ["pol", "A".repeat(64)],
      ["iat", Number.MAX_SAFE_INTEGER + 1],
    ] as const) {
      await claimsInvalid(fixtures, withMember(claims, path, value), `${path}: ${value}`);
    }
  },
  "verifyAssertion() refuses invalid header names, and names that are not in lower case": async (fixtures) => {
    const { claims } = await fullToken(fixtures);
    const others = ["X-Topic", "x topic", "x-topic ", " x-topic", "x:topic", "é", "x-topic\n", "x,y", "x\0", 1, ["a"]];
    for (const name of others) {
      for (const names of [[name], ["x-other", name], [name, "x-other"]])
        await claimsInvalid(fixtures, withMember(claims, "hdr.names", names), JSON.stringify(names));
    }
    const names = ["x-topic", "x_0.9", "!#$%&'*+^`|~"];
    const token = await sealToken(fixtures, { header: HEADER, claims: withMember(claims, "hdr.names", names) });
    assert.deepEqual((await verify(fixtures, token)).hdr?.names, names);
  },
  "verifyAssertion() reports to the operator which claims have the wrong form": async (fixtures) => {
    const { claims } = await fullToken(fixtures);
    const iat = Number(claims["iat"]);
    const tell = async (changes: Record<string, unknown>) => {
      const token = await sealToken(fixtures, { header: HEADER, claims: { ...claims, ...changes } });
      return (await refusedLater("assertion_claims_invalid", verify(fixtures, token))).details;
    };
    assert.deepEqual(await tell({ iss: "", req: { ...(claims["req"] as object), digest: 1 } }), {
      claims: ["iss", "req.digest"],
    });
    // The error names the known claims that are wrong, and then all unknown claims. If two claims contradict each other, the error
    // names one of the two.
    assert.deepEqual(await tell({ admin: 1, constructor: 1, iss: "" }), { claims: ["iss", "admin", "constructor"] });
    assert.deepEqual(await tell({ sub: undefined }), { claims: ["amr"] });
    assert.deepEqual(await tell({ exp: iat + 61 }), { claims: ["exp"], iat, exp: iat + 61 });
    assert.deepEqual(await tell({ rcv: iat }), { claims: ["rcv"], iat, rcv: iat });
    const token = await seal(fixtures, JSON.stringify(HEADER), "1");
    const { details } = await refusedLater("assertion_claims_invalid", verify(fixtures, token));
    assert.deepEqual(details, { cause: "the payload is not JSON as an edge writes it" });
  },
  "verifyAssertion() refuses a payload that is not the JSON of the edge, signed by the right key": async (fixtures) => {
    const header = JSON.stringify(HEADER);
    const { claims } = await fullToken(fixtures);
    const good = JSON.stringify(claims);
    // The payload is correct, except that it contains "ÿ" in Latin-1. This octet is not UTF-8.
    const latin1 = Buffer.from(JSON.stringify({ ...claims, txn: "\u00ff" }), "latin1");
    for (const payload of [
      "{",
      "[]",
      "null",
      "1",
      `\ufeff${good}`,
      `${good}{}`,
      `${good} `,
      good.replace("{", '{"sender":"other",'),
      good.replace("sender", "\\u0073ender"),
      Uint8Array.of(0xff, 0x7b, 0x7d),
      latin1,
      `"${"a".repeat(9)}"`,
    ]) {
      await refusedLater("assertion_claims_invalid", verify(fixtures, await seal(fixtures, header, payload)));
    }
  },
};
