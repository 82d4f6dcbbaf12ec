// Tests an upstream with every kind of fault, under load. Each event must be sent again until the upstream accepts it.

import { writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { expectBalance } from "./books.ts";
import { createFaultWorld, sleep } from "./world.ts";

const ATTEMPT_SECONDS = 1;
const PHASE_MILLISECONDS = 1_200;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/**
 * For each fault by name, the way in which the upstream responds to a request. None of these responses means that the event was
 * handled.
 */
const FAULTS: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  slow: (_, response) => void setTimeout(() => response.destroy(), ATTEMPT_SECONDS * 2_000),
  "slow in its head": (_, response) => void response.socket?.write("HTTP/1.1 200 OK\r\nX-"),
  resetting: (request) => void request.socket.resetAndDestroy(),
  "resetting in its head": (request) => void request.socket.end("HTTP/1.1 200 O"),
  garbage: (request) => void request.socket.end("\u0000\u0001 no answer\r\n\r\n"),
  failing: (_, response) => void response.writeHead(500).end(),
  "busy for a moment": (_, response) => void response.writeHead(503, { "retry-after": "1" }).end(),
  "not deployed": (_, response) => void response.writeHead(404).end(),
  redirecting: (_, response) => void response.writeHead(302, { location: "/elsewhere" }).end(),
};

/**
 * Starts an upstream at this port. The member `fault` of the returned upstream sets its behaviour. After `refuse()`, nothing
 * listens at the port.
 */
async function startUpstream(port: number) {
  const handled = new Set<string>();
  const upstream = { handled, fault: "", faults: 0, listen, refuse };
  const server = createServer(async (request, response) => {
    const fault = FAULTS[upstream.fault];
    if (fault !== undefined) {
      upstream.faults += 1;
      return fault(request, response);
    }
    const event = (await json(request).catch(() => undefined)) as { id: string } | undefined;
    // The event is undefined if the body is incomplete, because the origin ended the attempt or the connection was closed.
    if (event !== undefined) response.writeHead(204).end(() => handled.add(event.id));
  });
  function listen(): Promise<void> {
    return new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  }
  function refuse(): Promise<void> {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  }
  stack.defer(() => (server.listening ? refuse() : undefined));
  await listen();
  return upstream;
}

/** The reasons for failed attempts that the log must contain. */
const REASONS: readonly RegExp[] = [
  /no answer within 1 s/,
  /gave no answer: (ECONNRESET|UND_ERR_SOCKET)/,
  /gave no answer: Response does not match the HTTP/,
  /gave no answer: ECONNREFUSED/,
  /^answered 500/,
  /^answered 503/,
  /^answered 404/,
  /^answered 302: a redirect/,
];

type Upstream = Awaited<ReturnType<typeof startUpstream>>;

test("an upstream that is slow, resets, refuses or responds with nonsense loses no event", async () => {
  const directory = temporaryDirectory(stack);
  const keys = join(directory, "own.json");
  writeFileSync(keys, JSON.stringify({ keys: [await newSigningKey()] }));
  const [port, upstreamPort] = [await freePort(), await freePort()];
  const upstream = await startUpstream(upstreamPort);
  const world = await createFaultWorld(stack, join(directory, "inbox.sqlite"), {
    handling: [
      ...["--upstream", `http://127.0.0.1:${upstreamPort}`, "--origin-issuer", "https://inner.example.com"],
      ...["--signing-keys", keys, "--attempt-seconds", String(ATTEMPT_SECONDS), "--retry-seconds", "1"],
    ],
    handled: () => upstream.handled,
  });
  const origin = await world.start(port);
  let isOver = false;
  const load = world.send([port], () => isOver);
  for (const fault of Object.keys(FAULTS)) await misbehave(upstream, fault);
  await upstream.refuse();
  const isRefused = () => origin.lines.some(({ reason }) => String(reason).includes("ECONNREFUSED"));
  await expect.poll(isRefused).toBe(true);
  await sleep(PHASE_MILLISECONDS);
  await upstream.listen();
  isOver = true;
  await load;
  expectBalance(await world.balance(`SQLite, an upstream with ${Object.keys(FAULTS).length + 1} faults`));
  expect(await origin.stop()).toBe(0);
  const reasons = origin.lines.filter(({ decision }) => decision === "retrying").map(({ reason }) => String(reason));
  expect(REASONS.filter((expected) => !reasons.some((reason) => expected.test(reason)))).toEqual([]);
  expect(origin.lines.filter(({ decision }) => decision === "dead")).toEqual([]);
});

/** Gives the upstream this fault for some time. Then removes the fault, and waits until the upstream handles events again. */
async function misbehave(upstream: Upstream, fault: string): Promise<void> {
  upstream.fault = fault;
  upstream.faults = 0;
  await expect.poll(() => upstream.faults, { message: fault }).toBeGreaterThan(0);
  await sleep(PHASE_MILLISECONDS);
  upstream.fault = "";
  const handled = upstream.handled.size;
  await expect.poll(() => upstream.handled.size, { message: `after ${fault}` }).toBeGreaterThan(handled);
}
