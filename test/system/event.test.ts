// Follows one event from the proven certificate to the inbox, once through the local edge and once through the deployed bundle.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { issueCertificate } from "../../cli/dev/authority.ts";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import { startTestEdge } from "../support/local-edge.ts";
import type { LogLines } from "../support/log-lines.ts";
import { readEvents, startTestOrigin, type TestOrigin } from "../support/origin.ts";
import { ACME, createSenders, MARKER, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { type TlsClientAuth, tlsClientAuth } from "../support/tls-client-auth.ts";
import { startWorkerd } from "../support/workerd.ts";

interface Edge {
  readonly lines: LogLines;
  send(tls: TlsClientAuth, target: string, body: string): Promise<{ status: number; body: string }>;
}

/** The IP address of the sender, as Cloudflare reports it. */
const PEER = "192.0.2.7";
const HEADERS = [
  ["Content-Type", "application/json"],
  ["CF-Connecting-IP", PEER],
] as const;

const stack = new AsyncDisposableStack();
let senders: Senders;
let key: PrivateJwk;
let origin: TestOrigin;
const edges = {} as Record<"local" | "deployed", Edge>;

beforeAll(async () => {
  senders = await createSenders();
  const { policy } = senders;
  key = await newSigningKey();
  origin = await startTestOrigin(stack, { policy, keys: [publicJwk(key)] });
  const local = await startTestEdge(stack, { policy, originUrl: origin.url, keys: [key] });
  edges.local = {
    lines: local.lines,
    async send(tls, target, body) {
      const response = await local.send({ tls, target, body, headers: Object.fromEntries(HEADERS) });
      return { status: response.status, body: await response.text() };
    },
  };
  const SIGNING_KEYS = JSON.stringify({ keys: [key] });
  const { deployed } = await startWorkerd(stack, policy, { deployed: { SIGNING_KEYS, ORIGIN_URL: origin.url } });
  edges.deployed = {
    lines: deployed.lines,
    async send(tls, target, body) {
      const answer = await deployed.send({ tls, target, body, headers: HEADERS });
      return { status: answer.status, body: answer.body.toString() };
    },
  };
});
afterAll(() => stack.disposeAsync());

/** A time in the format of RFC 3339, in UTC and with milliseconds. */
const AT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const eventsWithBody = (body: string) =>
  readEvents(origin.inboxFile).filter((event) => Buffer.from(event["body"] as Uint8Array).toString() === body);

describe.each(["local", "deployed"] as const)("%s edge", (name) => {
  test("brings an event to the inbox, under one id everywhere", async () => {
    const target = "/hooks/acme/orders?b=2&a=%41";
    const body = JSON.stringify({ event: "completed", through: name });
    const answer = await edges[name].send(tlsClientAuth(senders.acme), target, body);
    expect(answer.status).toBe(202);
    const { event: id } = JSON.parse(answer.body);
    expect(eventsWithBody(body)).toMatchObject([
      { id, sender: ACME, target, method: "POST", content_type: "application/json" },
    ]);
    const certificate = { subject: `CN=${ACME},O=${MARKER} Inc` };
    expect(await edges[name].lines.of(id)).toMatchObject({
      decision: "forwarded",
      sender: ACME,
      status: 202,
      certificate,
      ...{ level: "info", at: expect.stringMatching(AT), method: "POST", milliseconds: expect.any(Number) },
    });
    const accepted = origin.lines.all.find(({ edgeDecision }) => edgeDecision === id);
    expect(accepted).toMatchObject({ decision: "accepted", sender: ACME, certificate, method: "POST" });
    expect(accepted).toMatchObject({
      peer: expect.stringMatching(/^(::ffff:)?127\.0\.0\.1$/),
      milliseconds: expect.any(Number),
    });
    expect(accepted).not.toHaveProperty("policyDrift");
  });

  test("proves a certificate by the intermediates that the sender sent", async () => {
    const ca = await issueCertificate({ subject: [{ CN: [`${MARKER} Issuing`] }], ca: {} }, senders.root);
    const leaf = await issueCertificate({ subject: [{ O: [`${MARKER} Inc`] }, { CN: [ACME] }] }, ca);
    const body = JSON.stringify({ event: "by an intermediate", through: name });
    const answer = await edges[name].send(tlsClientAuth(leaf, [ca]), "/hooks/acme", body);
    expect(answer.status).toBe(202);
    expect(eventsWithBody(body)).toHaveLength(1);
  });

  test("stores the same event twice when its sender sends it twice", async () => {
    const body = JSON.stringify({ event: "sent twice", through: name });
    const tls = tlsClientAuth(senders.acme);
    const answers = [
      await edges[name].send(tls, "/hooks/acme", body),
      await edges[name].send(tls, "/hooks/acme", body),
    ];
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    expect(eventsWithBody(body)).toHaveLength(2);
  });

  test("stores no event that it refuses", async () => {
    const body = JSON.stringify({ event: "refused", through: name });
    const answer = await edges[name].send(tlsClientAuth(senders.beta), "/hooks/acme", body);
    expect(answer.status).toBe(403);
    expect(eventsWithBody(body)).toEqual([]);
    const { decision } = JSON.parse(answer.body) as { decision: string };
    expect(await edges[name].lines.of(decision)).toMatchObject({ level: "warn", method: "POST", peer: PEER });
  });
});
