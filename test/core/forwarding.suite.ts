// Where a delivery may go, and the headers that bring it there.

import assert from "node:assert/strict";
import { formatForwardedHeaders } from "../../core/forwarded-headers.ts";
import { isHttpsOrLoopback } from "../../core/secure-url.ts";
import { deliver } from "./assertion-scene.ts";
import type { Cases } from "./scene.ts";

export const cases: Cases = {
  "formatForwardedHeaders() writes the sender's headers, the assertion and what it is bound to": async (fixtures) => {
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
  "formatForwardedHeaders() leaves out the certificates that there are not, or no longer": async (fixtures) => {
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
  "isHttpsOrLoopback() takes HTTPS to anybody, and HTTP to this machine alone": () => {
    const accepted = ["https://a.example/", "https://10.0.0.1/", "http://127.0.0.1:8080/", "http://localhost/x"];
    for (const url of [...accepted, "http://[::1]:1/"]) assert.ok(isHttpsOrLoopback(new URL(url)), url);
    const refused = ["http://a.example/", "http://127.0.0.2/", "http://localhost.example/", "http://[::2]/"];
    for (const url of [...refused, "ftp://localhost/", "ws://127.0.0.1/", "http:a"])
      assert.ok(!isHttpsOrLoopback(new URL(url)), url);
  },
};
