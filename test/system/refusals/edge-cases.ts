// Refusals because of the request itself, and because of a fault in something that the edge needs. The tests use the deployed
// bundle.

import { once } from "node:events";
import { connect } from "node:tls";
import type { Problem, RefusalCode } from "../../../core/refusal.ts";
import type { RawAnswer } from "../../support/http.ts";
import { HOST, MAX_BODY_BYTES } from "../../support/senders.ts";
import { tlsClientAuth } from "../../support/tls-client-auth.ts";
import { CF_HEADER, type DeployedEdge, type EdgeRequest } from "../../support/workerd.ts";
import type { RefusalCase, World } from "./world.ts";

function requested(
  [code, status, problem]: readonly [RefusalCode, number, Problem],
  name: string,
  request: EdgeRequest,
  edge: keyof World["edges"] = "good",
): RefusalCase {
  return {
    code,
    name,
    status,
    problem,
    async provoke({ edges, acme }) {
      const answer = await edges[edge].send({ tls: tlsClientAuth(acme), body: "{}", ...request });
      return { answer, lines: edges[edge].lines };
    },
  };
}

const malformedTarget = ["malformed_target", 400, "malformed-request"] as const;
const malformedHeaders = ["malformed_headers", 400, "malformed-request"] as const;
const tooLarge = ["body_too_large", 413, "body-too-large"] as const;
const redirected = ["origin_redirected", 502, "bad-gateway"] as const;
const unavailable = ["origin_unavailable", 503, "unavailable"] as const;
const misconfigured = ["misconfigured", 500, "internal-error"] as const;

export const EDGE_CASES: readonly RefusalCase[] = [
  requested(["plain_http", 403, "https-required"], "plain HTTP", { isPlainHttp: true }),
  requested(["unknown_host", 421, "unknown-host"], "another host", {
    target: `/hooks/acme`,
    headers: [["X-Forwarded-Host", HOST]],
    host: "other.example.com",
  }),
  requested(["unknown_host", 421, "unknown-host"], "the host with a trailing dot", { host: `${HOST}.` }),
  requested(["unknown_host", 421, "unknown-host"], "the host with another port", { host: `${HOST}:8443` }),
  requested(["unknown_route", 404, "not-found"], "a path without a route", { target: "/hooks/acme2" }),
  requested(["unknown_route", 404, "not-found"], "a route in another case", { target: "/hooks/ACME" }),
  requested(malformedTarget, "a route with an encoded letter", { target: "/hooks/%61cme" }),
  requested(malformedTarget, "a route with an encoded slash", { target: "/hooks%2Facme" }),
  requested(malformedTarget, "a route with an empty segment", { target: "/hooks//acme" }),
  requested(["unknown_route", 404, "not-found"], "a route with a slash at its end", { target: "/hooks/acme2/" }),
  requested(["method_not_allowed", 405, "method-not-allowed"], "a method that the route does not list", {
    method: "DELETE",
  }),
  requested(["method_not_allowed", 405, "method-not-allowed"], "a POST of keys", { target: "/.well-known/jwks.json" }),
  requested(malformedTarget, "dot segments", { target: "/hooks/beta/../acme" }),
  requested(malformedTarget, "encoded dot segments", { target: "/hooks/beta/%2e%2e/acme" }),
  requested(malformedTarget, "two slashes in front", { target: "//hooks/acme" }),
  requested(malformedTarget, "a backslash", { target: "/hooks\\acme" }),
  requested(malformedHeaders, "a Content-Type that is no ASCII", {
    headers: [["Content-Type", "text/plain; x=\u00e9"]],
  }),
  requested(malformedHeaders, "more headers than an origin takes", { headers: [["User-Agent", "x".repeat(17_000)]] }),
  requested(tooLarge, "a declared length over the limit", { body: Buffer.alloc(MAX_BODY_BYTES + 1) }),
  requested(tooLarge, "chunks over the limit", { body: chunks(MAX_BODY_BYTES + 1) }),
  {
    code: "body_incomplete",
    name: "a body that breaks off",
    status: 400,
    problem: "malformed-request",
    async provoke({ edges: { good }, acme }) {
      return {
        answer: await breakOff(good, JSON.stringify({ tlsClientAuth: tlsClientAuth(acme) })),
        lines: good.lines,
      };
    },
  },
  requested(["origin_unreachable", 503, "unavailable"], "an origin whose port refuses", {}, "refusing"),
  requested(["origin_timeout", 504, "gateway-timeout"], "an origin that never answers", {}, "silent"),
  ...[301, 302, 303, 307, 308].map((status) =>
    requested(redirected, `a redirect with ${status}`, { target: `/hooks/acme?status=${status}` }, "redirecting"),
  ),
  requested(
    ["origin_malformed", 502, "bad-gateway"],
    "a status that none may have",
    { target: "/hooks/acme?status=600" },
    "redirecting",
  ),
  requested(["origin_refused", 502, "bad-gateway"], "our own origin, which knows another key", {}, "distrusted"),
  requested(unavailable, "our own origin, which cannot store", {}, "unstored"),
  requested(unavailable, "our own origin, which has no keys yet", {}, "untrusting"),
  {
    code: "queue_unavailable",
    name: "a queue that takes nothing",
    status: 503,
    problem: "unavailable",
    async provoke({ unqueued, acme }) {
      const response = await unqueued.send({ tls: tlsClientAuth(acme) });
      const body = Buffer.from(await response.arrayBuffer());
      const answer = { status: response.status, headers: Object.fromEntries(response.headers), body };
      return { answer, lines: unqueued.lines };
    },
  },
  requested(misconfigured, "an edge without keys", {}, "keyless"),
  requested(misconfigured, "an edge with keys that are none", {}, "badKeys"),
  requested(misconfigured, "an edge without its variables", {}, "unset"),
];

function* chunks(size: number) {
  for (let sent = 0; sent < size; sent += 1024) yield Buffer.alloc(Math.min(1024, size - sent));
}

/** Sends half a body. Then ends only the writing side of the connection, so that the response can still be read. */
async function breakOff({ port, ca }: DeployedEdge, cf: string): Promise<RawAnswer> {
  const socket = connect({ port, host: "127.0.0.1", ca, servername: HOST });
  const head = `POST /hooks/acme HTTP/1.1\r\nHost: ${HOST}\r\n${CF_HEADER}: ${cf}\r\nTransfer-Encoding: chunked\r\n\r\n`;
  socket.end(`${head}5\r\nhello\r\n`);
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  await once(socket, "close");
  const [first = "", body = ""] = text.split("\r\n\r\n");
  const [line = "", ...fields] = first.split("\r\n");
  const headers = Object.fromEntries(
    fields.map((field) => [field.split(": ")[0]?.toLowerCase(), field.split(": ")[1]]),
  );
  return { status: Number(line.split(" ")[1]), headers, body: Buffer.from(body) };
}
