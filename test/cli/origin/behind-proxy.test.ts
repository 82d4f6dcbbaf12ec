// Tests `countersign origin --behind-proxy` as a separate process.

import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { runHere } from "../../support/command.ts";
import { startCountersign } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { createWorld, type World, writeServerFiles } from "../../system/proxy/world.ts";

const stack = new AsyncDisposableStack();
let world: World;
let directory: string;
let file: (name: string) => string;
beforeAll(async () => {
  world = await createWorld();
  directory = temporaryDirectory(stack);
  file = (name) => join(directory, name);
  writeFileSync(file("policy.json"), JSON.stringify(world.senders.policy));
});
afterAll(() => stack.disposeAsync());

const common = () => ["--policy", file("policy.json"), "--inbox", file("inbox.sqlite")];

function statusOf(socketPath: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method: "POST", path: "/hooks/acme", headers: { host: "x", ...headers } });
    outgoing.once("error", reject);
    outgoing.once("response", (incoming) => {
      incoming.resume();
      resolve(incoming.statusCode ?? 0);
    });
    outgoing.end("{}");
  });
}

describe("countersign origin --behind-proxy", () => {
  it("serves a socket with its mode, logs its decisions, and removes the socket at its end", async () => {
    const socket = file("origin.sock");
    const origin = await startCountersign([
      ...["origin", "--behind-proxy", "haproxy", "--certificate-header", "X-Client-DER"],
      ...["--socket", socket, "--socket-mode", "0660", ...common()],
    ]);
    stack.defer(() => void origin.process.kill("SIGKILL"));
    expect(origin.ready).toEqual({ origin: `unix:${socket}` });
    expect(lstatSync(socket).mode & 0o777).toBe(0o660);
    expect(await statusOf(socket, { "x-client-der": world.clients.good.base64 })).toBe(202);
    expect(await statusOf(socket, { "ssl-client-cert": world.clients.good.base64 })).toBe(403);
    await origin.line({ decision: "accepted" });
    await origin.line({ decision: "refused", code: "certificate_elsewhere" });
    expect(await origin.stop()).toBe(0);
    expect(existsSync(socket)).toBe(false);
  });

  it("serves one socket from two processes, also when one process dies, and removes it at the end", async () => {
    const socket = file("shared.sock");
    const args = ["origin", "--behind-proxy", "haproxy", "--socket", socket, "--socket-mode", "0660", ...common()];
    // This program leaves a socket behind, as an origin does when it is killed.
    const killed = "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
    spawnSync(process.execPath, ["-e", killed, socket]);
    expect(existsSync(socket)).toBe(true);
    const origin = await startCountersign([...args, "--workers", "2"]);
    stack.defer(() => void origin.process.kill("SIGKILL"));
    expect(lstatSync(socket).mode & 0o777).toBe(0o660);
    const pid = origin.process.pid ?? 0;
    const [victim] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
    const umask = readFileSync(`/proc/${victim}/status`, "utf8").match(/^Umask:\s*(\d+)/m)?.[1];
    expect(umask).toBe(process.umask().toString(8).padStart(4, "0"));
    const headers = { "ssl-client-cert": world.clients.good.base64 };
    for (let sent = 0; sent < 4; sent += 1) expect(await statusOf(socket, headers)).toBe(202);
    process.kill(victim ?? 0, "SIGKILL");
    await origin.line({ code: "worker_died" });
    for (let sent = 0; sent < 4; sent += 1) expect(await statusOf(socket, headers)).toBe(202);
    expect(await origin.stop()).toBe(0);
    expect(existsSync(socket)).toBe(false);
  });

  it("listens with TLS", async () => {
    const { certificate, key, ca } = writeServerFiles(directory, world);
    const origin = await startCountersign([
      ...["origin", "--behind-proxy=nginx", "--port", "0", "--certificate", certificate, "--key", key],
      ...["--proxy-ca", ca, "--proxy-subject", "CN=proxy.example.com", ...common()],
    ]);
    expect(origin.ready["origin"]).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await origin.stop()).toBe(0);
  });

  it("reports everything that is wrong at once", async () => {
    const other = await issueCertificate({ subject: [{ CN: ["other"] }] });
    writeFileSync(file("other.key"), other.keyPem);
    writeFileSync(file("no-ca.pem"), `${other.pem}\n`);
    writeFileSync(file("bad-policy.json"), "{}");
    const { certificate } = writeServerFiles(directory, world);
    const { code, stderr } = await runHere([
      ...["origin", "--behind-proxy", "traefik", "--policy", file("bad-policy.json"), "--jwks", "x", "--issuer", "y"],
      ...["--certificate", certificate, "--key", file("other.key"), "--port", "x", "--socket-mode", "0600"],
      ...["--proxy-ca", file("no-ca.pem"), "--proxy-subject", "/CN=x"],
    ]);
    expect(code).toBe(2);
    const expected = [
      /--jwks, --issuer.* have no effect with --behind-proxy/,
      /\/anchors/,
      /--behind-proxy traefik is none of rfc9440, nginx/,
      /--socket-mode.* no effect with --behind-proxy without --socket/,
    ];
    for (const problem of [
      ...expected,
      /--port x is not a port/,
      /other\.key: the key does not belong to the certificate in .*server\.pem/,
      /no-ca\.pem holds no CA certificate, but that of CN=other/,
      /the proxy's subject: /,
    ]) {
      expect(stderr).toMatch(problem);
    }
  });

  it("checks the proxy's CA and subject together, and trusts every CA of the file", async () => {
    const { certificate, key, ca } = writeServerFiles(directory, world);
    const past = { notBefore: new Date(Date.now() - 2_000_000), notAfter: new Date(Date.now() - 1_000_000) };
    const expired = await issueCertificate({ subject: [{ CN: ["Old CA"] }], ca: {}, ...past });
    writeFileSync(file("expired.pem"), `${expired.pem}\n`);
    writeFileSync(file("both.pem"), `text\r\n${expired.pem}\r\n${readFileSync(ca, "utf8")}`);
    const args = (caFile: string, subject: string) => [
      ...["origin", "--behind-proxy=nginx", "--port", "0", "--certificate", certificate, "--key", key],
      ...["--proxy-ca", caFile, "--proxy-subject", subject, ...common()],
    ];
    const { code, stderr } = await runHere(args(file("expired.pem"), "CN = x"));
    expect(code).toBe(2);
    expect(stderr).toMatch(/the proxy's subject: /);
    expect(stderr).toMatch(/the proxy's CA \(CN=Old CA\): expired on/);
    const origin = await startCountersign(args(file("both.pem"), "CN=proxy.example.com"));
    expect(await origin.stop()).toBe(0);
  });

  it.each<readonly [string, readonly string[], RegExp]>([
    ["neither a socket nor a proxy's certificate", [], /--proxy-ca is required[\s\S]*--proxy-subject is required/],
    [
      "both",
      ["--socket", "/run/x/x.sock", "--proxy-ca", "x", "--port", "1"],
      /--proxy-ca, --port have no effect with --behind-proxy and --socket/,
    ],
    ["a socket that others may open", ["--socket", "/run/x/x.sock", "--socket-mode", "0666"], /none of 0600, 0660/],
    ["a number of processes that is none", ["--workers", "0"], /--workers 0 is not a whole number from 1 to 64/],
    ["--tls", ["--tls", "--socket", "/run/x/x.sock"], /--tls has no effect with --behind-proxy/],
    ["a socket in a directory that is not there", ["--socket", "/run/countersign-missing/x.sock"], /does not exist/],
  ])("does not start with %s", async (_, args, message) => {
    const { code, stderr } = await runHere(["origin", "--behind-proxy", "nginx", ...common(), ...args]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });
});
