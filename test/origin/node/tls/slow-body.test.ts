// Tests a body that never ends. When the time limit of the request is over, the connection is closed, even if data keeps arriving.
// The deadlines of this test are short. An operator cannot change them, so only a test can have such deadlines.

import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TLS_DEADLINES } from "../../../../origin/node/tls/listener.ts";
import { readEvents } from "../../../support/origin.ts";
import { createSenders, type Senders } from "../../../support/senders.ts";
import { connectTls, sendOnce, TlsSender } from "../../../support/tls-client.ts";
import { A, startTlsOrigin, type TestTlsOrigin } from "../../../support/tls-origin.ts";

const DEADLINES = { ...TLS_DEADLINES, headers: 5_000, request: 5_000, checkInterval: 100 };
/** The additional time that a slow machine may need. */
const SLACK_MILLISECONDS = 20_000;
const DRIP_MILLISECONDS = 50;
const SLOW_SENDERS = 20;

const stack = new AsyncDisposableStack();
let senders: Senders;
let origin: TestTlsOrigin;
beforeAll(async () => {
  senders = await createSenders();
  origin = await startTlsOrigin(stack, { policy: senders.policy, deadlines: DEADLINES });
});
afterAll(() => stack.disposeAsync());

const connectSender = async (): Promise<TLSSocket> => {
  const socket = await connectTls(stack, origin.at(A), { cert: senders.acme.pem, key: senders.acme.keyPem });
  socket.on("error", () => {});
  return socket;
};

const head = (framing: string) => `POST /hooks/acme HTTP/1.1\r\nHost: ${A}\r\n${framing}\r\n\r\n`;

/** Writes a piece of the body again and again until the server closes the connection. */
async function drip(socket: TLSSocket, framing: string, piece: string) {
  const started = Date.now();
  const answer = text(socket).catch(() => "");
  socket.write(head(framing));
  const dripping = setInterval(() => socket.write(piece), DRIP_MILLISECONDS);
  try {
    return { answer: await answer, milliseconds: Date.now() - started };
  } finally {
    clearInterval(dripping);
  }
}

test("an operator's listener gives a request 60 seconds", () => {
  expect(TLS_DEADLINES).toEqual({
    handshake: 10_000,
    headers: 10_000,
    request: 60_000,
    keepAlive: 15_000,
    checkInterval: 1_000,
  });
});

describe.concurrent("a body that arrives slowly", () => {
  test.each([
    ["of a declared length", "Content-Length: 60000", "a"],
    ["in chunks", "Transfer-Encoding: chunked", "1\r\na\r\n"],
  ])("%s is cut at the deadline, with 408 or none at all, and nothing is stored", async (_, framing, piece) => {
    const { answer, milliseconds } = await drip(await connectSender(), framing, piece);
    expect(answer).toMatch(/^(HTTP\/1\.1 408 [\s\S]*)?$/);
    expect(milliseconds).toBeGreaterThanOrEqual(DEADLINES.request);
    expect(milliseconds).toBeLessThan(DEADLINES.request + SLACK_MILLISECONDS);
  });

  test("many bodies that never end do not prevent other requests, before and after the deadline", async () => {
    const slow = await Promise.all(Array.from({ length: SLOW_SENDERS }, connectSender));
    const cut = slow.map((socket) => drip(socket, "Content-Length: 60000", "a"));
    expect((await sendOnce(origin.at(A), senders.acme)).status).toBe(202);
    for (const { milliseconds } of await Promise.all(cut))
      expect(milliseconds).toBeLessThan(DEADLINES.request + SLACK_MILLISECONDS);
    expect((await sendOnce(origin.at(A), senders.acme)).status).toBe(202);
  });

  test("on a connection that carried a request before is closed too: each request has its own time limit", async () => {
    const sender = new TlsSender(origin.at(A), senders.acme);
    stack.defer(() => sender.close());
    const { status, socket } = await sender.send();
    expect(status).toBe(202);
    await new Promise((resolve) => setTimeout(resolve, DEADLINES.request / 2));
    const started = Date.now();
    socket.write(`${head("Content-Length: 60000")}a`);
    const dripping = setInterval(() => socket.write("a"), DRIP_MILLISECONDS);
    await once(socket, "close");
    clearInterval(dripping);
    expect(Date.now() - started).toBeGreaterThanOrEqual(DEADLINES.request);
    expect(Date.now() - started).toBeLessThan(DEADLINES.request + SLACK_MILLISECONDS);
  });
});

test("only complete bodies were stored, and each incomplete one is in the log", async () => {
  expect(readEvents(origin.inboxFile)).toHaveLength(3);
  const cut = () => origin.lines.all.filter(({ decision }) => decision === "refused").map(({ code }) => code);
  await expect.poll(cut).toEqual(Array(SLOW_SENDERS + 3).fill("body_incomplete"));
});
