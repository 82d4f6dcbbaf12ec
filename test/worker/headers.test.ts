// Tests what the origin receives from a sender's request: the body and the headers that the policy lists, all unchanged, and the
// headers that the edge adds. Other headers of the request make no difference. The tests use the deployed bundle, and an origin
// that records every header as received.

import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contentDigest } from "../support/forgery.ts";
import { type HeaderList, listen, type RecordedRequest, record, valuesOf } from "../support/http.ts";
import { createSenders, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { type DeployedEdge, type EdgeRequest, startWorkerd } from "../support/workerd.ts";

const stack = new AsyncDisposableStack();
const received: RecordedRequest[] = [];
let senders: Senders;
let edge: DeployedEdge;

beforeAll(async () => {
  senders = await createSenders();
  const originUrl = await listen(stack, async (incoming, outgoing) => {
    received.push(await record(incoming));
    outgoing.writeHead(202).end();
  });
  const SIGNING_KEYS = JSON.stringify({ keys: [await newSigningKey()] });
  ({ edge } = await startWorkerd(stack, senders.policy, { edge: { SIGNING_KEYS, ORIGIN_URL: originUrl } }));
});
afterAll(() => stack.disposeAsync());

/** Sends one request that must be forwarded. Returns what the origin received. */
async function forwarded(request: EdgeRequest = {}): Promise<RecordedRequest> {
  received.length = 0;
  const answer = await edge.send({ tls: tlsClientAuth(senders.acme, [senders.root]), body: "{}", ...request });
  expect(answer.status).toBe(202);
  expect(received).toHaveLength(1);
  return received[0] as RecordedRequest;
}

const SPOOF = "spoofed-by-the-sender";

/** Expects that each header that the edge adds occurs exactly once. */
function expectOurs(request: RecordedRequest): void {
  expect(valuesOf(request.headers, "countersign-assertion")).toEqual([
    expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]{86}$/),
  ]);
  expect(valuesOf(request.headers, "client-cert")).toEqual([`:${senders.acme.base64}:`]);
  expect(valuesOf(request.headers, "client-cert-chain")).toEqual([`:${senders.root.base64}:`]);
  expect(valuesOf(request.headers, "content-digest")).toEqual([contentDigest(request.body)]);
}

const NEVER_FORWARDED = [
  "Countersign-Assertion",
  "Client-Cert",
  "Client-Cert-Chain",
  "Content-Digest",
  "X-Forwarded-For",
  "X-Forwarded-Host",
  "X-Forwarded-Proto",
  "X-Forwarded-Client-Cert",
  "X-Real-IP",
  "Forwarded",
  "CF-Connecting-IP",
  "CF-Worker",
  "Cf-Access-Jwt-Assertion",
  "Cf-Client-Cert-Der-Base64",
  "Cf-Cert-Verified",
  "MF-CF-Blob",
  "MF-Original-URL",
  "Authorization",
  "Proxy-Authorization",
  "Cookie",
  "X-Unlisted",
];

const spellings: [string, (name: string) => string][] = [
  ["as documented", (name) => name],
  ["in lower case", (name) => name.toLowerCase()],
  ["in upper case", (name) => name.toUpperCase()],
  ["with underscores", (name) => name.replaceAll("-", "_")],
  ["with underscores in upper case", (name) => name.replaceAll("-", "_").toUpperCase()],
  ["with the last hyphen an underscore", (name) => name.replace(/-(?=[^-]*$)/, "_")],
];

describe("edge drops what a sender spoofs", () => {
  test.each(spellings)("names %s (CVE-2025-64484)", async (_, spell) => {
    const names = NEVER_FORWARDED.map(spell);
    const request = await forwarded({ headers: names.map((name) => [name, SPOOF]) });
    expectOurs(request);
    expect(JSON.stringify(request.headers)).not.toContain(SPOOF);
  });

  test("each name twice, in two spellings", async () => {
    const headers: HeaderList = NEVER_FORWARDED.flatMap((name) => [
      [name, SPOOF],
      [name.toUpperCase(), `${SPOOF}-again`],
    ]);
    const request = await forwarded({ headers });
    expectOurs(request);
    expect(JSON.stringify(request.headers)).not.toContain(SPOOF);
  });

  test.each(["Countersign-Assertion", "Client-Cert", "Client-Cert-Chain", "Content-Digest", "content-type"])(
    "%s named in Connection (CVE-2024-45410)",
    async (name) => {
      const request = await forwarded({
        headers: [
          ["Connection", `keep-alive, ${name}`],
          [name, "application/spoofed"],
          ["Keep-Alive", name],
        ],
      });
      expectOurs(request);
      expect(valuesOf(request.headers, "connection").join()).not.toMatch(/cert|assert|digest|type/i);
    },
  );

  test("an assertion of the edge itself, sent back to it", async () => {
    const first = await forwarded();
    const [old = ""] = valuesOf(first.headers, "countersign-assertion");
    const second = await forwarded({ headers: [["Countersign-Assertion", old]] });
    expectOurs(second);
    expect(valuesOf(second.headers, "countersign-assertion")).not.toContain(old);
  });

  test("a client certificate in a header only", async () => {
    received.length = 0;
    const blob = JSON.stringify({ tlsClientAuth: tlsClientAuth(senders.acme, [], { certVerified: "SUCCESS" }) });
    const answer = await edge.send({
      body: "{}",
      headers: [
        ["MF-CF-Blob", blob],
        ["Client-Cert", `:${senders.acme.base64}:`],
      ],
    });
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "no-client-certificate" });
    expect(received).toEqual([]);
  });

  test("a chain when the sender sent none (CVE-2026-30851)", async () => {
    const tls = tlsClientAuth(senders.acme);
    const request = await forwarded({ tls, headers: [["Client-Cert-Chain", `:${senders.root.base64}:`]] });
    expect(valuesOf(request.headers, "client-cert-chain")).toEqual([]);
  });
});

describe("edge forwards", () => {
  const listed: HeaderList = [
    ["Accept", "text/xml"],
    ["Content-Language", "de"],
    ["Content-Type", 'application/json; charset="utf-8"'],
    ["SOAPAction", '"urn:Notify"'],
    ["User-Agent", "Quill/1.0 (webhooks)"],
  ];

  test("the headers that describe body and sender", async () => {
    const { headers } = await forwarded({ headers: listed });
    for (const [name, value] of listed) expect(valuesOf(headers, name)).toEqual([value]);
  });

  test("the route's own headers, in any case, at this route only", async () => {
    const headers: HeaderList = [["x-QUILL-signature", "v1=abc"]];
    expect(valuesOf((await forwarded({ headers })).headers, "x-quill-signature")).toEqual(["v1=abc"]);
    const elsewhere = await forwarded({ target: "/hooks/large", headers });
    expect(valuesOf(elsewhere.headers, "x-quill-signature")).toEqual([]);
  });

  test("no header that nobody sent or listed", async () => {
    const { headers } = await forwarded();
    const ours = ["client-cert", "client-cert-chain", "content-digest", "countersign-assertion"];
    const ofHttp = ["content-length", "host"];
    expect(headers.map(([name]) => name.toLowerCase()).sort()).toEqual([...ours, ...ofHttp].sort());
  });

  test("method and target as sent", async () => {
    const target = "/hooks/acme/a%20b/c?b=2&a=1&b=%7e&empty=&plus=+";
    expect(await forwarded({ method: "PUT", target })).toMatchObject({ method: "PUT", target });
  });

  const everyByte = Uint8Array.from({ length: 256 * 64 }, (_, i) => i % 256);
  const bodies: [string, Uint8Array, HeaderList][] = [
    ["binary", everyByte, []],
    ["empty", new Uint8Array(), []],
    ["gzip-encoded", gzipSync("a body that the sender compressed"), [["Content-Encoding", "gzip"]]],
    ["mislabelled as gzip", Buffer.from("no gzip"), [["Content-Encoding", "gzip"]]],
    ["of text in UTF-16", Buffer.from("\ufeffübung", "utf16le"), [["Content-Type", "text/plain; charset=utf-16"]]],
  ];

  test.each(bodies)("a body byte by byte: %s", async (_, body, headers) => {
    const request = await forwarded({ body, headers });
    expect(Buffer.compare(request.body, body)).toBe(0);
    expectOurs(request);
    for (const [name, value] of headers) expect(valuesOf(request.headers, name)).toEqual([value]);
  });

  test("a body that came in chunks", async () => {
    const request = await forwarded({ body: [everyByte.subarray(0, 3), everyByte.subarray(3)] });
    expect(Buffer.compare(request.body, everyByte)).toBe(0);
    expectOurs(request);
  });

  test("a GET without a body", async () => {
    const request = await forwarded({ method: "GET", body: "" });
    expect(request).toMatchObject({ method: "GET", body: Buffer.alloc(0) });
    expectOurs(request);
  });

  test("no GET with a body, because fetch cannot send one", async () => {
    received.length = 0;
    const tls = tlsClientAuth(senders.acme);
    for (const body of ["{}", [Buffer.from("{}")]]) {
      expect((await edge.send({ tls, method: "GET", body })).status).toBe(413);
    }
    expect(received).toEqual([]);
  });
});
