// Tests the requests to the sources of revocation lists, and what is reported about these lists.

import assert from "node:assert/strict";
import { sha256 } from "../../../core/crypto.ts";
import {
  CRL_REQUEST_HEADERS,
  conditionAfter,
  conditionToKeep,
  describeCrl,
  failureCode,
  isAskedWhole,
  isUrl,
  readCrlResponse,
} from "../../../core/revocation/source.ts";
import { type Crl, parseCrl } from "../../../core/x509/crl.ts";
import { fromBase64 } from "../../support/certificates/der-edit.ts";
import type { Cases } from "../../support/scenes/certificates.ts";

export const cases: Cases = {
  "readCrlResponse() reads the list of a good response, up to the limit": async () => {
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
  "sha256() returns hex": () => {
    const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert.equal(sha256(new TextEncoder().encode("abc")), digest);
  },
  "describeCrl() leaves out the number if a list has none": ({ crls }) => {
    const { number: _, ...list } = parseCrl(fromBase64(crls.root));
    const told = describeCrl({ ...list, number: undefined } as Crl);
    assert.ok(!Object.hasOwn(told, "number"));
    assert.equal(describeCrl({ ...list, number: 255n } as Crl).number, "ff");
  },
  "describeCrl() returns the facts for a log line": ({ crls }) => {
    assert.deepEqual(describeCrl(parseCrl(fromBase64(crls.rootRevokesDirect))), {
      issuer: "CN=Root,O=Countersign Tests,C=US",
      thisUpdate: "2026-12-31T23:00:00Z",
      nextUpdate: "2027-01-08T00:00:00Z",
      number: "1",
      entries: 2,
    });
  },
  "describeCrl() says that a list was in PEM": ({ crls }) => {
    const list = parseCrl(fromBase64(crls.root));
    assert.equal(describeCrl(list, true).form, "PEM");
    assert.ok(!Object.hasOwn(describeCrl(list, false), "form"));
  },
  "failureCode() names a list only if there is one": () => {
    assert.deepEqual([true, false].map(failureCode), ["revocation_list_kept", "revocation_list_missing"]);
  },
  "conditionAfter() uses the entity tag, else the date, and nothing that is too long to keep": () => {
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
  "conditionAfter() uses only a single entity tag, and not a wildcard": () => {
    const ask = (etag: string) => conditionAfter(new Headers({ etag }))["if-none-match"];
    for (const etag of ['"a"', 'W/"a"', '""', '"a, b"', '"*"', "5f-6a1", "W/1"]) assert.equal(ask(etag), etag);
    for (const etag of ["*", '"a", "b"', '"a",*', "a, b", '"a', 'x"a"', "a b", ""]) assert.equal(ask(etag), undefined);
  },
  "conditionToKeep() keeps over http only the condition of a proven response": () => {
    const condition = { "if-none-match": '"1"' };
    for (const source of ["https://crl.example/a", "lists/a.crl", "./http:a"]) {
      for (const isProven of [true, false]) assert.equal(conditionToKeep(source, condition, isProven), condition);
    }
    for (const source of ["http://crl.example/a", "HTTP://crl.example/a"]) {
      assert.equal(conditionToKeep(source, condition, true), condition);
      assert.deepEqual(conditionToKeep(source, condition, false), {});
    }
  },
  "isAskedWhole() is true once a day for http": () => {
    const [at, day] = [1_000_000, 86_400];
    assert.equal(isAskedWhole("http://crl.example/a", at, at + day - 1), false);
    assert.equal(isAskedWhole("http://crl.example/a", at, at + day), true);
    for (const source of ["https://crl.example/a", "a.crl"]) assert.equal(isAskedWhole(source, at, at + day), false);
  },
  "isUrl() distinguishes URLs from files": () => {
    for (const url of ["http://crl.example/a", "https://crl.example/a", "HTTPS://crl.example/a"]) assert.ok(isUrl(url));
    for (const file of ["a.crl", "./http/a.crl", "/etc/http:a", "https/a.crl"]) assert.ok(!isUrl(file));
  },
};
