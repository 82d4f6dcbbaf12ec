// Tests every place in the program that sends a request to another host: if no response arrives, the message must say why. Each
// host really fails, and each in a different way.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer, type Server } from "node:net";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LogLine } from "../../core/log-line.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { openCrlStore } from "../../origin/crls/store.ts";
import { judgeError } from "../../origin/dispatch/judge.ts";
import { describeCause } from "../../origin/failure-cause.ts";
import { fetchedKeys } from "../../origin/verification-keys.ts";
import { listen, refusingUrl } from "../support/http.ts";
import { ROOT } from "../support/running.ts";
import { createSenders, type Senders } from "../support/senders.ts";
import { A, issueServers } from "../support/tls-origin.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
const urls: Record<string, string> = {};

beforeAll(async () => {
  senders = await createSenders();
  const { certificate, key } = (await issueServers(A)).hosts[0] as { certificate: string; key: string };
  urls["refuses"] = await refusingUrl();
  urls["has no address"] = "http://no-such-host.invalid";
  urls["redirects"] = await listen(stack, (_, outgoing) => outgoing.writeHead(302, { location: "/other" }).end());
  urls["closes"] = await listen(stack, ({ socket }) => socket.destroy());
  const tls = createTlsServer({ cert: certificate, key }, (_, outgoing) => outgoing.end());
  urls["has a CA of its own"] = await open("https", tls);
  urls["speaks no TLS"] = await open(
    "https",
    createServer((socket) => socket.on("error", () => {}).end("hello\r\n")),
  );
});
afterAll(() => stack.disposeAsync());

async function open(scheme: string, server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => void server.close());
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const HOSTS: readonly [host: string, cause: RegExp][] = [
  ["refuses", /ECONNREFUSED: connect 127\.0\.0\.1:\d+ \(nothing listens/],
  ["has no address", /(ENOTFOUND|EAI_AGAIN): getaddrinfo no-such-host.invalid \(DNS/],
  ["closes", /(UND_ERR_SOCKET|ECONNRESET): .+ \(the other side closed/],
  ["has a CA of its own", /(SELF_SIGNED|UNABLE_TO_)\w+: [^;]+ \(the server's CA is not trusted/],
  ["speaks no TLS", /(ERR_SSL_WRONG_VERSION_NUMBER|EPROTO: wrong version number) \(the server does not speak TLS/],
];

describe.each(HOSTS)("of a host that %s", (host, cause) => {
  test("the line of the edge's keys says why", async () => {
    const reasons: string[] = [];
    const findKey = fetchedKeys(`${urls[host]}/jwks.json`, { onError: (reason) => reasons.push(reason) });
    await expect(findKey("kid")).rejects.toMatchObject({ details: { cause: expect.stringMatching(cause) } });
    expect(reasons).toEqual([expect.stringMatching(cause)]);
  });

  test("the line of a revocation list says why", async () => {
    const lines: LogLine[] = [];
    const [name] = Object.keys(senders.policy.anchors) as [string];
    const crls = { sources: [`${urls[host]}/ca.crl`], freshness: "prefer" as const };
    const anchors = { [name]: { certificate: senders.root.pem, crls } };
    const policy = compilePolicy({ ...senders.policy, anchors });
    const storage = { read: async () => undefined, write: async () => {}, readFile: async () => undefined };
    const store = await openCrlStore({ policy, storage, log: (line) => lines.push(line) });
    store.close();
    expect(lines).toEqual([expect.objectContaining({ why: expect.stringMatching(cause) })]);
  });

  test("an attempt of a handler that asks it says why", async () => {
    const thrown = await fetch(`${urls[host]}/`).catch((error: unknown) => error);
    expect(judgeError(thrown)).toMatchObject({ outcome: "retry", reason: expect.stringMatching(cause) });
    const wrapped = judgeError(new Error("cannot book", { cause: thrown }));
    expect(wrapped).toMatchObject({ reason: expect.stringMatching(/^Error: cannot book: /) });
    expect(wrapped).toMatchObject({ reason: expect.stringMatching(cause) });
  });

  test("send says why", async () => {
    const run = promisify(execFile)(process.execPath, ["cli/main.ts", "send", `${urls[host]}/`], { cwd: ROOT });
    const { code, stderr } = await run.catch((error) => error);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^countersign: no answer from /)]);
    expect(stderr).toMatch(host === "closes" ? /ECONNRESET: socket hang up \(the other side closed/ : cause);
  });
});

test("a redirect of the edge's keys is named, with what to do", async () => {
  const findKey = fetchedKeys(`${urls["redirects"]}/jwks.json`, { onError: () => {} });
  const cause = "unexpected redirect (redirects are not followed: name the address to which it leads)";
  await expect(findKey("kid")).rejects.toMatchObject({ details: { cause } });
});

test("the cause for a name with several addresses names each address, and nothing twice", async () => {
  const { port } = new URL(urls["refuses"] as string);
  const thrown = await fetch(`http://localhost:${port}/`).catch((error: unknown) => error);
  expect(describeCause(thrown)).toMatch(/^ECONNREFUSED.*127\.0\.0\.1.* \(nothing listens at this address and port\)$/);
});

test("an exceeded deadline is described as a deadline, and every thrown value has a text", async () => {
  const silent = await open("http", createServer());
  const late = await fetch(silent, { signal: AbortSignal.timeout(50) }).catch((error: unknown) => error);
  expect(describeCause(late)).toMatch(/\(no answer in time: /);
  const loop = new Error("loop");
  loop.cause = loop;
  expect([loop, "text", undefined, null, 7].map(describeCause)).toEqual(["loop", "text", "undefined", "null", "7"]);
});
