// Tests requests that are refused before a handler runs, because the header `Host` is not exactly one host, or because Node's
// parser refuses the request. Every server must give one response and log one line. The log line must contain no secret of the
// request.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { Health } from "../../origin/service/health.ts";
import { Metrics } from "../../origin/service/metrics/metrics.ts";
import { serveMetrics } from "../../origin/service/metrics/server.ts";
import { forwardedRequest } from "../support/forgery.ts";
import { LogLines } from "../support/log-lines.ts";
import { startTestOrigin, type TestOrigin } from "../support/origin.ts";
import { ACME, BETA, createSenders, HOST, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { A, startTlsOrigin, type TestTlsOrigin } from "../support/tls-origin.ts";
import { CF_HEADER, type DeployedEdge, startWorkerd } from "../support/workerd.ts";
import { startOrigin } from "../system/proxy/world.ts";

const SECRET = "S3cretOfTheSender";

const stack = new AsyncDisposableStack();
let senders: Senders;
let key: PrivateJwk;
let policy: PolicyDocument;
let edge: DeployedEdge;
let origin: TestOrigin;
let listener: TestTlsOrigin;
let proxied: { readonly lines: LogLines; readonly socket: string };
let overTls: { readonly lines: LogLines; readonly port: number; readonly proxy: Identity };
let metrics: { readonly lines: LogLines; readonly port: number };

beforeAll(async () => {
  senders = await createSenders();
  key = await newSigningKey();
  // A request for `/acme` with `Host: 1/hooks` must not reach the route `/hooks/acme`.
  const routes = { "/acme": { senders: [BETA], methods: ["POST"] }, ...senders.policy.routes };
  policy = { ...senders.policy, routes };
  origin = await startTestOrigin(stack, { policy, keys: [publicJwk(key)] });
  const bindings = { SIGNING_KEYS: JSON.stringify({ keys: [key] }), ORIGIN_URL: origin.url };
  ({ edge } = await startWorkerd(stack, policy, { edge: bindings }));
  listener = await startTlsOrigin(stack, { policy });
  const socket = join(temporaryDirectory(stack), "origin.sock");
  const { lines } = await startOrigin(stack, { senders: { policy } }, "rfc9440", { socket, mode: 0o600 });
  proxied = { lines, socket };
  overTls = await startOverTls();
  const metricLines = new LogLines();
  const sources = { metrics: await Metrics.load("1.0.0"), health: new Health(1) };
  const served = await serveMetrics(sources, { hostname: "127.0.0.1", port: 0 }, metricLines.push);
  stack.defer(() => served.close());
  metrics = { lines: metricLines, port: Number(new URL(served.url).port) };
});
afterAll(() => stack.disposeAsync());

async function startOverTls() {
  const ca = await issueCertificate({ subject: [{ CN: ["proxy CA"] }], ca: {} });
  const proxy = await issueCertificate({ subject: [{ CN: ["proxy"] }] }, ca);
  const server = await issueCertificate({ subject: [{ CN: [A] }] }, senders.root);
  const { url, lines } = await startOrigin(stack, { senders: { policy } }, "rfc9440", {
    hostname: "127.0.0.1",
    port: 0,
    certificate: server.pem,
    key: server.keyPem,
    proxy: { ca: ca.pem, subject: "CN=proxy" },
  });
  return { lines, port: Number(new URL(url).port), proxy };
}

interface Way {
  readonly name: string;
  /** The value of `Host` with which this server accepts a request. */
  readonly host: string;
  /** The maximum size of the request line and the headers together. */
  readonly headKibibytes: number;
  readonly lines: () => LogLines;
  readonly open: () => Socket;
  /** Returns the headers that prove the sender, so that this server accepts the request. */
  readonly proof?: () => readonly string[];
}

const certificateField = () => [`Client-Cert: :${senders.acme.base64}:`];

const SERVERS: readonly Way[] = [
  {
    name: "the origin behind the edge",
    host: "origin",
    headKibibytes: 64,
    lines: () => origin.lines,
    open: () => connect(Number(new URL(origin.url).port), "127.0.0.1"),
    proof: () =>
      forwardedRequest({ key, identity: senders.acme, policyDigest: compilePolicy(policy).digest }).headers.map(
        ([name, value]) => `${name}: ${value}`,
      ),
  },
  {
    name: "the TLS listener",
    host: A,
    headKibibytes: 16,
    lines: () => listener.lines,
    open: () => {
      const { port, ca } = listener.at(A);
      const { pem: cert, keyPem } = senders.acme;
      return connectTls({ port, host: "127.0.0.1", ca, cert, key: keyPem, servername: A });
    },
    proof: () => [],
  },
  {
    name: "the socket of a proxy",
    host: "hooks.example.com:8080",
    headKibibytes: 64,
    lines: () => proxied.lines,
    open: () => connect(proxied.socket),
    proof: certificateField,
  },
  {
    name: "the TLS port of a proxy",
    host: "hooks.example.com:80",
    headKibibytes: 64,
    lines: () => overTls.lines,
    open: () => {
      const { pem: cert, keyPem } = overTls.proxy;
      return connectTls({ port: overTls.port, host: "127.0.0.1", cert, key: keyPem, rejectUnauthorized: false });
    },
    proof: certificateField,
  },
  {
    name: "the metrics",
    host: "metrics.example.com",
    headKibibytes: 16,
    lines: () => metrics.lines,
    open: () => connect(metrics.port, "127.0.0.1"),
  },
];

const EDGE: Way = {
  name: "the edge",
  host: HOST,
  headKibibytes: 64,
  lines: () => edge.lines,
  open: () => connectTls({ port: edge.port, host: "127.0.0.1", ca: edge.ca, servername: HOST }),
  proof: () => [`${CF_HEADER}: ${JSON.stringify({ tlsClientAuth: tlsClientAuth(senders.acme) })}`],
};

/**
 * Writes octets, and reads until the connection ends. Returns the statuses of the responses and the logged lines. Normally, this
 * client ends the connection after the response. With "at once", this client ends the connection immediately after writing the
 * octets, because some input gets no response before the connection ends.
 */
async function converse(way: Way, text: string, ends: "at the answer" | "at once" = "at the answer") {
  const lines = way.lines();
  const start = lines.all.length;
  const socket = way.open();
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
    socket.end();
  });
  socket.on("error", () => {});
  socket.write(Buffer.from(text, "latin1"));
  if (ends === "at once") socket.end();
  await new Promise((resolve) => socket.once("close", resolve));
  const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
  return { statuses, lines: () => lines.all.slice(start) };
}

const post = (target: string, fields: readonly string[]) =>
  [`POST ${target} HTTP/1.1`, ...fields, "Content-Length: 2", "Connection: close", "", "{}"].join("\r\n");

const hostFields = (way: Way): Readonly<Record<string, readonly string[]>> => ({
  "that is missing": [],
  "that is empty": ["Host:"],
  "sent twice": [`Host: ${way.host}`, `Host: ${way.host}`],
  "sent for two hosts": [`Host: ${way.host}`, "Host: other.example.com"],
  "sent for two hosts, in another order": ["host: other.example.com", `HOST: ${way.host}`],
  "with a path": ["Host: 1/hooks"],
  "with a path and letters that are encoded again": ["Host: \xfc/hooks"],
  "with a query": [`Host: ${way.host}?${SECRET}`],
  "with a fragment": [`Host: ${way.host}#${SECRET}`],
  "with a user": [`Host: ${SECRET}@${way.host}`],
  "with a backslash": [`Host: ${way.host}\\hooks`],
  "with a space": [`Host: ${way.host} x`],
  "that is a list": [`Host: ${way.host}, ${way.host}`],
  "that is a number": ["Host: 1"],
  "with an invalid port": [`Host: ${way.host.replace(/:.*/, "")}:443x`],
  "with a port in another spelling": [`Host: ${way.host.replace(/:.*/, "")}:0443`],
  "with a colon and no port": [`Host: ${way.host.replace(/:.*/, "")}:`],
  "in capitals": [`Host: ${way.host.toUpperCase()}`],
  "with an escape": [`Host: %61${way.host.slice(1)}`],
});

describe.each(SERVERS)("Host that moves a path: at $name", (way) => {
  test.each(Object.keys(hostFields(way)))("a Host %s is refused", async (kind) => {
    const target = way.proof === undefined ? "/metrics" : "/acme";
    const fields = [...(hostFields(way)[kind] ?? []), ...(way.proof?.() ?? [])];
    const { statuses, lines } = await converse(way, post(target, fields));
    expect(statuses).toEqual([400]);
    await expect.poll(lines).toMatchObject([{ decision: "refused", code: "malformed_host", status: 400 }]);
    expect(JSON.stringify(lines())).not.toContain(SECRET);
  });

  test.runIf(way.proof !== undefined)("a request with its Host is accepted", async () => {
    const { statuses, lines } = await converse(
      way,
      post("/hooks/acme", [`Host: ${way.host}`, ...(way.proof?.() ?? [])]),
    );
    expect(statuses).toEqual([202]);
    await expect.poll(lines).toMatchObject([{ decision: "accepted", sender: ACME }]);
  });
});

describe("Host that moves a path: at the edge", () => {
  test.each([
    "that is empty",
    "sent for two hosts",
    "with a path",
    "with a query",
    "with a user",
    "with a space",
    "that is a list",
  ])("a Host %s gets no further", async (kind) => {
    const fields = [...(hostFields(EDGE)[kind] ?? []), ...(EDGE.proof?.() ?? [])];
    const before = await origin.inbox.count();
    const { statuses, lines } = await converse(EDGE, post("/acme", fields));
    // workerd itself refuses some of these requests with 400.
    for (const status of statuses) expect(status === 421 || status === 400, `${status}`).toBe(true);
    // The test sends another request. When the log line of that request arrives, all log lines of the first request have arrived.
    const { body } = await edge.send({ target: "/unknown" });
    await edge.lines.of(JSON.parse(body.toString()).decision);
    expect(JSON.stringify(lines())).not.toContain(SECRET);
    expect(await origin.inbox.count()).toBe(before);
  });
});

const HEAD = (way: Way) =>
  `POST /hooks/acme?${SECRET} HTTP/1.1\r\nHost: ${way.host}\r\nAuthorization: Basic ${SECRET}\r\n`;

interface Unread {
  readonly octets: (way: Way) => string;
  readonly line: Readonly<Record<string, unknown>>;
  readonly ends?: "at once";
}

const unread = (status: number, parser: string, octets: Unread["octets"]): Unread => ({
  octets,
  line: { status, parser },
});

const UNREAD: Readonly<Record<string, Unread>> = {
  "octets of no URL in the target": unread(400, "HPE_INVALID_URL", (way) =>
    HEAD(way).replace("?", "/\xff?").concat("\r\n"),
  ),
  "header fields over the limit": unread(
    431,
    "HPE_HEADER_OVERFLOW",
    (way) => `${HEAD(way)}X: ${"a".repeat(way.headKibibytes * 1024)}\r\n\r\n`,
  ),
  "a control character in a field": unread(400, "HPE_INVALID_HEADER_TOKEN", (way) => `${HEAD(way)}X: \x01\r\n\r\n`),
  "no method": unread(400, "HPE_INVALID_METHOD", () => `${SECRET} / HTTP/1.1\r\n\r\n`),
  "no version": unread(400, "HPE_INVALID_CONSTANT", () => `GET /${SECRET} x\r\n\r\n`),
  "HTTP/2 without asking": unread(400, "HPE_PAUSED_H2_UPGRADE", () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  "a length and chunks": unread(
    400,
    "HPE_INVALID_TRANSFER_ENCODING",
    (way) => `${HEAD(way)}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n`,
  ),
  "a head that breaks off": { ...unread(400, "HPE_INVALID_EOF_STATE", (way) => HEAD(way)), ends: "at once" },
  "a PROXY header": {
    octets: (way) => `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${HEAD(way)}\r\n`,
    line: { status: 400, parser: "HPE_INVALID_METHOD", why: expect.stringContaining("PROXY protocol") },
  },
  "an expectation": { octets: (way) => `${HEAD(way)}Expect: ${SECRET}\r\n\r\n`, line: { status: 417 } },
  "a tunnel": {
    octets: (way) => `CONNECT ${SECRET}:443 HTTP/1.1\r\nHost: ${way.host}\r\n\r\n`,
    line: { status: 400, reason: "CONNECT" },
  },
};

describe.each(SERVERS)("Refusals without a line: at $name", (way) => {
  test.each(Object.keys(UNREAD))("%s", async (kind) => {
    const { octets, line, ends } = UNREAD[kind] as Unread;
    const { statuses, lines } = await converse(way, octets(way), ends);
    await expect.poll(lines).toMatchObject([{ decision: "refused", code: "request_unreadable", ...line }]);
    expect(statuses).toEqual([line["status"]]);
    expect(JSON.stringify(lines())).not.toContain(SECRET);
    expect(JSON.stringify(lines()).length).toBeLessThan(500);
  });

  test("a connection without any octets is not logged as a request", async () => {
    const { statuses, lines } = await converse(way, "", "at once");
    expect(statuses).toEqual([]);
    await converse(way, "X / HTTP/1.1\r\n\r\n");
    await expect.poll(lines).toMatchObject([{ code: "request_unreadable", parser: "HPE_INVALID_METHOD" }]);
  });
});

describe("Refusals without a line: in a body that is being read", () => {
  test.each(SERVERS.filter(({ proof }) => proof !== undefined))("at $name, a malformed chunk", async (way) => {
    const fields = [`Host: ${way.host}`, ...(way.proof?.() ?? []), "Transfer-Encoding: chunked"];
    const { statuses, lines } = await converse(
      way,
      ["POST /hooks/acme HTTP/1.1", ...fields, "", "zz", ""].join("\r\n"),
    );
    expect(statuses).toEqual([400]);
    const cause = "HPE_INVALID_CHUNK_SIZE: Invalid character in chunk size";
    await expect.poll(lines).toMatchObject([{ decision: "refused", code: "body_incomplete", status: 400, cause }]);
  });
});

test("Refusals without a line: TLS at a port that speaks plain HTTP", async () => {
  const [way] = SERVERS as [Way];
  const start = origin.lines.all.length;
  const socket = connectTls({ port: Number(new URL(origin.url).port), host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "error");
  const line = await way.lines().with({ code: "request_unreadable" }, start);
  expect(line).toMatchObject({ status: 400, why: expect.stringContaining("https://") });
});
