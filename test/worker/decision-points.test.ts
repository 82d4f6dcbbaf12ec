// Tests data points for Analytics Engine. If the edge has a dataset, the edge writes one data point for each decision. If writing a
// data point fails, the response must not change.

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publicJwk } from "../../core/assertion/keys.ts";
import { type LocalEdge, startTestEdge } from "../support/local-edge.ts";
import { startTestOrigin } from "../support/origin.ts";
import { ACME, createSenders, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { NO_CERTIFICATE, tlsClientAuth } from "../support/tls-client-auth.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let edge: LocalEdge;

beforeAll(async () => {
  senders = await createSenders();
  const { policy } = senders;
  const key = await newSigningKey();
  const origin = await startTestOrigin(stack, { policy, keys: [publicJwk(key)] });
  edge = await startTestEdge(stack, {
    policy,
    originUrl: origin.url,
    keys: [key],
    config: {
      main: fileURLToPath(new URL("../support/counting-edge.js", import.meta.url)),
      analytics_engine_datasets: [{ binding: "DECISIONS", dataset: "decisions" }],
    },
  });
});
afterAll(() => stack.disposeAsync());

const points = () => edge.lines.all.filter(({ decision }) => String(decision) === "point").map(({ point }) => point);

test("each decision writes one point, and no value in it was chosen by a stranger", async () => {
  const tls = tlsClientAuth(senders.acme);
  const accepted = await edge.send({ tls, body: "{}", headers: { "Content-Type": "application/json" } });
  expect(accepted.status).toBe(202);
  expect((await edge.send({ tls: NO_CERTIFICATE, body: "{}" })).status).toBe(403);
  expect((await edge.send({ tls, target: "/hooks/<script>" })).status).toBe(404);
  await edge.lines.with({ code: "unknown_route" });
  // A data point is written after the log line of its own request, but before the log line of the next request. So the test sends
  // one more request and waits for its log line.
  await edge.send({ tls, target: "/marker" });
  await edge.lines.with({ code: "unknown_route", path: "/marker" });
  const milliseconds = expect.any(Number);
  expect(points().slice(0, 3)).toEqual([
    { indexes: ["/hooks/acme"], blobs: ["forwarded", "", "/hooks/acme", ACME], doubles: [202, milliseconds] },
    {
      indexes: ["/hooks/acme"],
      blobs: ["refused", "no_certificate", "/hooks/acme", ""],
      doubles: [403, milliseconds],
    },
    { indexes: [""], blobs: ["refused", "unknown_route", "", ""], doubles: [404, milliseconds] },
  ]);
});

test("a dataset that refuses a point changes no response, and is logged", async () => {
  const tls = tlsClientAuth(senders.acme);
  const headers = { "Content-Type": "application/json", "Test-Fault": "over the limit" };
  const answer = await edge.send({ tls, body: '{"n":2}', headers });
  expect(answer.status).toBe(202);
  expect(await edge.lines.with({ decision: "failed", code: "point_not_written" })).toMatchObject({
    why: "TypeError: over the limit",
  });
});
