// Tests to which URLs a delivery may be forwarded, and which headers are forwarded with it.

import assert from "node:assert/strict";
import { formatForwardedHeaders } from "../../../core/delivery/forwarded-headers.ts";
import { readContentType, selectForwardedHeaders } from "../../../core/delivery/headers.ts";
import { type Sender, selectRoute } from "../../../core/policy/policy.ts";
import { isHttpsOrLoopback } from "../../../core/url.ts";
import { MAX_FORWARDED_HEADER_CHARACTERS } from "../../../core/wire.ts";
import { deliver } from "../../support/scenes/assertion.ts";
import { type Cases, type Fixtures, refused } from "../../support/scenes/certificates.ts";
import { compileSenders, github } from "../../support/scenes/factors.ts";

/** Returns the names of the received headers that are forwarded. `members` are members of the sender in the policy. */
function forwardedFrom(fixtures: Fixtures, members: Readonly<Record<string, unknown>>, received: HeadersInit) {
  const policy = compileSenders(fixtures, { sender: { ...github("ONE"), ...members } });
  const [sender] = policy.senders as [Sender];
  return selectForwardedHeaders(new Headers(received), selectRoute(policy, "/hooks", "POST"), sender);
}

export const cases: Cases = {
  "selectForwardedHeaders() selects the headers from which the sender's signature and keys are read": (fixtures) => {
    const received = {
      "x-hub-signature-256": "sha256=a",
      "x-event": "1",
      "x-order": "2",
      "x-other": "3",
      accept: "*/*",
    };
    const forwarded = (members: Readonly<Record<string, unknown>> = {}) => forwardedFrom(fixtures, members, received);
    const [accept, signature] = [
      ["accept", "*/*"],
      ["x-hub-signature-256", "sha256=a"],
    ];
    assert.deepEqual(forwarded(), [accept, signature]);
    const keys = { eventKey: { header: "X-Event" }, orderKey: { header: "X-Order" } };
    assert.deepEqual(forwarded(keys), [accept, signature, ["x-event", "1"], ["x-order", "2"]]);
    assert.deepEqual(forwarded({ ...keys, eventKey: { pointers: ["/id"] } }), [accept, signature, ["x-order", "2"]]);
  },
  "selectForwardedHeaders() forwards no header in which a sender of the route has a token": (fixtures) => {
    const received = { "x-token": "secret", "x-hub-signature-256": "sha256=a", accept: "*/*" };
    const forward = (headers: { header: string }, shadow?: readonly string[]) => {
      const held = { token: { ...headers, secrets: ["TOKEN"] } };
      const policy = compileSenders(
        fixtures,
        { sender: { ...github("ONE"), eventKey: { header: "X-Token" } }, held },
        shadow,
      );
      const [sender] = policy.senders as [Sender];
      return selectForwardedHeaders(new Headers(received), selectRoute(policy, "/hooks", "POST"), sender);
    };
    assert.deepEqual(Object.keys(Object.fromEntries(forward({ header: "X-Other" }))), [
      "accept",
      "x-hub-signature-256",
      "x-token",
    ]);
    for (const shadow of [undefined, ["held"]]) {
      const names = Object.keys(Object.fromEntries(forward({ header: "X-Token" }, shadow)));
      assert.deepEqual(names, ["accept", "x-hub-signature-256"]);
    }
    assert.deepEqual(
      forward({ header: "X-Hub-Signature-256" }).map(([name]) => name),
      ["accept", "x-token"],
    );
  },
  "selectForwardedHeaders() refuses more headers than an origin accepts": (fixtures) => {
    const name = "user-agent";
    const forwarded = (characters: number) =>
      forwardedFrom(fixtures, {}, { [name]: "a".repeat(characters - name.length) });
    assert.equal(forwarded(MAX_FORWARDED_HEADER_CHARACTERS).length, 1);
    const { details } = refused("malformed_headers", () => forwarded(MAX_FORWARDED_HEADER_CHARACTERS + 1));
    assert.deepEqual(details, { characters: MAX_FORWARDED_HEADER_CHARACTERS + 1 });
    const half = "a".repeat(MAX_FORWARDED_HEADER_CHARACTERS / 2);
    refused("malformed_headers", () => forwardedFrom(fixtures, {}, { [name]: half, accept: half }));
  },
  "readContentType() reads only ASCII, which every runtime decodes in the same way": () => {
    const read = (value: string) => readContentType(new Headers({ "content-type": value }));
    for (const value of ["a", "text/plain; charset=utf-8", "a\tb~"]) assert.equal(read(value), value);
    assert.equal(readContentType(new Headers({ accept: "a" })), "");
    for (const value of ["é", "a\u0080", "text/\u00ff", "é/a"]) refused("malformed_headers", () => read(value));
  },
  "formatForwardedHeaders() writes the sender's headers, the assertion and the certificates to which it is bound":
    async (fixtures) => {
      const { client, intermediate } = fixtures.certificates;
      const delivery = await deliver(fixtures);
      const headers = [["content-type", "text/plain"] as const];
      assert.deepEqual(formatForwardedHeaders({ ...delivery, headers }, "a.b.c"), {
        "content-type": "text/plain",
        "countersign-assertion": "a.b.c",
        "client-cert": `:${client}:`,
        "client-cert-chain": `:${intermediate}:`,
        "content-digest": delivery.contentDigest,
      });
    },
  "formatForwardedHeaders() leaves out certificates that are missing or no longer known": async (fixtures) => {
    const delivery = await deliver(fixtures);
    const { certificate } = delivery;
    assert.ok(certificate !== undefined);
    const names = (changed: typeof certificate | undefined) =>
      Object.keys(formatForwardedHeaders({ ...delivery, headers: [], certificate: changed }, "a.b.c"));
    const always = ["countersign-assertion", "content-digest"];
    assert.deepEqual(names(undefined), always);
    assert.deepEqual(names({ ...certificate, der: "" }), always);
    assert.deepEqual(names({ ...certificate, intermediates: [] }), [
      "countersign-assertion",
      "client-cert",
      "content-digest",
    ]);
  },
  "isHttpsOrLoopback() allows HTTPS to every host, and HTTP only to this machine": () => {
    const accepted = ["https://a.example/", "https://10.0.0.1/", "http://127.0.0.1:8080/", "http://localhost/x"];
    for (const url of [...accepted, "http://[::1]:1/"]) assert.ok(isHttpsOrLoopback(new URL(url)), url);
    const refused = ["http://a.example/", "http://127.0.0.2/", "http://localhost.example/", "http://[::2]/"];
    for (const url of [...refused, "ftp://localhost/", "ws://127.0.0.1/", "http:a"])
      assert.ok(!isHttpsOrLoopback(new URL(url)), url);
  },
};
