// Tests what an origin keeps about refused requests: behind the edge, at its own listener, and behind a proxy. The origin keeps the
// presented certificate, and nothing that could be a secret. `countersign inbox refusals` reads what is kept.

import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { publicJwk } from "../../../core/assertion/keys.ts";
import type { LogLine } from "../../../core/log-line.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import type { RefusedFacts } from "../../../origin/inbox/refusals/refusals.ts";
import { describeRefused, headOf } from "../../../origin/service/kept-refusals.ts";
import { runHere } from "../../support/command.ts";
import { forwardedRequest } from "../../support/forgery.ts";
import { exchange } from "../../support/http.ts";
import { runInbox } from "../../support/inbox-stores.ts";
import { makeOriginFolder, type OriginFolder } from "../../support/origin-folder.ts";
import { ACME, AUDIENCE, BETA, ISSUER } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { sendOnce } from "../../support/tls-client.ts";
import { startTlsProcess, writeTlsFiles } from "../../support/tls-process.ts";

const SECRET = "nobody-may-read-this";
const SOON = { timeout: 25_000, interval: 50 };

let stack: AsyncDisposableStack;
let { file, senders, start } = {} as OriginFolder;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  ({ file, senders, start } = await makeOriginFolder(stack));
});
afterEach(() => stack.disposeAsync());

interface Refusal {
  readonly code: string;
  readonly sender: string;
  readonly route: string;
  readonly id: string;
  readonly [member: string]: unknown;
}

const command = (...args: readonly string[]) => runInbox(file("inbox.sqlite"), "refusals", ...args);

async function refusalsOf(...args: readonly string[]): Promise<Refusal[]> {
  const { stdout } = await command("--json", ...args);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Refusal);
}

const untilKept = (number: number, ...args: readonly string[]) =>
  vi.waitFor(async () => {
    const refusals = await refusalsOf(...args);
    expect(refusals).toHaveLength(number);
    return refusals;
  }, SOON);

test("behind the edge, with the sender that its assertion names, and the certificate", async () => {
  const key = await newSigningKey();
  writeFileSync(file("jwks.json"), JSON.stringify({ keys: [publicJwk(key)] }));
  const origin = await start(
    ...["--issuer", ISSUER, "--audience", AUDIENCE, "--jwks", file("jwks.json"), "--port", "0"],
  );
  const { digest: policyDigest } = compilePolicy(senders.policy);
  const forwarded = forwardedRequest({ key, identity: senders.acme, policyDigest });
  const send = (headers = forwarded.headers, target = forwarded.target) =>
    exchange({ ...forwarded, headers, target: target ?? "", url: `${origin.ready["origin"]}` });
  expect((await send()).status).toBe(202);
  // Sends a replay, a request without an assertion, an unknown path, a target in another spelling, and a certificate of another
  // sender.
  expect((await send()).status).toBe(409);
  expect((await send([["authorization", `Bearer ${SECRET}`]])).status).toBe(401);
  expect((await send([["cookie", SECRET]], `/nowhere?token=${SECRET}`)).status).toBe(404);
  expect((await send([], `/hooks/%61cme?token=${SECRET}`)).status).toBe(400);
  const mistaken = forwardedRequest({ key, identity: senders.beta, sender: ACME, policyDigest });
  const refused = await exchange({ ...mistaken, url: `${origin.ready["origin"]}${mistaken.target}` });
  expect(refused.status).toBe(403);
  const refusals = await untilKept(5);
  expect(refusals.map(({ code, sender, route, target }) => [code, sender, route, target]).sort()).toEqual([
    ["assertion_missing", "", "/hooks/acme", "/hooks/acme"],
    ["malformed_target", "", "", "/hooks/%61cme?…"],
    ["replayed", ACME, "/hooks/acme", "/hooks/acme"],
    ["sender_not_allowed", ACME, "/hooks/acme", "/hooks/acme"],
    ["unknown_route", "", "", "/nowhere?…"],
  ]);
  const [mismatch] = await refusalsOf("--code", "sender_not_allowed", "--sender", ACME, "--route", "/hooks/acme");
  const { decision } = JSON.parse(refused.body.toString()) as { decision: string };
  const { sha256 } = parseCertificate(senders.beta.base64);
  expect(mismatch).toMatchObject({
    ...{ id: decision, method: "POST", peer: "127.0.0.1", at: expect.stringMatching(/Z$/) },
    certificateSha256: sha256,
    line: { decision: "refused", level: "warn", code: "sender_not_allowed", problem: "sender-not-allowed" },
  });
  const [whole] = await refusalsOf(decision);
  expect(whole?.["certificate"]).toEqual({
    sha256,
    der: senders.beta.base64,
    intermediates: [],
  });
  const shown = await command(decision);
  const pem = /-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.exec(shown.stdout)?.[0] ?? "";
  expect(new X509Certificate(pem).raw.toString("base64")).toBe(senders.beta.base64);
  const explain = (...args: string[]) =>
    runHere(["explain", "--policy", file("policy.json"), "--inbox", file("inbox.sqlite"), "--json", ...args]);
  const explained = await explain("--decision", decision);
  expect(JSON.parse(explained.stdout)).toMatchObject({
    ...{ verdict: "refused", code: "sender_not_allowed" },
    recorded: { verdict: "refused", code: "sender_not_allowed", lacking: [] },
  });
  expect(await explain("--decision", "nothing")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/keeps no refusal "nothing": the oldest are deleted when there are too many\n$/),
  });
  expect((await command("--limit", "2")).stdout).toMatch(/^at +code +sender +route +peer +decision +why\n(?:.*\n){2}$/);
  expect(await command("nothing")).toMatchObject({ code: 2, stderr: 'countersign: there is no refusal "nothing"\n' });
  expect(await command("x", "--code", "y")).toMatchObject({ code: 2 });
  await vi.waitFor(async () => {
    const metrics = await (await fetch(origin.ready["metrics"] as string)).text();
    expect(metrics).toMatch(/^countersign_refusals_kept 5$/m);
    expect(metrics).toMatch(/^countersign_refusals_dropped_total 0$/m);
  }, SOON);
  // A refusal is stored half a second after its answer. A command that is given its id meanwhile waits for it.
  const explainLogged = async (id: string) => {
    writeFileSync(file("log.jsonl"), JSON.stringify(await origin.line({ id })));
    const found = await explain("--decision", id, "--log", file("log.jsonl"));
    // Without the certificate, which is only in the inbox, this would be undecided.
    expect(JSON.parse(found.stdout)).toMatchObject({ verdict: "refused" });
    return found;
  };
  for (const look of [command, (id: string) => explain("--decision", id), explainLogged]) {
    const again = await exchange({ ...mistaken, url: `${origin.ready["origin"]}${mistaken.target}` });
    const { decision: latest } = JSON.parse(again.body.toString()) as { decision: string };
    expect((await look(latest)).stdout).toContain("sender_not_allowed");
  }
  // The inbox contains nothing that could be a secret. While the origin runs, the refusals are in the write-ahead log. At its end,
  // they are moved to the database file.
  const holds = (text: string) => {
    const names = readdirSync(file("")).filter((name) => name.startsWith("inbox.sqlite"));
    return names.some((name) => readFileSync(file(name)).includes(text));
  };
  expect([holds("/hooks/%61cme"), holds(SECRET)]).toEqual([true, false]);
  expect(await origin.stop()).toBe(0);
  expect([holds("/hooks/%61cme"), holds(SECRET)]).toEqual([true, false]);
});

test("behind the edge, on a route that names a host, explained by that route", async () => {
  const key = await newSigningKey();
  const route = "hooks.acme.example/events";
  const policy = { ...senders.policy, routes: { [route]: { senders: [ACME], methods: ["POST"] } } };
  writeFileSync(file("policy.json"), JSON.stringify(policy));
  writeFileSync(file("jwks.json"), JSON.stringify({ keys: [publicJwk(key)] }));
  const origin = await start(
    ...["--issuer", ISSUER, "--audience", AUDIENCE, "--jwks", file("jwks.json"), "--port", "0"],
  );
  const { digest: policyDigest } = compilePolicy(policy);
  const event = { key, identity: senders.beta, sender: ACME, policyDigest, target: `//${route}` };
  const { status } = await exchange({
    ...forwardedRequest(event),
    target: "/events",
    url: `${origin.ready["origin"]}`,
  });
  expect(status).toBe(403);
  const [refusal] = await untilKept(1, "--route", route);
  expect(refusal).toMatchObject({ code: "sender_not_allowed", sender: ACME, route, target: "/events" });
  const asked = ["--inbox", file("inbox.sqlite"), "--policy", file("policy.json"), "--json"];
  const explained = await runHere(["explain", "--decision", refusal?.id ?? "", ...asked]);
  expect(JSON.parse(explained.stdout)).toMatchObject({ code: "sender_not_allowed", route: { path: route } });
});

test("at a listener with several workers, also for failed handshakes", async () => {
  const files = await writeTlsFiles(stack);
  file = (name) => join(files.inbox, "..", name);
  const origin = await startTlsProcess(stack, files, "--workers", "2");
  const stranger = await issueCertificate({ subject: [{ CN: ["stranger"] }] });
  const target = { target: "/hooks/acme" };
  expect((await sendOnce(origin.server, stranger, target)).status).toBe(403);
  expect((await sendOnce(origin.server, files.senders.beta, target)).status).toBe(403);
  expect((await sendOnce(origin.server, files.senders.acme, target)).status).toBe(202);
  await expect(sendOnce({ ...origin.server, name: "other.example.com" }, stranger, target)).rejects.toThrow();
  // The failed TLS handshake also causes a log line.
  const refusals = await vi.waitFor(async () => {
    const all = await refusalsOf();
    expect(all.map(({ code }) => code)).toEqual(
      expect.arrayContaining(["issuer_unknown", "sender_not_allowed", "handshake"]),
    );
    return all;
  }, SOON);
  const unproven = refusals.find(({ code }) => code === "issuer_unknown") as Refusal;
  expect(unproven.sender).toBe("");
  expect((await refusalsOf(unproven.id))[0]?.["certificate"]).toMatchObject({ der: stranger.base64 });
  expect(refusals.find(({ code }) => code === "sender_not_allowed")).toMatchObject({ sender: ACME });
  expect(await origin.stop()).toBe(0);
});

test("behind a proxy, the rest is written at the end, and with --refusals off nothing is written", async () => {
  const socket = file("origin.sock");
  const ask = (headers: Record<string, string>) =>
    new Promise((resolve, reject) => {
      const options = { socketPath: socket, method: "POST", path: "/hooks/acme", headers: { host: "x", ...headers } };
      const outgoing = request(options, (incoming) => resolve(incoming.resume().statusCode));
      outgoing.once("error", reject);
      outgoing.end("{}");
    });
  const proxy = ["--behind-proxy", "haproxy", "--socket", socket];
  const quiet = await start(...proxy, "--refusals", "off");
  expect(await ask({})).toBe(403);
  expect(await quiet.stop()).toBe(0);
  expect(await refusalsOf()).toEqual([]);
  const origin = await start(...proxy);
  expect(await ask({})).toBe(403);
  expect(await ask({ "ssl-client-cert": senders.beta.base64 })).toBe(403);
  expect(await origin.stop()).toBe(0);
  expect((await refusalsOf()).map(({ code, sender }) => [code, sender])).toEqual([
    ["sender_not_allowed", ACME],
    ["no_certificate", ""],
  ]);
});

test("lines that are not about a request are left out, and so are names that are not in the policy", () => {
  const policy = compilePolicy(senders.policy);
  const kept = (given: object, facts?: RefusedFacts) => {
    const line = given as LogLine;
    const head = headOf(line, facts, policy, 0);
    return head && describeRefused(head, line, facts);
  };
  expect(kept({ decision: "accepted", id: "1" })).toBeUndefined();
  expect(kept({ decision: "failed", code: "lease_lost", id: "1" })).toBeUndefined();
  expect(kept({ decision: "failed", code: "store_unavailable", problem: "unavailable" })).toMatchObject({ id: "" });
  expect(kept({ decision: "handshake", cause: "timeout", peer: "192.0.2.1" })).toMatchObject({ code: "handshake" });
  const foreign = { decision: "refused", code: "replayed", sender: "nobody", route: "/nowhere", id: "\u0000\u202e" };
  expect(kept(foreign)).toMatchObject({ sender: "", route: "", id: "\\u0000\\u202e" });
  const near = { decision: "refused", code: "sender_not_allowed", nearMiss: { sender: BETA } };
  expect(kept(near)).toMatchObject({ sender: BETA });
  expect(kept(near, { url: "http://x/a?b", likelySender: ACME, certificate: undefined })).toMatchObject({
    sender: ACME,
    target: "/a?…",
  });
  const long = kept(
    { decision: "refused", code: "unknown_route" },
    {
      url: `http://x/${"a".repeat(9_000)}`,
      likelySender: undefined,
      certificate: undefined,
    },
  );
  expect(long?.target).toHaveLength(513);
});
