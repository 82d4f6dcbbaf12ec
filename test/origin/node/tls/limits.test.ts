// Tests how much of the listener one client can use, and how the listener serves its clients after it was told to stop. The tests
// run concurrently, because each waits for a time limit.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TLS_DEADLINES } from "../../../../origin/node/tls/listener.ts";
import { readEvents } from "../../../support/origin.ts";
import { MAX_BODY_BYTES } from "../../../support/senders.ts";
import { connectTls, sendOnce, TlsSender, type TlsServer } from "../../../support/tls-client.ts";
import { A, startTlsOrigin } from "../../../support/tls-origin.ts";
import { startTlsProcess, type TlsFiles, type TlsProcess, writeTlsFiles } from "../../../support/tls-process.ts";

const stack = new AsyncDisposableStack();
let files: TlsFiles;
let origin: TlsProcess;

beforeAll(async () => {
  files = await writeTlsFiles(stack);
  origin = await startTlsProcess(stack, files);
});
afterAll(() => stack.disposeAsync());

const head = (length: number, more = "") =>
  `POST /hooks/acme HTTP/1.1\r\nHost: ${A}\r\nContent-Length: ${length}\r\n${more}\r\n`;

/** Opens a sender's connection, on which a test can write any octets. */
async function connectSender(to: TlsFiles = files, server: TlsServer = origin.server): Promise<TLSSocket> {
  const { pem: cert, keyPem: key } = to.senders.acme;
  const socket = await connectTls(stack, server, { cert, key });
  socket.on("error", () => {});
  return socket;
}

/**
 * Writes an octet twice a second until the server closes the connection. Resolves with the response and the seconds that this took.
 */
async function drip(socket: TLSSocket, first: string, byte: string) {
  const started = Date.now();
  const answer = text(socket);
  socket.write(first);
  const dripping = setInterval(() => socket.write(byte), 500);
  try {
    return { answer: await answer.catch(() => ""), seconds: (Date.now() - started) / 1000 };
  } finally {
    clearInterval(dripping);
  }
}

/** Half of the time that a body may take, in seconds. The other half is for slow machines. */
const SOON_ENOUGH = TLS_DEADLINES.request / 2_000;

describe.concurrent("a listener", () => {
  test("closes a handshake that is not finished in ten seconds", async () => {
    const socket = connect(origin.port, "127.0.0.1");
    stack.defer(() => void socket.destroy());
    socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1]));
    const started = Date.now();
    await once(socket, "close");
    const seconds = (Date.now() - started) / 1000;
    expect(seconds).toBeGreaterThan(9);
    expect(seconds).toBeLessThan(SOON_ENOUGH);
  });

  test("closes a connection whose headers are not complete in ten seconds, even if data keeps arriving", async () => {
    const { answer, seconds } = await drip(
      await connectSender(),
      `POST /hooks/acme HTTP/1.1\r\nHost: ${A}\r\nX-A: `,
      "a",
    );
    expect(answer).toMatch(/^(HTTP\/1\.1 408 .*[\s\S]*)?$/);
    expect(seconds).toBeGreaterThan(9);
    expect(seconds).toBeLessThan(SOON_ENOUGH);
  });

  test("serves others while many are slow", async () => {
    const slow = await Promise.all(Array.from({ length: 50 }, () => connectSender()));
    for (const socket of slow) socket.write(`${head(1000)}{`);
    const started = Date.now();
    const answers = await Promise.all(Array.from({ length: 20 }, () => sendOnce(origin.server, files.senders.acme)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(202));
    expect((Date.now() - started) / 1000).toBeLessThan(SOON_ENOUGH);
    for (const socket of slow) socket.destroy();
  });

  test("answers headers over 16 KiB with 431", async () => {
    const socket = await connectSender();
    socket.write(head(2, `X-Large: ${"a".repeat(17 * 1024)}\r\n`));
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test.each([
    ["a declared length", `Content-Length: ${MAX_BODY_BYTES + 1}`, ""],
    [
      "a chunk",
      "Transfer-Encoding: chunked",
      `${(MAX_BODY_BYTES + 1).toString(16)}\r\n${"a".repeat(MAX_BODY_BYTES + 1)}\r\n0\r\n\r\n`,
    ],
  ])("answers a body over the route's limit with 413: %s", async (_, framing, body) => {
    const socket = await connectSender();
    const answered = once(socket, "data");
    socket.write(`POST /hooks/acme HTTP/1.1\r\nHost: ${A}\r\n${framing}\r\n\r\n${body}`);
    expect(String(await answered)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("accepts a thousand connections, closes further ones, and logs that once", async () => {
    const own = new AsyncDisposableStack();
    stack.defer(() => own.disposeAsync());
    // The deadlines are long, so that no connection ends before the last one is opened.
    const deadlines = { ...TLS_DEADLINES, handshake: 120_000, headers: 120_000, request: 120_000 };
    const crowded = await startTlsOrigin(own, { policy: files.senders.policy, deadlines });
    const sockets: Socket[] = [];
    own.defer(() => {
      for (const socket of sockets) socket.destroy();
    });
    const open = async () => {
      const socket = connect(crowded.port, "127.0.0.1");
      socket.on("error", () => {});
      sockets.push(socket);
      await once(socket, "connect");
      return socket;
    };
    // The system queues at most 511 connections that the server has not accepted yet. If more connections waited, a client would
    // retry its connection later, perhaps after `above` is opened. So one in a hundred connections makes a handshake. When the
    // handshake is complete, the server has accepted all earlier connections.
    while (sockets.length < 1_000) {
      await Promise.all(Array.from({ length: 99 }, open));
      sockets.push(await connectSender(files, crowded.at(A)));
    }
    const above = await open();
    await once(above.resume(), "close");
    expect(sockets.filter(({ destroyed }) => destroyed)).toEqual([above]);
    await once((await open()).resume(), "close");
    await crowded.lines.with({ decision: "failed", code: "connections_full", dropped: 1, peer: "127.0.0.1" });
    expect(crowded.lines.all.filter(({ code }) => code === "connections_full")).toHaveLength(1);
  });
});

describe.concurrent("SIGTERM", () => {
  async function startOwn(): Promise<{ files: TlsFiles; origin: TlsProcess; stack: AsyncDisposableStack }> {
    const own = new AsyncDisposableStack();
    stack.defer(() => own.disposeAsync());
    const files = await writeTlsFiles(own);
    return { files, origin: await startTlsProcess(own, files), stack: own };
  }
  const isRefused = async (port: number) => {
    const socket = connect(port, "127.0.0.1");
    const [error] = await once(socket, "error").catch(() => [undefined]);
    return (error as NodeJS.ErrnoException | undefined)?.code === "ECONNREFUSED";
  };

  test("answers requests in progress, closes idle connections, accepts nothing new, ends with 0", async () => {
    const { files, origin, stack: own } = await startOwn();
    const idle = await connectSender(files, origin.server);
    const used = new TlsSender(origin.server, files.senders.acme);
    own.defer(() => used.close());
    const { socket: keptAlive } = await used.send();
    const halfHead = await connectSender(files, origin.server);
    halfHead.write("POST /hooks/acme HTTP/1.1\r\n");
    const inFlight = await connectSender(files, origin.server);
    inFlight.write(`${head(4)}{ `);
    // This request goes to the process that also serves the connections above. When the response arrives, the process has read
    // everything that was written to these connections.
    expect((await sendOnce(origin.server, files.senders.acme)).status).toBe(202);

    const ended = origin.stop();
    await Promise.all(
      [idle, keptAlive, halfHead].map(
        (socket) => socket.closed || new Promise((resolve) => socket.resume().once("close", resolve)),
      ),
    );
    expect(await isRefused(origin.port)).toBe(true);
    origin.process.kill("SIGHUP");
    const answer = text(inFlight);
    inFlight.write(" }");
    expect(await answer).toMatch(/^HTTP\/1\.1 202 [\s\S]*\r\nconnection: close\r\n/i);
    expect(await ended).toBe(0);
  });

  test("loses no event that was acknowledged, with senders that never pause", async () => {
    const { files, origin, stack: own } = await startOwn();
    let accepted = 0;
    let enough = () => {};
    const underWay = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const hammer = async () => {
      const sender = new TlsSender(origin.server, files.senders.acme);
      own.defer(() => sender.close());
      try {
        for (;;) {
          const { status } = await sender.send();
          if (status !== 202) throw new Error(`answered with ${status}`);
          accepted += 1;
          if (accepted === 100) enough();
        }
      } catch (error) {
        return (error as NodeJS.ErrnoException).code;
      }
    };
    const senders = Array.from({ length: 8 }, hammer);
    await underWay;
    const started = Date.now();
    expect(await origin.stop()).toBe(0);
    // The stop ended before its deadline. If it had lasted until the deadline, it would have destroyed open connections.
    expect(Date.now() - started).toBeLessThan(20_000);
    for (const code of await Promise.all(senders)) expect(code).toMatch(/^(ECONNREFUSED|ECONNRESET|EPIPE)$/);
    const stored = readEvents(files.inbox).length;
    expect(stored).toBeGreaterThanOrEqual(accepted);
    expect(stored).toBeLessThanOrEqual(accepted + senders.length);
  });
});
