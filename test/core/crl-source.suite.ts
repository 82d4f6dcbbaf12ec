// What a source gave, beside what it gave before.

import assert from "node:assert/strict";
import { type Crl, parseCrl } from "../../core/crl.ts";
import { acceptCrl, conditionAfter, describeCrl, isUrl } from "../../core/crl-source.ts";
import { compilePolicy } from "../../core/policy-compiler.ts";
import { fromBase64 } from "./der-edit.ts";
import { type Cases, type CrlName, type Fixtures, policyDocument } from "./scene.ts";

/** Accepts a list in the place of another, under a policy with the anchor `root`. */
function accept(fixtures: Fixtures, name: CrlName, kept?: CrlName | Crl, now = fixtures.now): Crl {
  const { crls } = fixtures;
  const keptList = typeof kept === "string" ? parseCrl(fromBase64(crls[kept])) : kept;
  return acceptCrl(fromBase64(crls[name]), keptList, compilePolicy(policyDocument(fixtures)), now);
}

function rejects(message: RegExp, ...parameters: Parameters<typeof accept>): void {
  assert.throws(() => accept(...parameters), { message });
}

export const cases: Cases = {
  "acceptCrl() takes a first list as it is, also one that is out of date": (fixtures) => {
    for (const name of ["root", "rootStale", "rootFuture", "openssl"] as const) {
      assert.equal(accept(fixtures, name).issuer, "CN=Root,O=Countersign Tests,C=US");
    }
  },
  "acceptCrl() refuses a list that the policy's authority of that name did not sign": (fixtures) => {
    rejects(/not signed by the key of CN=Root,/, fixtures, "rootForged");
    rejects(/not signed/, fixtures, "rootForged", "root");
  },
  "acceptCrl() takes the list of an authority that the policy does not hold": (fixtures) => {
    assert.equal(accept(fixtures, "intermediate").issuer, "CN=Intermediate,O=Countersign Tests,C=US");
  },
  "acceptCrl() takes a newer list, and keeps the old one when nothing is new": (fixtures) => {
    assert.equal(accept(fixtures, "rootNewer", "root").number, 2n);
    assert.equal(accept(fixtures, "rootSameTime", "root").number, 2n);
    const kept = accept(fixtures, "root");
    assert.equal(accept(fixtures, "root", kept), kept);
  },
  "acceptCrl() refuses to go back to an older list": (fixtures) => {
    rejects(/older than the one kept/, fixtures, "root", "rootNewer");
    rejects(/older than the one kept/, fixtures, "root", "rootSameTime");
    rejects(/older than the one kept/, fixtures, "rootStale", "root");
  },
  "acceptCrl() refuses another authority's list while the one kept is good": (fixtures) => {
    rejects(/the list is of CN=Stranger,.* the one kept of CN=Root,/, fixtures, "stranger", "openssl");
    rejects(/the list is of/, fixtures, "stranger", "rootStale", fixtures.now - 3600);
    assert.equal(accept(fixtures, "stranger", "rootStale").issuer, "CN=Stranger,O=Countersign Tests,C=US");
  },
  "acceptCrl() refuses to replace a list by one that is not current": (fixtures) => {
    rejects(/not yet valid/, fixtures, "rootFuture", "root");
    rejects(/out of date/, fixtures, "rootNewer", "root", fixtures.now + 30 * 24 * 3600);
  },
  "acceptCrl() refuses what is no list": (fixtures) => {
    const policy = compilePolicy(policyDocument(fixtures));
    for (const text of ["", "<html>", "-----BEGIN X509 CRL-----"]) {
      assert.throws(() => acceptCrl(new TextEncoder().encode(text), undefined, policy, fixtures.now), SyntaxError);
    }
  },
  "describeCrl() tells the facts for a log line": ({ crls }) => {
    assert.deepEqual(describeCrl(parseCrl(fromBase64(crls.rootRevokesDirect))), {
      issuer: "CN=Root,O=Countersign Tests,C=US",
      thisUpdate: "2026-12-31T23:00:00Z",
      nextUpdate: "2027-01-08T00:00:00Z",
      number: "1",
      entries: 2,
    });
  },
  "conditionAfter() asks by the entity tag, else by the date, and by nothing that is too long to keep": () => {
    const date = "Wed, 21 Oct 2026 07:28:00 GMT";
    const ask = (headers: Record<string, string>) => conditionAfter(new Headers(headers));
    assert.deepEqual(ask({ etag: 'W/"1"', "last-modified": date }), { "if-none-match": 'W/"1"' });
    assert.deepEqual(ask({ "last-modified": date }), { "if-modified-since": date });
    assert.deepEqual(ask({ etag: "x".repeat(300), "last-modified": date }), { "if-modified-since": date });
    assert.deepEqual(ask({}), {});
  },
  "isUrl() tells URLs from files": () => {
    for (const url of ["http://crl.example/a", "https://crl.example/a", "HTTPS://crl.example/a"]) assert.ok(isUrl(url));
    for (const file of ["a.crl", "./http/a.crl", "/etc/http:a", "https/a.crl"]) assert.ok(!isUrl(file));
  },
};
