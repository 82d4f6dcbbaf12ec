// Tests the digest of a policy. Policies with the same meaning must have the same digest. Policies with different meanings must
// have different digests.

import assert from "node:assert/strict";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { type Cases, pemOf } from "../../support/scenes/certificates.ts";
import { documentOf, ENTRY, type Json, put, ROUTE, TRUST } from "../../support/scenes/policy.ts";

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, reversed(member)]),
  );
}

export const cases: Cases = {
  "the digest is the same for every layout of one policy": (fixtures) => {
    const document = documentOf(fixtures);
    const { digest } = compilePolicy(document);
    assert.match(digest, /^[0-9a-f]{64}$/);
    assert.equal(compilePolicy(reversed(document)).digest, digest);
    assert.equal(compilePolicy(JSON.parse(JSON.stringify(document, null, 2))).digest, digest);
    assert.equal(compilePolicy({ ...document, $schema: "./elsewhere.json" }).digest, digest);
  },
  "the digest changes with any value": (fixtures) => {
    const { certificates } = fixtures;
    const { digest } = compilePolicy(documentOf(fixtures));
    const changes: (readonly [readonly (string | number)[], Json])[] = [
      [["anchors", "root"], pemOf(certificates.stranger)],
      [["anchors", "second"], pemOf(certificates.stranger)],
      [[...ENTRY, "subject", "CN"], "Client.example"],
      [[...ENTRY, "subject", "O"], ["Countersign Tests"]],
      [[...ENTRY, "san", "dns", 0], "client.example."],
      [[...ENTRY, "until"], "2030-01-01"],
      [[...TRUST, "platform"], true],
      [[...TRUST, "maxChainDepth"], 4],
      [
        [...ROUTE, "methods"],
        ["POST", "PUT"],
      ],
      [[...ROUTE, "maxBodyBytes"], 1001],
      [[...ROUTE, "headers"], []],
      [["deny", 0], { spkiSha256: "00".repeat(32) }],
      [["deny"], []],
    ];
    const digests = changes.map(([path, value]) => {
      const document = documentOf(fixtures);
      put(document, path, value);
      return compilePolicy(document).digest;
    });
    assert.equal(new Set([digest, ...digests]).size, changes.length + 1);
  },
};
