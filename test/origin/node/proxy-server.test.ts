// Tests the two listeners that prove that a request comes from the proxy. A certificate in a header field is read on these
// listeners only.

import { once } from "node:events";
import { chmodSync, existsSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, request as requestHttp } from "node:http";
import { Agent, type RequestOptions, request as requestTls } from "node:https";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CertificateRequest, type Identity, issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import { examinePolicy } from "../../../cli/policy/check/examine.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { createOriginApp } from "../../../origin/app.ts";
import { forwardedFormat } from "../../../origin/forwarded/certificate.ts";
import { compileProxyIdentity, examineProxyIdentity, type ProxyIdentity } from "../../../origin/node/proxy-identity.ts";
import { readProxiedCertificate, serveProxy } from "../../../origin/node/proxy-server.ts";
import { serve } from "../../../origin/node/server.ts";
import { exchange } from "../../support/http.ts";
import { LogLines } from "../../support/log-lines.ts";
import { subjectOf } from "../../support/senders.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { createWorld, startOrigin, type World } from "../../system/proxy/world.ts";

const stack = new AsyncDisposableStack();
let world: World;
/** The fields that contain the sender's certificate, as a proxy sends them. */
let fields: [string, string][];
beforeAll(async () => {
  world = await createWorld();
  fields = [["Client-Cert", `:${world.clients.good.base64}:`]];
});
afterAll(() => stack.disposeAsync());

/** Sends a POST. `code` in the result is the code of the problem document. */
async function send(options: RequestOptions, headers: readonly (readonly [string, string])[] = fields) {
  const outgoing = (options.socketPath === undefined ? requestTls : requestHttp)({
    method: "POST",
    path: "/hooks/acme",
    headers: [["Host", "origin.example.com"], ["Content-Length", "2"], ...headers].flat(),
    ...options,
  });
  outgoing.end("{}");
  const [incoming] = await once(outgoing, "response");
  const body = (await buffer(incoming)).toString();
  return { status: incoming.statusCode as number, code: /"code":"([^"]+)"/.exec(body)?.[1] };
}

const ACCEPTED = { status: 202, code: undefined };

describe("a Unix socket", () => {
  const fresh = () => join(temporaryDirectory(stack), "origin.sock");
  const open = (socket: string, mode: 0o600 | 0o660 = 0o600) => startOrigin(stack, world, "rfc9440", { socket, mode });

  test.each([0o600, 0o660] as const)("has mode %o from the start, and is removed at the end", async (mode) => {
    const socket = fresh();
    const server = await serveProxy(() => new Response(), { listener: { socket, mode }, log: () => {} });
    expect(server.url).toBe(`unix:${socket}`);
    expect(lstatSync(socket).mode & 0o777).toBe(mode);
    await server.close();
    expect(existsSync(socket)).toBe(false);
  });

  test("accepts a thousand connections, closes further ones, and logs that once", async () => {
    const socketPath = fresh();
    const lines = new LogLines();
    const server = await serveProxy(() => new Response(), {
      listener: { socket: socketPath, mode: 0o600 },
      log: lines.push,
    });
    const sockets: Socket[] = [];
    for (let count = 0; count < 1_000; count += 1) {
      const socket = connect(socketPath);
      await once(socket, "connect");
      sockets.push(socket);
    }
    for (let count = 0; count < 3; count += 1) await once(connect(socketPath).resume(), "close");
    expect(sockets.filter(({ destroyed }) => destroyed)).toEqual([]);
    expect(lines.all).toMatchObject([{ decision: "failed", code: "connections_full", dropped: 1 }]);
    for (const socket of sockets) socket.destroy();
    await server.close();
  });

  test("leaves the process's umask as it was", async () => {
    const before = process.umask();
    await open(fresh());
    expect(process.umask()).toBe(before);
  });

  test("serves the proxy", async () => {
    const socketPath = fresh();
    await open(socketPath);
    expect(await send({ socketPath })).toEqual(ACCEPTED);
    expect(await send({ socketPath }, [])).toEqual({ status: 403, code: "no-client-certificate" });
  });

  test("refuses a field that comes twice, in a list too", async () => {
    const socketPath = fresh();
    await open(socketPath);
    const intermediate: [string, string] = ["Client-Cert-Chain", `:${world.senders.root.base64}:`];
    expect(await send({ socketPath }, [...fields, intermediate])).toEqual(ACCEPTED);
    const refused = { status: 403, code: "certificate-not-proven" };
    expect(await send({ socketPath }, [...fields, intermediate, intermediate])).toEqual(refused);
    expect(await send({ socketPath }, [...fields, ["client-cert-CHAIN", ""], intermediate])).toEqual(refused);
    expect(await send({ socketPath }, [...fields, ...fields])).toEqual(refused);
  });

  test("replaces a socket that an ended process left", async () => {
    const socket = fresh();
    // A killed process does not remove its socket.
    const script = `require("node:net").createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, "SIGKILL"))`;
    const { run } = await import("../../support/running.ts");
    await run(process.execPath, ["-e", script]);
    expect(lstatSync(socket).isSocket()).toBe(true);
    await open(socket);
    expect(await send({ socketPath: socket })).toEqual(ACCEPTED);
  });

  test("never replaces a live socket, a file, a directory or a link", async () => {
    const directory = temporaryDirectory(stack);
    const live = join(directory, "live.sock");
    const other = createServer().listen(live);
    await once(other, "listening");
    stack.defer(() => void other.close());
    await expect(open(live)).rejects.toThrow(/in use/);
    const file = join(directory, "file");
    writeFileSync(file, "keep");
    const folder = join(directory, "folder");
    mkdirSync(folder);
    const link = join(directory, "link");
    symlinkSync(live, link);
    for (const path of [file, folder, link]) {
      await expect(open(path), path).rejects.toThrow(/exists and is not a socket/);
      expect(existsSync(path)).toBe(true);
    }
  });

  test("needs a directory that others cannot write to", async () => {
    const directory = temporaryDirectory(stack);
    chmodSync(directory, 0o1777);
    await expect(open(join(directory, "a.sock"))).rejects.toThrow(/may be written by others/);
    await expect(open(join(directory, "missing", "a.sock"))).rejects.toThrow(/does not exist/);
  });

  test("refuses a path that the system would cut, or that is not a file", async () => {
    const directory = temporaryDirectory(stack);
    for (const path of [join(directory, "x".repeat(100)), "\0abstract"]) {
      await expect(open(path)).rejects.toThrow(/not a valid socket path/);
    }
  });
});

describe("a TLS listener", () => {
  const SUBJECT: CertificateRequest["subject"] = [{ O: ["Example"] }, { CN: ["proxy.example.com"] }];
  const DN = "CN=proxy.example.com,O=Example";
  let ca: Identity;
  let proxy: Identity;
  let port: number;
  let lines: LogLines;
  let now = Math.floor(Date.now() / 1000);

  beforeAll(async () => {
    ca = await issueCertificate({ subject: [{ CN: ["proxy CA"] }], ca: {} });
    proxy = await issueCertificate({ subject: SUBJECT }, ca);
    const origin = await startOrigin(stack, world, "rfc9440", {
      hostname: "127.0.0.1",
      port: 0,
      certificate: world.server.pem,
      key: world.server.keyPem,
      proxy: { ca: ca.pem, subject: DN },
      clock: () => now,
    });
    lines = origin.lines;
    port = Number(new URL(origin.url).port);
  });

  const as = (client?: Identity, ...chain: Identity[]): RequestOptions => ({
    host: "127.0.0.1",
    port,
    servername: "origin.example.com",
    ca: world.senders.root.pem,
    agent: false,
    ...(client !== undefined && {
      cert: [client, ...chain].map(({ pem }) => pem).join("\n"),
      key: client.keyPem,
    }),
  });

  test("serves the proxy", async () => {
    expect(await send(as(proxy))).toEqual(ACCEPTED);
    const intermediate = await issueCertificate({ subject: [{ CN: ["proxy CA 2"] }], ca: {} }, ca);
    const renewed = await issueCertificate({ subject: SUBJECT }, intermediate);
    expect(await send(as(renewed, intermediate))).toEqual(ACCEPTED);
  });

  test("ends the connection of anybody else before a request is read", async () => {
    const otherCa = await issueCertificate({ subject: [{ CN: ["proxy CA"] }], ca: {} });
    const strangers: [string, Identity | undefined][] = [
      ["no_certificate", undefined],
      ["issuer_unknown", await issueCertificate({ subject: SUBJECT }, otherCa)],
      ["issuer_unknown", world.senders.acme],
      ["sender_not_allowed", await issueCertificate({ subject: [{ CN: ["proxy.example.com"] }] }, ca)],
      ["sender_not_allowed", await issueCertificate({ subject: [...SUBJECT, { OU: ["more"] }] }, ca)],
      [
        "sender_not_allowed",
        await issueCertificate({ subject: [{ O: ["Example"] }, { CN: ["PROXY.example.com"] }] }, ca),
      ],
      [
        "certificate_expired",
        await issueCertificate({ subject: SUBJECT, notAfter: new Date(Date.now() - 60_000) }, ca),
      ],
      [
        "wrong_extended_key_usage",
        await issueCertificate({ subject: SUBJECT, extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"] }, ca),
      ],
    ];
    for (const [cause, stranger] of strangers) {
      const before = lines.all.length;
      await expect(send(as(stranger)), cause).rejects.toThrow();
      const logged = () => lines.all.slice(before);
      await expect
        .poll(logged)
        .toEqual([expect.objectContaining({ decision: "refused", code: "proxy_not_proven", cause })]);
    }
  });

  test("does not answer plain HTTP, and logs that it came", async () => {
    const before = lines.all.length;
    await expect(exchange({ url: `http://127.0.0.1:${port}/hooks/acme`, headers: fields })).rejects.toThrow();
    await expect
      .poll(() => lines.all.slice(before))
      .toEqual([
        expect.objectContaining({
          code: "proxy_not_proven",
          cause: "plain HTTP",
          why: expect.stringMatching(/http:\/\//),
        }),
      ]);
  });

  test("checks the proxy at each request: a connection does not outlive its certificate", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    stack.defer(() => agent.destroy());
    expect(await send({ ...as(proxy), agent })).toEqual(ACCEPTED);
    now += 400 * 86_400;
    try {
      expect(await send({ ...as(proxy), agent })).toEqual({ status: 403, code: "certificate-not-proven" });
      expect(lines.all.at(-1)).toMatchObject({ code: "certificate_expired", presentedBy: "proxy" });
    } finally {
      now -= 400 * 86_400;
    }
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)("resumes no session of %s", async (version) => {
    const options = { ...as(proxy), minVersion: version, maxVersion: version };
    const agent = new Agent({ maxCachedSessions: 10 });
    stack.defer(() => agent.destroy());
    for (let count = 0; count < 3; count += 1) {
      const outgoing = requestTls({ ...options, agent, method: "POST", path: "/", headers: { connection: "close" } });
      outgoing.end();
      const [incoming] = await once(outgoing, "response");
      expect(incoming.socket.isSessionReused()).toBe(false);
      await buffer(incoming);
    }
  });
});

describe("the proxy's identity", () => {
  test.each<readonly [string, string, string]>([
    ["an empty subject", "", "subject"],
    ["a subject that is no RFC 4514 text", "/CN=proxy", "subject"],
    ["spaces between the parts", "CN=proxy, O=Example", "subject"],
  ])("does not compile with %s", (_, subject, what) => {
    expect(() => compileProxyIdentity({ ca: world.senders.root.pem, subject })).toThrow(what);
  });

  test("does not compile without a CA certificate, and reports everything at once", () => {
    const bad = ["", "nonsense", world.senders.acme.pem, world.senders.root.keyPem];
    for (const ca of bad) expect(() => compileProxyIdentity({ ca, subject: "CN=proxy" })).toThrow();
    expect(() => compileProxyIdentity({ ca: "", subject: "" })).toThrow(/2 problems/);
  });

  test("is refused if its CA can prove nobody, or if its subject is that of the CA", async () => {
    const ca = { pathLength: 0 };
    const subject = subjectOf("Proxy CA");
    const past = { notBefore: new Date(Date.now() - 2_000_000), notAfter: new Date(Date.now() - 1_000_000) };
    const good = await issueCertificate({ subject, ca });
    const expired = await issueCertificate({ subject, ca, ...past });
    const forServers = await issueCertificate({ subject, ca, extendedKeyUsage: [SERVER_AUTH] });
    const leaf = await issueCertificate({ subject: subjectOf("proxy") });
    const problemsOf = (identity: Partial<ProxyIdentity>) =>
      examineProxyIdentity(identity, Date.now() / 1000, examinePolicy).problems;
    const of = (...parts: { pem: string }[]) => parts.map(({ pem }) => `${pem}\n`).join("");
    const named = parseCertificate(good.base64).subjectText;
    expect(problemsOf({ ca: of(good), subject: "CN=proxy" })).toEqual([]);
    expect(problemsOf({ ca: of(expired), subject: "CN=proxy" })).toEqual([expect.stringMatching(/CA .*: expired on/)]);
    expect(problemsOf({ ca: of(forServers), subject: "CN=proxy" })).toEqual([
      expect.stringMatching(/CA .*: is not made for client certificates/),
    ]);
    expect(problemsOf({ ca: of(good, leaf), subject: "/CN=proxy" })).toEqual([
      expect.stringMatching(/^the proxy's subject: /),
      expect.stringMatching(/^the proxy's CA, 2 of 2 .*: .* is not a CA certificate/),
    ]);
    expect(problemsOf({ ca: of(good) })).toEqual([]);
    expect(problemsOf({ subject: "x" })).toEqual([expect.stringMatching(/^the proxy's subject: /)]);
    expect(problemsOf({ ca: of(good), subject: named })).toEqual([expect.stringMatching(/is that of its CA/)]);
    // During a rotation, an expired old CA is only a warning.
    const both = examineProxyIdentity({ ca: of(expired, good), subject: "CN=proxy" }, Date.now() / 1000, examinePolicy);
    expect(both).toMatchObject({ problems: [], warnings: [expect.stringMatching(/CA, 1 of 2 .*: expired on/)] });
    expect(both.policy?.anchors).toHaveLength(2);
  });
});

describe("on a server that does not prove the proxy", () => {
  const lines = new LogLines();
  const app = () =>
    createOriginApp({
      policy: compilePolicy(world.senders.policy),
      accept: () => {
        throw new Error("accepted");
      },
      readCertificate: readProxiedCertificate(forwardedFormat("rfc9440")),
      log: lines.push,
    });

  test("a field is not read", async () => {
    const server = await serve(app().fetch, { hostname: "127.0.0.1", port: 0, log: lines.push });
    stack.defer(() => server.close());
    const answer = await exchange({ url: `${server.url}/hooks/acme`, headers: fields });
    expect(answer.status).toBe(403);
    expect(lines.all.at(-1)).toMatchObject({ code: "no_client_auth" });
  });

  test("a field is not read without a server either", async () => {
    const request = () => new Request("http://x/hooks/acme", { method: "POST", headers: fields, body: "{}" });
    const incoming = createHttpServer();
    for (const environment of [undefined, {}, { incoming: {} }, { incoming }]) {
      expect((await app().fetch(request(), environment)).status).toBe(403);
      expect(lines.all.at(-1)).toMatchObject({ code: "no_client_auth" });
    }
  });
});
