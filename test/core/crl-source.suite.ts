// What a source gave, beside what it gave before.

import assert from "node:assert/strict";
import { type Crl, parseCrl } from "../../core/crl.ts";
import {
  acceptCrl,
  CRL_REQUEST_HEADERS,
  conditionAfter,
  describeCrl,
  digestOf,
  isUrl,
  readCrlResponse,
} from "../../core/crl-source.ts";
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
  "acceptCrl() takes the list that one of two authorities of a name signed": (fixtures) => {
    const policy = compilePolicy(policyDocument(fixtures, { anchors: ["rootTwin", "root"] }));
    const take = (name: CrlName) => acceptCrl(fromBase64(fixtures.crls[name]), undefined, policy, fixtures.now);
    assert.equal(take("root").issuer, "CN=Root,O=Countersign Tests,C=US");
    assert.throws(() => take("rootForged"), { message: /not signed by the key of/ });
  },
  "acceptCrl() judges the dates of a list to the second": (fixtures) => {
    const { thisUpdate, nextUpdate } = accept(fixtures, "rootNewer");
    assert.equal(accept(fixtures, "rootNewer", "root", thisUpdate).thisUpdate, thisUpdate);
    assert.equal(accept(fixtures, "rootNewer", "root", nextUpdate).thisUpdate, thisUpdate);
    rejects(/^the list is not yet valid$/, fixtures, "rootNewer", "root", thisUpdate - 1);
    rejects(/^the list is out of date$/, fixtures, "rootNewer", "root", nextUpdate + 1);
    const kept = accept(fixtures, "rootStale");
    rejects(/the list is of CN=Stranger/, fixtures, "stranger", kept, kept.nextUpdate);
    const stranger = accept(fixtures, "stranger");
    const expired = { ...kept, nextUpdate: stranger.thisUpdate - 1 };
    assert.equal(accept(fixtures, "stranger", expired, stranger.thisUpdate).issuer, stranger.issuer);
  },
  "readCrlResponse() reads the list of a good answer, up to the limit": async () => {
    const bytes = Uint8Array.of(1, 2, 3);
    assert.deepEqual(await readCrlResponse(new Response(bytes), 3), bytes);
    const faults: readonly (readonly [RegExp, Response])[] = [
      [/^the source answered with 404$/, new Response(bytes, { status: 404 })],
      [/^the source answered with 206$/, new Response(bytes, { status: 206 })],
      [/^the list is empty or over 2 bytes$/, new Response(bytes)],
      [/^the list is empty or over 2 bytes$/, new Response(null)],
    ];
    for (const [message, response] of faults) await assert.rejects(readCrlResponse(response, 2), { message });
    assert.deepEqual(CRL_REQUEST_HEADERS, { accept: "application/pkix-crl" });
  },
  "digestOf() is SHA-256 in hex": () => {
    const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert.equal(digestOf(new TextEncoder().encode("abc")), digest);
  },
  "describeCrl() leaves out the number of a list that has none": ({ crls }) => {
    const { number: _, ...list } = parseCrl(fromBase64(crls.root));
    const told = describeCrl({ ...list, number: undefined } as Crl);
    assert.ok(!Object.hasOwn(told, "number"));
    assert.equal(describeCrl({ ...list, number: 255n } as Crl).number, "ff");
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
    const longest = "x".repeat(256);
    assert.deepEqual(ask({ etag: longest, "last-modified": date }), { "if-none-match": longest });
    assert.deepEqual(ask({ "last-modified": longest }), { "if-modified-since": longest });
    assert.deepEqual(ask({ etag: `${longest}x`, "last-modified": `${longest}x` }), {});
  },
  "isUrl() tells URLs from files": () => {
    for (const url of ["http://crl.example/a", "https://crl.example/a", "HTTPS://crl.example/a"]) assert.ok(isUrl(url));
    for (const file of ["a.crl", "./http/a.crl", "/etc/http:a", "https/a.crl"]) assert.ok(!isUrl(file));
  },
};
