// Tests what an operator can replace while a listener runs: the policy, the certificate and the key, by a new file or by SIGHUP.

import { once } from "node:events";
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { runHere } from "../../support/command.ts";
import { BETA } from "../../support/senders.ts";
import { connectTls, sendInVain, sendOnce, TlsSender } from "../../support/tls-client.ts";
import { A, B, issueServer } from "../../support/tls-origin.ts";
import {
  replaceFile,
  startTlsProcess,
  type TlsFiles,
  type TlsProcess,
  writeTlsFiles,
} from "../../support/tls-process.ts";

const stack = new AsyncDisposableStack();
let files: TlsFiles;
let origin: TlsProcess;

beforeAll(async () => {
  files = await writeTlsFiles(stack);
  origin = await startTlsProcess(stack, files);
});
afterAll(() => stack.disposeAsync());

/** Makes a change that causes a reload. Returns the log line of the reload. */
function reloading(change: () => void, decision = "reloaded", by = origin): Promise<Record<string, unknown>> {
  const start = by.lines.length;
  change();
  return by.line({ decision }, start);
}

/** Returns the policy in which only beta is allowed on the route of acme. */
const withBeta = ({ senders: { policy } }: TlsFiles): PolicyDocument => ({
  ...policy,
  routes: { ...policy.routes, "/hooks/acme": { senders: [BETA], methods: ["POST"] } },
});
const restorePolicy = () => replaceFile(files.policy, JSON.stringify(files.senders.policy));

const serialOf = async ({ server }: TlsProcess, name = A) => {
  await using own = new AsyncDisposableStack();
  return (await connectTls(own, { ...server, name })).getPeerCertificate().serialNumber;
};

test("a policy replaced as a file applies to the next request on a connection that stays open", async () => {
  const { acme, beta } = files.senders;
  const sender = new TlsSender(origin.server, acme);
  onTestFinished(() => sender.close());
  expect((await sender.send()).status).toBe(202);
  expect((await sendOnce(origin.server, beta)).status).toBe(403);

  const line = await reloading(() => replaceFile(files.policy, JSON.stringify(withBeta(files))));
  expect(line).toMatchObject({ hosts: [A], anchors: [expect.stringContaining("CN=")] });
  const after = await sender.send();
  expect(after).toMatchObject({ status: 403, isKeptAlive: true });
  expect((await sendOnce(origin.server, beta)).status).toBe(202);

  await reloading(restorePolicy);
  expect(await sender.send()).toMatchObject({ status: 202, isKeptAlive: true });
});

test("a request in progress is answered while everything is replaced", async () => {
  const { acme } = files.senders;
  const socket = await connectTls(stack, origin.server, { cert: acme.pem, key: acme.keyPem });
  socket.write(`POST /hooks/acme HTTP/1.1\r\nHost: ${A}\r\nContent-Length: 4\r\nConnection: close\r\n\r\n{ `);
  const before = await serialOf(origin);
  const { certificate, key } = await issueServer(files.serverCa, A);
  await reloading(() => {
    replaceFile(files.certificate, certificate);
    replaceFile(files.key, key);
    replaceFile(files.policy, JSON.stringify(files.senders.policy));
  });
  expect(await serialOf(origin)).not.toBe(before);
  const answered = once(socket, "data");
  socket.write(" }");
  expect(String(await answered)).toContain("HTTP/1.1 202");
});

test("a certificate without its key changes nothing; with its key new handshakes see it", async () => {
  const sender = new TlsSender(origin.server, files.senders.acme);
  onTestFinished(() => sender.close());
  await sender.send();
  const before = await serialOf(origin);
  const next = await issueServer(files.serverCa, A);

  const refused = await reloading(() => replaceFile(files.certificate, next.certificate), "failed");
  expect(refused).toMatchObject({
    code: "reload_refused",
    problems: [expect.stringMatching(/server\.key: the key does not belong to the certificate in .*server\.pem/)],
  });
  expect(await serialOf(origin)).toBe(before);

  await reloading(() => replaceFile(files.key, next.key));
  expect(await serialOf(origin)).not.toBe(before);
  expect(await sender.send()).toMatchObject({ status: 202, isKeptAlive: true });
});

test("a certificate of another name moves the listener to that name", async () => {
  const restore = { certificate: readFileSync(files.certificate, "utf8"), key: readFileSync(files.key, "utf8") };
  const swap = ({ certificate, key }: typeof restore) =>
    reloading(() => {
      replaceFile(files.certificate, certificate);
      replaceFile(files.key, key);
    });
  expect(await swap(await issueServer(files.serverCa, B))).toMatchObject({ hosts: [B] });
  await sendInVain(origin.server, files.senders.acme);
  expect((await sendOnce({ ...origin.server, name: B }, files.senders.acme)).status).toBe(202);
  await swap(restore);
  expect((await sendOnce(origin.server, files.senders.acme)).status).toBe(202);
});

test("the listener asks for certificates of a new anchor, and no longer for those of a removed one", async () => {
  const root = await issueCertificate({ subject: [{ CN: ["New Root"] }], ca: {} });
  const { policy, acme } = files.senders;
  const anchors = Object.fromEntries(Object.keys(policy.anchors).map((name) => [name, root.pem]));
  const line = await reloading(() => replaceFile(files.policy, JSON.stringify({ ...policy, anchors })));
  expect(line["anchors"]).toEqual(["CN=New Root"]);
  expect((await sendOnce(origin.server, acme)).status).toBe(403);
  await reloading(restorePolicy);
  expect((await sendOnce(origin.server, acme)).status).toBe(202);
});

describe("a broken file is reported, and the old state stays in force:", () => {
  test.each([
    ["an empty policy", "policy", "", /policy\.json is not JSON/],
    ["half a policy", "policy", '{"anchors":', /policy\.json is not JSON/],
    ["a policy that does not compile", "policy", "{}", /policy\.json: \/(anchors|senders|routes)/],
    ["a policy without anchors in use", "policy", undefined, /\/anchors: no route uses an anchor/],
    ["an empty certificate", "certificate", "", /server\.pem holds no certificate, but nothing: it is empty/],
    ["an empty key", "key", "", /server\.key holds no private key.*empty/],
    [
      "a key that is none",
      "key",
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
      /server\.key holds no private key/,
    ],
  ] as const)("%s", async (_, which, content, problem) => {
    const before = readFileSync(files[which], "utf8");
    const { policy, acme } = files.senders;
    const trust = { platform: true };
    const platform = Object.entries(policy.senders).map(([name, sender]) => [name, { ...sender, trust }]);
    const broken = content ?? JSON.stringify({ ...policy, senders: Object.fromEntries(platform) });
    const line = await reloading(() => replaceFile(files[which], broken), "failed");
    expect(line).toMatchObject({ code: "reload_refused", policy: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(line["problems"]).toContainEqual(expect.stringMatching(problem));
    expect((await sendOnce(origin.server, acme)).status).toBe(202);
    await reloading(() => replaceFile(files[which], before));
  });
});

test("a policy that contradicts itself is not loaded, and each finding is logged with its place", async () => {
  const { policy, acme } = files.senders;
  const route = { senders: [BETA], methods: ["POST", "POST"] };
  const broken = { ...policy, routes: { ...policy.routes, "/hooks/acme": route } };
  const line = await reloading(() => replaceFile(files.policy, JSON.stringify(broken)), "failed");
  expect(line["problems"]).toEqual([expect.stringMatching(/policy\.json: \/routes\/~1hooks~1acme\/methods\/1: .* → /)]);
  expect((await sendOnce(origin.server, acme)).status).toBe(202);
  await reloading(restorePolicy);
});

test("a file behind a link is reloaded when it is written, and again at a SIGHUP", async () => {
  await using own = new AsyncDisposableStack();
  const linked = await writeTlsFiles(own);
  const elsewhere = join(dirname(linked.policy), "elsewhere");
  mkdirSync(elsewhere);
  for (const file of [linked.certificate, linked.key]) {
    renameSync(file, join(elsewhere, basename(file)));
    symlinkSync(join("elsewhere", basename(file)), file);
  }
  const process = await startTlsProcess(own, linked);
  const before = await serialOf(process);
  const renewed = await issueServer(linked.serverCa, A);
  await reloading(
    () => {
      writeFileSync(join(elsewhere, basename(linked.key)), renewed.key);
      writeFileSync(join(elsewhere, basename(linked.certificate)), renewed.certificate);
    },
    "reloaded",
    process,
  );
  expect(await serialOf(process)).not.toBe(before);
  await reloading(() => process.process.kill("SIGHUP"), "reloaded", process);
});

test("what certbot renews is reloaded: new files in its archive, and one link after the other", async () => {
  await using own = new AsyncDisposableStack();
  const tls = await writeTlsFiles(own);
  const root = dirname(tls.policy);
  const write = (number: number, { certificate, key }: { readonly certificate: string; readonly key: string }) => {
    writeFileSync(join(root, `archive/fullchain${number}.pem`), certificate);
    writeFileSync(join(root, `archive/privkey${number}.pem`), key, { mode: 0o600 });
    for (const [name, file] of [
      ["fullchain", tls.certificate],
      ["privkey", tls.key],
    ] as const) {
      symlinkSync(join("archive", `${name}${number}.pem`), `${file}.new`);
      renameSync(`${file}.new`, file);
    }
  };
  mkdirSync(join(root, "archive"));
  write(1, { certificate: readFileSync(tls.certificate, "utf8"), key: readFileSync(tls.key, "utf8") });
  const process = await startTlsProcess(own, tls);
  const before = await serialOf(process);
  const renewed = await issueServer(tls.serverCa, A);
  await reloading(() => write(2, renewed), "reloaded", process);
  expect(await serialOf(process)).not.toBe(before);
  expect((await sendOnce(process.server, tls.senders.acme)).status).toBe(202);
});

test("a Kubernetes volume, whose files are links through one link, is reloaded when that link is replaced", async () => {
  await using own = new AsyncDisposableStack();
  const volume = await writeTlsFiles(own);
  const root = dirname(volume.policy);
  const write = (directory: string, policy: PolicyDocument) => {
    mkdirSync(join(root, directory));
    writeFileSync(join(root, directory, "policy.json"), JSON.stringify(policy));
    symlinkSync(directory, join(root, "..data.new"));
    renameSync(join(root, "..data.new"), join(root, "..data"));
  };
  write("..first", volume.senders.policy);
  symlinkSync("..data/policy.json", join(root, "link"));
  renameSync(join(root, "link"), volume.policy);
  const process = await startTlsProcess(own, volume);
  await reloading(() => write("..second", withBeta(volume)), "reloaded", process);
  expect((await sendOnce(process.server, volume.senders.beta)).status).toBe(202);
});

test("broken files prevent the start, with every problem in one message", async () => {
  await using own = new AsyncDisposableStack();
  const { policy, key, args } = await writeTlsFiles(own);
  writeFileSync(policy, "{}");
  writeFileSync(key, (await issueCertificate({ subject: [{ CN: ["other"] }] })).keyPem);
  const { code, stdout, stderr } = await runHere([...args, "--certificate", "absent.pem", "--key", "absent.key"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  for (const problem of ["/senders", "/routes", "absent.pem", "absent.key"]) expect(stderr).toContain(problem);
  const mismatched = await runHere(args);
  expect(mismatched).toMatchObject({ code: 2, stdout: "" });
  for (const problem of ["/senders", "/routes", "the key does not belong to the certificate"])
    expect(mismatched.stderr).toContain(problem);
});
