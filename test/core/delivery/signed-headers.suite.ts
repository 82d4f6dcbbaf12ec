// Tests which of the forwarded headers the edge signs, and which of them an origin gives to the handler.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import type { Delivery } from "../../../core/delivery/delivery.ts";
import { formatForwardedHeaders } from "../../../core/delivery/forwarded-headers.ts";
import { selectSignedHeaders } from "../../../core/delivery/headers.ts";
import { claimHeaders, matchHeaders } from "../../../core/delivery/signed-headers.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { type Sender, selectRoute } from "../../../core/policy/policy.ts";
import { deliver, issue, open, verify } from "../../support/scenes/assertion.ts";
import { type Cases, type Fixtures, policyDocument, refused } from "../../support/scenes/certificates.ts";
import { github } from "../../support/scenes/factors.ts";

type Fields = Delivery["headers"];

const SIGNED: Fields = [
  ["user-agent", "sender/1"],
  ["x-topic", "orders, invoices"],
  ["x-empty", ""],
];
const TEXT = "user-agent: sender/1\nx-topic: orders, invoices\nx-empty: \n";
const digestOf = (text: string) => `sha-256=:${createHash("sha256").update(text).digest("base64")}:`;

const toHeaders = (fields: Fields) => new Headers(fields.map(([name, value]) => [name, value]));
const claim = () => ({ hdr: claimHeaders(SIGNED) });
const mismatch = (received: Fields) =>
  refused("headers_mismatch", () => matchHeaders(claim(), toHeaders(received))).details;

/**
 * Returns which of the received headers an origin gives to the handler. The edge signed only the headers with the names in
 * `signed`.
 */
function handedOut(fixtures: Fixtures, received: HeadersInit, signed: readonly string[], names = ["X-Topic"]) {
  const sender = { ...github("ONE"), eventKey: { header: "X-Event" }, orderKey: { header: "X-Order" } };
  const routes = { "/hooks": { senders: ["sender"], methods: ["POST"], headers: names } };
  const policy = compilePolicy({ ...policyDocument(fixtures), senders: { sender }, routes });
  const route = selectRoute(policy, "/hooks", "POST");
  return selectSignedHeaders(new Headers(received), route, policy.senders[0] as Sender, signed);
}

export const cases: Cases = {
  "claimHeaders() names headers in their order, and has a digest with one line for each header": () => {
    assert.deepEqual(claimHeaders(SIGNED), {
      names: ["user-agent", "x-topic", "x-empty"],
      digest: digestOf(TEXT),
    });
  },
  "claimHeaders() leaves out Content-Type, which has its own claim, and makes no claim without headers": () => {
    const type = ["content-type", "text/plain"] as const;
    assert.deepEqual(claimHeaders([type, ...SIGNED]), claimHeaders(SIGNED));
    assert.equal(claimHeaders([type]), undefined);
    assert.equal(claimHeaders([]), undefined);
  },
  "headers that runtimes decode differently are neither signed nor forwarded": async (fixtures) => {
    const others = ["é", "a\u0080", "\u00ff", "v1=é"].map((value, at) => [`x-${at}`, value] as const);
    assert.equal(claimHeaders(others), undefined);
    assert.deepEqual(claimHeaders([...others, ...SIGNED]), claimHeaders(SIGNED));
    const delivery = { ...(await deliver(fixtures)), headers: [...others, ...SIGNED], certificate: undefined };
    assert.deepEqual(formatForwardedHeaders(delivery, "a.b.c"), {
      ...Object.fromEntries(SIGNED),
      "countersign-assertion": "a.b.c",
      "content-digest": delivery.contentDigest,
    });
  },
  "issueAssertion() signs the headers that it forwards, and makes the same token as before without headers": async (
    fixtures,
  ) => {
    const delivery = await deliver(fixtures);
    const { hdr, ...rest } = await verify(fixtures, await issue(fixtures, { ...delivery, headers: SIGNED }));
    assert.deepEqual(hdr, { names: ["user-agent", "x-topic", "x-empty"], digest: digestOf(TEXT) });
    for (const headers of [[], [["content-type", "application/json"] as const]]) {
      const { claims } = open(await issue(fixtures, { ...delivery, headers }));
      assert.deepEqual(claims, rest);
    }
  },
  "matchHeaders() returns the names that were signed, whatever other headers the request has": () => {
    const names = ["user-agent", "x-topic", "x-empty"];
    assert.deepEqual(matchHeaders(claim(), toHeaders(SIGNED)), names);
    assert.deepEqual(matchHeaders(claim(), toHeaders([["x-other", "1"], ...SIGNED.toReversed()])), names);
    assert.deepEqual(matchHeaders({}, toHeaders(SIGNED)), []);
    assert.deepEqual(matchHeaders({ hdr: undefined }, toHeaders(SIGNED)), []);
  },
  "matchHeaders() accepts what is equal in HTTP: other letter case of names, blanks around values, a list in several fields":
    () => {
      const [agent, , empty] = SIGNED as [Fields[0], Fields[0], Fields[0]];
      const respelled: Fields[] = [
        [agent, ["X-TOPIC", "orders, invoices"], empty],
        [agent, ["x-topic", " \torders, invoices\t "], empty],
        [agent, ["x-topic", "orders"], ["X-Topic", "invoices"], empty],
      ];
      for (const fields of respelled) assert.equal(matchHeaders(claim(), toHeaders(fields)).length, 3);
    },
  "matchHeaders() refuses a missing header even if its value was empty, and names it": () => {
    assert.deepEqual(mismatch(SIGNED.slice(1)), {
      signed: ["user-agent", "x-topic", "x-empty"],
      missing: ["user-agent"],
    });
    assert.deepEqual(mismatch(SIGNED.slice(0, 2))["missing"], ["x-empty"]);
    assert.deepEqual(mismatch([])["missing"], ["user-agent", "x-topic", "x-empty"]);
    const hdr = claimHeaders([["x-note", "null"]]);
    refused("headers_mismatch", () => matchHeaders({ hdr }, new Headers()));
  },
  "matchHeaders() refuses every other value": () => {
    const withTopic = (...values: string[]): Fields => [
      ...SIGNED.filter(([name]) => name !== "x-topic"),
      ...values.map((value) => ["x-topic", value] as const),
    ];
    const others = [
      withTopic("orders"),
      withTopic("Orders, invoices"),
      withTopic("orders,invoices"),
      withTopic("orders,  invoices"),
      withTopic("orders , invoices"),
      withTopic("orders, invoices,"),
      withTopic("orders, invoices", ""),
      withTopic("invoices", "orders"),
      withTopic("orders, invoices", "orders, invoices"),
      withTopic(""),
      withTopic("orders\u00a0invoices"),
    ];
    for (const received of others) {
      const told = { signed: ["user-agent", "x-topic", "x-empty"], missing: [] };
      assert.deepEqual(mismatch(received), told, JSON.stringify(received));
    }
    // The headers `user-agent` and `x-topic` have exchanged their values.
    mismatch([
      ["user-agent", "orders, invoices"],
      ["x-topic", "sender/1"],
      ["x-empty", ""],
    ]);
    mismatch([...SIGNED.slice(0, 2), ["x-empty", "0"]]);
  },
  "matchHeaders() refuses another digest, and other names with the same digest": () => {
    const { hdr } = claim();
    assert.ok(hdr !== undefined);
    const received = toHeaders(SIGNED);
    for (const names of [["user-agent"], hdr.names.toReversed(), [...hdr.names, "x-topic"]]) {
      refused("headers_mismatch", () => matchHeaders({ hdr: { ...hdr, names } }, received));
    }
    for (const digest of ["", hdr.digest.toLowerCase(), hdr.digest.replaceAll(":", ""), digestOf("")]) {
      refused("headers_mismatch", () => matchHeaders({ hdr: { ...hdr, digest } }, received));
    }
  },
  "no two lists of headers have the same claim": () => {
    const text = fc.string({ unit: fc.constantFrom(..."ab:, -"), maxLength: 5 }).map((value) => value.trim());
    const fields = fc.uniqueArray(fc.tuple(fc.constantFrom("a", "b", "a-b", "a:"), text), {
      selector: ([name]) => name,
      maxLength: 4,
    });
    fc.assert(
      fc.property(fields, fields, (one, other) => {
        const isSame = JSON.stringify(claimHeaders(one)) === JSON.stringify(claimHeaders(other));
        assert.equal(isSame, JSON.stringify(one) === JSON.stringify(other));
      }),
      { numRuns: 500 },
    );
  },
  "selectSignedHeaders() gives the handler the headers that were signed and that the policy forwards, and Content-Type":
    (fixtures) => {
      const received = {
        "content-type": "text/plain",
        "user-agent": "a/1",
        "x-hub-signature-256": "sha256=a",
        "x-topic": "orders",
        "x-event": "1",
        "x-order": "2",
        "x-other": "3",
      };
      const all = ["user-agent", "x-topic", "x-event", "x-order", "x-hub-signature-256", "x-other", "x-absent"];
      const { "x-other": _, ...forwarded } = received;
      assert.deepEqual(Object.fromEntries(handedOut(fixtures, received, all)), forwarded);
      const some = ["x-topic", "x-event", "x-order"];
      assert.deepEqual(handedOut(fixtures, received, some), [
        ["content-type", "text/plain"],
        ["x-topic", "orders"],
        ["x-event", "1"],
        ["x-order", "2"],
      ]);
      const added = { "content-type": "a/b", accept: "*/*", "content-encoding": "gzip", "x-hub-signature-256": "b" };
      assert.deepEqual(handedOut(fixtures, added, []), [["content-type", "a/b"]]);
      assert.deepEqual(handedOut(fixtures, {}, []), []);
    },
  "selectSignedHeaders() refuses a header that the policy names and the edge did not sign": (fixtures) => {
    for (const name of ["x-topic", "x-event", "x-order"]) {
      const refuse = () => handedOut(fixtures, { [name]: "1", "x-other": "2" }, ["x-signed"]);
      assert.deepEqual(refused("headers_mismatch", refuse).details, { signed: ["x-signed"], unsigned: [name] });
    }
    const three = { "x-order": "1", "x-event": "1", "x-topic": "" };
    const { details } = refused("headers_mismatch", () => handedOut(fixtures, three, []));
    assert.deepEqual(details["unsigned"], ["x-topic", "x-event", "x-order"]);
  },
  "selectSignedHeaders() needs no second signature for Content-Type if a route names it": (fixtures) => {
    const handed = handedOut(fixtures, { "content-type": "text/plain" }, [], ["Content-Type"]);
    assert.deepEqual(handed, [["content-type", "text/plain"]]);
  },
};
