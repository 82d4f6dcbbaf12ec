// Tests anchors that have revocation lists in the policy.

import assert from "node:assert/strict";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { type Cases, type Fixtures, pemOf, problemsOf } from "../../support/scenes/certificates.ts";
import { documentOf, type Json, put } from "../../support/scenes/policy.ts";

const ANCHOR = ["anchors", "root"] as const;

function withAnchor(fixtures: Fixtures, crls: Json, certificate = pemOf(fixtures.certificates.root)) {
  const document = documentOf(fixtures);
  put(document, ANCHOR, { certificate, crls });
  return document;
}

const problems = (fixtures: Fixtures, crls: Json) => problemsOf(() => compilePolicy(withAnchor(fixtures, crls)));
const places = (fixtures: Fixtures, crls: Json) => problems(fixtures, crls).map((problem) => problem.split(": ")[0]);

export const cases: Cases = {
  "compilePolicy() reads an anchor with revocation lists, and an anchor without them as before": (fixtures) => {
    const rule = { sources: ["http://crl.example/root.crl", "crls/root.crl"], freshness: "prefer" };
    const policy = compilePolicy(withAnchor(fixtures, rule));
    assert.deepEqual(policy.anchors[0]?.revocation, rule);
    assert.equal(policy.anchors[0]?.certificate.base64, fixtures.certificates.root);
    assert.deepEqual(policy.crlSources, rule.sources);
    const plain = compilePolicy(documentOf(fixtures));
    assert.equal(plain.anchors[0]?.revocation, undefined);
    assert.deepEqual(plain.crlSources, []);
  },
  "compilePolicy() lists a source only once if several anchors name it": (fixtures) => {
    const rule = { sources: ["http://crl.example/"], freshness: "require" };
    const document = withAnchor(fixtures, rule);
    put(document, ["anchors", "stranger"], { certificate: pemOf(fixtures.certificates.stranger), crls: rule });
    assert.deepEqual(compilePolicy(document).crlSources, rule.sources);
  },
  "compilePolicy() gives a policy with other revocation lists another digest": (fixtures) => {
    const digest = (freshness: string) =>
      compilePolicy(withAnchor(fixtures, { sources: ["http://crl.example/"], freshness })).digest;
    assert.notEqual(digest("require"), digest("prefer"));
  },
  "compilePolicy() accepts URLs and paths as sources": (fixtures) => {
    const sources = ["https://crl.example:8443/a?b", "http://127.0.0.1/", "a.crl", "/var/lib/crls/a b.crl", "../a"];
    assert.deepEqual(compilePolicy(withAnchor(fixtures, { sources, freshness: "require" })).crlSources, sources);
  },
  "compilePolicy() reports every problem of an anchor's lists with its place": (fixtures) => {
    const bad = [
      "",
      "ftp://crl.example/",
      "file:///etc/a.crl",
      "ldap:///CN=x",
      "https://user:secret@crl.example/",
      "https://crl.example/#a",
      "http://",
      "a\nb",
      `https://crl.example/${"a".repeat(500)}`,
    ];
    assert.deepEqual(
      places(fixtures, { sources: bad, freshness: "require" }),
      bad.map((_, index) => `/anchors/root/crls/sources/${index}`),
    );
    assert.ok(!problems(fixtures, { sources: bad, freshness: "require" }).join().includes("secret"));
    assert.deepEqual(places(fixtures, { sources: [], freshness: "sometimes" }), [
      "/anchors/root/crls/sources",
      "/anchors/root/crls/freshness",
    ]);
    assert.deepEqual(places(fixtures, {}), ["/anchors/root/crls/sources", "/anchors/root/crls/freshness"]);
    assert.deepEqual(places(fixtures, { sources: ["a"], freshness: "require", mode: "x" }), [
      "/anchors/root/crls/mode",
    ]);
    assert.deepEqual(places(fixtures, { sources: "a", freshness: "require" }), ["/anchors/root/crls/sources"]);
    assert.deepEqual(places(fixtures, null), ["/anchors/root/crls"]);
  },
  "compilePolicy() asks for certificate and lists if an anchor is not text": (fixtures) => {
    const placesWith = (anchor: Json) => {
      const document = documentOf(fixtures);
      put(document, ANCHOR, anchor);
      return problemsOf(() => compilePolicy(document)).map((problem) => problem.split(": ")[0]);
    };
    const certificate = pemOf(fixtures.certificates.root);
    assert.deepEqual(placesWith({ certificate }), ["/anchors/root/crls"]);
    assert.deepEqual(placesWith({}), ["/anchors/root/certificate", "/anchors/root/crls"]);
    for (const anchor of [5, true, [], null]) assert.equal(placesWith(anchor)[0]?.startsWith("/anchors/root"), true);
    const crls = { sources: ["a"], freshness: "require" };
    assert.deepEqual(placesWith({ certificate: "no PEM", crls }), ["/anchors/root"]);
    assert.deepEqual(placesWith({ certificate: pemOf(fixtures.certificates.direct), crls }), ["/anchors/root"]);
  },
};
