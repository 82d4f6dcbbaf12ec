// How sources are asked, and what is told of their lists.

import assert from "node:assert/strict";
import { type Crl, parseCrl } from "../../core/crl.ts";
import {
  CRL_REQUEST_HEADERS,
  conditionAfter,
  describeCrl,
  digestOf,
  failureCode,
  isUrl,
  readCrlResponse,
} from "../../core/crl-source.ts";
import { fromBase64 } from "./der-edit.ts";
import type { Cases } from "./scene.ts";

export const cases: Cases = {
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
  "describeCrl() says of a list in PEM that it came as one": ({ crls }) => {
    const list = parseCrl(fromBase64(crls.root));
    assert.equal(describeCrl(list, true).form, "PEM");
    assert.ok(!Object.hasOwn(describeCrl(list, false), "form"));
  },
  "failureCode() claims a list only where there is one": () => {
    assert.deepEqual([true, false].map(failureCode), ["revocation_list_kept", "revocation_list_missing"]);
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
