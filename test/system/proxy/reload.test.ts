// Tests reloads of an origin behind a proxy. The policy changes, the origin's certificate and key change, or the CA changes that
// issued the proxy's certificate.

import { readFileSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Identity, issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import { type Running, startCountersign } from "../../support/running.ts";
import { BETA } from "../../support/senders.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { connectTls, type TlsAnswer, type TlsRequest, TlsSender, type TlsServer } from "../../support/tls-client.ts";
import { replaceFile } from "../../support/tls-process.ts";
import { createWorld, SERVER_NAME, type World, writeServerFiles } from "./world.ts";

const stack = new AsyncDisposableStack();
let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => stack.disposeAsync());

async function start(args: readonly string[], policy: string, directory: string): Promise<Running> {
  writeFileSync(policy, JSON.stringify(world.senders.policy));
  const files = ["--policy", policy, "--inbox", join(directory, "inbox.sqlite")];
  const running = await startCountersign(["origin", "--behind-proxy", "rfc9440", ...args, ...files]);
  stack.defer(() => void running.process.kill("SIGKILL"));
  return running;
}

/** Makes a change that causes a reload. Resolves to the log line of the reload. */
function reloading(by: Running, change: () => void, decision = "reloaded"): Promise<Record<string, unknown>> {
  const start = by.lines.length;
  change();
  return by.line({ decision }, start);
}

/** Returns a policy in which only beta is allowed on the route of acme. */
const withBeta = () => {
  const { policy } = world.senders;
  return JSON.stringify({
    ...policy,
    routes: { ...policy.routes, "/hooks/acme": { senders: [BETA], methods: ["POST"] } },
  });
};

describe("on a socket", () => {
  let origin: Running;
  let policy: string;
  let socketPath: string;
  beforeAll(async () => {
    const directory = temporaryDirectory(stack);
    policy = join(directory, "policy.json");
    socketPath = join(directory, "origin.sock");
    origin = await start(["--socket", socketPath], policy, directory);
  });

  /** Makes a sender with one connection that stays open. */
  function openSender() {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    return ({ base64 }: { readonly base64: string }) =>
      new Promise<{ status: number | undefined; isKeptAlive: boolean }>((resolve, reject) => {
        const headers = { host: SERVER_NAME, "client-cert": `:${base64}:` };
        const outgoing = request({ agent, socketPath, method: "POST", path: "/hooks/acme", headers });
        outgoing.once("error", reject).once("response", (incoming) => {
          const answer = { status: incoming.statusCode, isKeptAlive: outgoing.reusedSocket };
          incoming.resume().once("end", () => resolve(answer));
        });
        outgoing.end("{}");
      });
  }

  test("after its file is replaced, a policy applies to the next request of an open connection", async () => {
    const send = openSender();
    const { good, wrongSubject: beta } = world.clients;
    expect(await send(good)).toEqual({ status: 202, isKeptAlive: false });
    const line = await reloading(origin, () => replaceFile(policy, withBeta()));
    expect(line["policy"]).toMatch(/^[0-9a-f]{64}$/);
    expect(await send(good)).toEqual({ status: 403, isKeptAlive: true });
    expect(await send(beta)).toEqual({ status: 202, isKeptAlive: true });
    await reloading(origin, () => replaceFile(policy, JSON.stringify(world.senders.policy)));
    expect(await send(good)).toEqual({ status: 202, isKeptAlive: true });
  });

  test("a broken policy is reported, and the old one stays in force", async () => {
    const send = openSender();
    const line = await reloading(origin, () => replaceFile(policy, "{}"), "failed");
    expect(line).toMatchObject({ code: "reload_refused", problems: expect.arrayContaining([expect.any(String)]) });
    expect(await send(world.clients.good)).toMatchObject({ status: 202 });
    await reloading(origin, () => replaceFile(policy, JSON.stringify(world.senders.policy)));
  });

  test("SIGHUP reloads too, and a second one right after it does not end the program", async () => {
    const before = origin.lines.length;
    for (let count = 0; count < 3; count += 1) await reloading(origin, () => origin.process.kill("SIGHUP"));
    expect(origin.lines.slice(before).map(({ decision }) => decision)).toEqual(Array(3).fill("reloaded"));
    expect(await openSender()(world.clients.good)).toMatchObject({ status: 202 });
  });
});

describe("over TLS", () => {
  const SUBJECT = "CN=proxy.example.com";
  let ca: Identity;
  let proxy: Identity;
  let origin: Running;
  let server: TlsServer;
  let files: ReturnType<typeof writeServerFiles> & { readonly policy: string };
  beforeAll(async () => {
    [ca, proxy] = await issueProxy();
    ({ origin, server, files } = await startWithTls());
  });

  async function startWithTls(...more: readonly string[]) {
    const directory = temporaryDirectory(stack);
    const own = { ...writeServerFiles(directory, world), policy: join(directory, "policy.json") };
    writeFileSync(own.ca, ca.pem);
    const tls = ["--certificate", own.certificate, "--key", own.key, "--port", "0"];
    const who = ["--proxy-ca", own.ca, "--proxy-subject", SUBJECT];
    const running = await start([...tls, ...who, ...more], own.policy, directory);
    const port = Number(new URL(running.ready["origin"] ?? "").port);
    return { origin: running, server: { port, ca: world.senders.root.pem, name: SERVER_NAME }, files: own };
  }

  async function issueProxy(): Promise<[ca: Identity, proxy: Identity]> {
    const authority = await issueCertificate({ subject: [{ CN: ["proxy CA"] }], ca: {} });
    return [authority, await issueCertificate({ subject: [{ CN: ["proxy.example.com"] }] }, authority)];
  }

  /**
   * Opens a connection of the proxy to the origin. The connection stays open, and each request on it forwards the good certificate.
   */
  function openProxy(identity = proxy): (request?: TlsRequest) => Promise<TlsAnswer> {
    const sender = new TlsSender(server, identity);
    onTestFinished(() => sender.close());
    const headers = [["Client-Cert", `:${world.clients.good.base64}:`]] as const;
    return (more) => sender.send({ headers, ...more });
  }

  const serialNow = async () => {
    await using own = new AsyncDisposableStack();
    return (await connectTls(own, server, { cert: proxy.pem, key: proxy.keyPem })).getPeerCertificate().serialNumber;
  };

  test("new handshakes get a new certificate with its key; open connections continue", async () => {
    const send = openProxy();
    expect((await send()).status).toBe(202);
    const before = await serialNow();
    const next = await issueCertificate(
      {
        subject: [{ CN: [SERVER_NAME] }],
        subjectAltNames: [{ type: "dns", value: SERVER_NAME }],
        extendedKeyUsage: [SERVER_AUTH],
      },
      world.senders.root,
    );
    const refused = await reloading(origin, () => replaceFile(files.certificate, next.pem), "failed");
    expect(refused).toMatchObject({
      code: "reload_refused",
      problems: [expect.stringMatching(/the key does not belong to the certificate in/)],
    });
    expect(await serialNow()).toBe(before);
    await reloading(origin, () => replaceFile(files.key, next.keyPem));
    expect(await serialNow()).not.toBe(before);
    expect(await send()).toMatchObject({ status: 202, isKeptAlive: true });
    expect((await openProxy()()).status).toBe(202);
  });

  test("after a reload no session is resumed, no older version is spoken, and a certificate is still asked for", async () => {
    await reloading(origin, () => origin.process.kill("SIGHUP"));
    await using own = new AsyncDisposableStack();
    const client = { cert: proxy.pem, key: proxy.keyPem };
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const options = { ...client, minVersion: version, maxVersion: version };
      const first = await connectTls(own, server, options);
      const session = first.getSession();
      const second = await connectTls(own, server, { ...options, ...(session !== undefined && { session }) });
      expect(second.isSessionReused()).toBe(false);
    }
    const old = { ...client, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT:@SECLEVEL=0" } as const;
    await expect(connectTls(own, server, old)).rejects.toThrow();
    await expect(openProxy(world.senders.acme)()).rejects.toThrow();
  });

  test("after a change of the proxy's CA, a certificate of the old one is refused, on open connections too", async () => {
    const send = openProxy();
    expect((await send()).status).toBe(202);
    const [otherCa, otherProxy] = await issueProxy();
    const before = readFileSync(files.ca, "utf8");
    await reloading(origin, () => replaceFile(files.ca, otherCa.pem));
    expect(await send()).toMatchObject({ status: 403, isKeptAlive: true });
    await origin.line({ decision: "refused", presentedBy: "proxy" });
    await expect(openProxy()()).rejects.toThrow();
    expect((await openProxy(otherProxy)()).status).toBe(202);
    await reloading(origin, () => replaceFile(files.ca, before));
    expect((await openProxy()()).status).toBe(202);
  });

  test.each([
    ["policy", "{", /is not JSON/],
    ["ca", "", /holds no certificate.*empty/],
    ["key", "", /holds no private key.*empty/],
  ] as const)("a broken %s keeps what is in force, and says why", async (which, content, problem) => {
    const send = openProxy();
    await send();
    const before = readFileSync(files[which], "utf8");
    const line = await reloading(origin, () => replaceFile(files[which], content), "failed");
    expect(line).toMatchObject({ code: "reload_refused" });
    expect(line["problems"]).toContainEqual(expect.stringMatching(problem));
    expect(await send()).toMatchObject({ status: 202, isKeptAlive: true });
    await reloading(origin, () => replaceFile(files[which], before));
  });

  test("a request in progress is answered while everything is replaced", async () => {
    await using own = new AsyncDisposableStack();
    const socket = await connectTls(own, server, { cert: proxy.pem, key: proxy.keyPem });
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk;
    });
    const ended = new Promise((resolve) => socket.once("end", resolve));
    const field = `Client-Cert: :${world.clients.good.base64}:`;
    socket.write(
      `POST /hooks/acme HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n${field}\r\nConnection: close\r\n\r\n{ `,
    );
    await reloading(origin, () => origin.process.kill("SIGHUP"));
    socket.write(" }");
    await ended;
    expect(received).toContain("HTTP/1.1 202");
  });

  test("two processes on one port both load a new policy, and end together", async () => {
    const both = await startWithTls("--workers", "2");
    const headers = [["Client-Cert", `:${world.clients.good.base64}:`]] as const;
    const proxies = Array.from({ length: 4 }, () => new TlsSender(both.server, proxy));
    onTestFinished(() => {
      for (const sender of proxies) sender.close();
    });
    const statuses = async () => {
      const answers: number[] = [];
      for (const sender of proxies) answers.push((await sender.send({ headers })).status);
      return answers;
    };
    expect(await statuses()).toEqual([202, 202, 202, 202]);
    const start = both.origin.lines.length;
    replaceFile(both.files.policy, withBeta());
    const reloads = () => both.origin.lines.slice(start).filter(({ decision }) => decision === "reloaded").length;
    await expect.poll(reloads).toBe(2);
    expect(await statuses()).toEqual([403, 403, 403, 403]);
    expect(await both.origin.stop()).toBe(0);
  });
});
