// Tests `countersign doctor` with endpoints that are broken on purpose. Each endpoint has one fault, and `doctor` must name
// exactly this fault.

import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import type { RequestListener, ServerResponse } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { type CertificateRequest, CLIENT_AUTH, type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { checkAlso, checkOrigin, checkPlainHttp } from "../../../cli/doctor/around.ts";
import { examineEndpoint } from "../../../cli/doctor/examine.ts";
import { type CheckReport, FINDINGS } from "../../../cli/doctor/findings.ts";
import { observeHandshake } from "../../../cli/doctor/handshake.ts";
import { checkKeys } from "../../../cli/doctor/keys.ts";
import { checkDrift, checkExpiry, checkSecrets } from "../../../cli/doctor/policy.ts";
import type { Subject } from "../../../cli/doctor/subject.ts";
import { readLogFile } from "../../../cli/log/read.ts";
import { publicJwk } from "../../../core/assertion/keys.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { Problem } from "../../../core/refusal.ts";
import { runCountersign } from "../../support/running.ts";
import { ACME } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { issueServers, startTlsOrigin } from "../../support/tls-origin.ts";
import {
  CLOSED_PORT,
  createWorld,
  type Faults,
  hasCertificate,
  isForOwnHost,
  issueServer,
  listen,
  type Respond,
  refuse,
  startEndpoint,
  startPlain,
  subjectAt,
  type World,
} from "./endpoint.ts";

const DAY = 86_400_000;
const inDays = (days: number) => new Date(Date.now() + days * DAY);

let world: World;
let stack: AsyncDisposableStack;
beforeAll(async () => {
  world = await createWorld();
});
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

async function codesOf(subject: Subject): Promise<string[]> {
  const reports = await examineEndpoint(subject);
  return reports.flatMap(({ findings }) => findings.map(({ code }) => code));
}

const codesIn = ({ findings }: CheckReport) => findings.map(({ code }) => code);
const pairOf = ({ pem, keyPem }: Identity) => ({ certificate: pem, key: keyPem, chain: [new X509Certificate(pem)] });
const answer =
  (status: number, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    void response.writeHead(status, headers).end();

const accept = (response: ServerResponse) => void response.writeHead(202).end();
const refuseAtOwnHost =
  (problem: Problem): Respond =>
  (request, response, rightly) =>
    isForOwnHost(request) ? refuse(response, problem) : rightly();

test("a correct endpoint has no fault, and accepts the sender's event", async () => {
  const port = await startEndpoint(stack, world);
  const reports = await examineEndpoint(subjectAt(port, world, { identity: pairOf(world.senders.acme) }));
  expect(reports.flatMap(({ findings }) => findings)).toEqual([]);
  const seen = Object.fromEntries(reports.map((report) => [report.check, report.seen]));
  expect(seen).toMatchObject({
    connection: [`localhost port ${port} speaks TLSv1.3`],
    "TLS versions": ["TLS 1.2, TLS 1.3"],
    "client certificate request": [
      "asks for a client certificate",
      "names CN=Quillon Root,O=Quillon Inc",
      expect.stringMatching(/^accepts signatures by .*\becdsa_secp256r1_sha256\b/),
    ],
    "answer without a certificate": ["POST without a certificate: 403 no-client-certificate"],
    "answer to a stranger": ["POST with a certificate that no known CA signed: 403 certificate-not-proven"],
    "answer to the given certificate": ["POST with the given certificate: 202"],
    expiry: ["the policy and the given certificates: nothing without a replacement expires within 30 days"],
  });
  expect(reports.filter(({ notChecked }) => notChecked !== undefined).map(({ check }) => check)).toEqual([
    "other addresses",
    "origin around the edge",
    "published keys",
    "policy of edge and origin",
  ]);
});

test.each(["request", "require"] as const)(
  "the origin's own listener that %ss certificates",
  async (clientCertificates) => {
    const servers = await issueServers("localhost");
    const origin = await startTlsOrigin(stack, { policy: world.senders.policy, servers, clientCertificates });
    const identity = pairOf(world.senders.acme);
    const subject = subjectAt(origin.port, world, { serverCa: servers.ca, identity });
    const reports = await examineEndpoint(subject);
    expect(reports.flatMap(({ findings }) => findings)).toEqual([]);
    expect(reports).toContainEqual(expect.objectContaining({ seen: ["POST with the given certificate: 202"] }));
  },
);

/** For each fault of the server's certificate: its name, the expected findings, and a function that makes the fault. */
const SERVER_FAULTS: readonly (readonly [string, readonly string[], (given: World) => Promise<Faults>])[] = [
  [
    "has expired",
    ["server_expired"],
    async (given) => ({ server: await issueServer(given, { notAfter: inDays(-0.5) }) }),
  ],
  [
    "is not valid yet",
    ["server_not_yet_valid"],
    async (given) => ({ server: await issueServer(given, { notBefore: inDays(1) }) }),
  ],
  [
    "comes with an intermediate that ends soon",
    ["server_ends_soon"],
    async (given) => {
      const intermediate = await issueIntermediate(given, { notAfter: inDays(5) });
      return { server: await issueServer(given, {}, intermediate), intermediates: [intermediate] };
    },
  ],
  [
    "comes with its intermediates in the wrong order",
    ["server_chain_unordered"],
    async (given) => {
      const upper = await issueIntermediate(given);
      const lower = await issueCertificate({ subject: [{ CN: ["Lower CA"] }], ca: {} }, upper);
      return { server: await issueServer(given, {}, lower), intermediates: [upper, lower] };
    },
  ],
  [
    "has a path that is longer than its CA allows",
    ["server_not_verified"],
    async (given) => {
      const upper = await issueIntermediate(given, { ca: { pathLength: 0 } });
      const lower = await issueCertificate({ subject: [{ CN: ["Lower CA"] }], ca: {} }, upper);
      return { server: await issueServer(given, {}, lower), intermediates: [lower, upper] };
    },
  ],
  ["ends soon", ["server_ends_soon"], async (given) => ({ server: await issueServer(given, { notAfter: inDays(5) }) })],
  [
    "is for another host",
    ["server_other_host"],
    async (given) => ({
      server: await issueServer(given, { subjectAltNames: [{ type: "dns", value: "other.example" }] }),
    }),
  ],
  [
    "is for clients",
    ["server_not_for_servers"],
    async (given) => ({ server: await issueServer(given, { extendedKeyUsage: [CLIENT_AUTH] }) }),
  ],
  ["is signed by itself", ["server_self_signed"], async (given) => ({ server: await issueServerAlone(given) })],
  [
    "comes without its intermediate",
    ["server_chain_incomplete"],
    async (given) => ({ server: await issueServer(given, {}, await issueIntermediate(given)) }),
  ],
  [
    "is of a CA that is not public",
    ["server_ca_unknown"],
    async (given) => {
      const ca = await issueCertificate({ subject: [{ CN: ["Private CA"] }], ca: {} });
      return { server: await issueServer(given, {}, ca), intermediates: [ca] };
    },
  ],
];

const issueIntermediate = ({ serverCa }: World, request: Partial<CertificateRequest> = {}) =>
  issueCertificate({ subject: [{ CN: ["Issuing CA"] }], ca: {}, ...request }, serverCa);
async function issueServerAlone(given: World): Promise<Identity> {
  const { keys } = await issueServer(given);
  return await issueCertificate({
    subject: [{ CN: ["localhost"] }],
    extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"],
    subjectAltNames: [{ type: "dns", value: "localhost" }],
    keys,
  });
}

test.each(SERVER_FAULTS)("the server's certificate %s", async (_, expected, breakIt) => {
  const port = await startEndpoint(stack, world, await breakIt(world));
  expect(await codesOf(subjectAt(port, world))).toEqual(expected);
});

test("an intermediate that the server sends is enough", async () => {
  const intermediate = await issueIntermediate(world);
  const port = await startEndpoint(stack, world, {
    server: await issueServer(world, {}, intermediate),
    intermediates: [intermediate],
  });
  expect(await codesOf(subjectAt(port, world))).toEqual([]);
});

/** For each fault of the handshake or of the responses: its name, the expected findings, and a function that makes the fault. */
const ENDPOINT_FAULTS: readonly (readonly [string, readonly string[], (given: World) => Faults])[] = [
  ["asks for no certificate", ["certificate_not_requested"], () => ({ isAsking: false })],
  ["names another CA", ["ca_name_missing"], ({ serverCa }) => ({ named: [serverCa.pem] })],
  ["names no CA", ["ca_names_empty"], () => ({ named: [] })],
  ["speaks TLS 1.3 alone", ["tls_1_2_missing"], () => ({ tls: { minVersion: "TLSv1.3" } })],
  ["speaks TLS 1.0 too", ["tls_outdated"], () => ({ tls: { minVersion: "TLSv1", ciphers: "ALL:@SECLEVEL=0" } })],
  [
    "verifies ECDSA signatures alone",
    ["signature_algorithms_missing"],
    () => ({ tls: { sigalgs: "ecdsa_secp256r1_sha256" } }),
  ],
  ["serves every name", ["other_name_served"], () => ({ servesEveryName: true })],
  [
    "accepts everything",
    ["certificate_not_needed", "stranger_accepted", "other_host_accepted", "dotted_host_accepted"],
    () => ({ respond: answer(202) }),
  ],
  [
    "accepts a request without a certificate",
    ["certificate_not_needed"],
    () => ({
      respond: (request, response, rightly) =>
        isForOwnHost(request) && !hasCertificate(request) ? accept(response) : rightly(),
    }),
  ],
  [
    "accepts a stranger",
    ["stranger_accepted"],
    () => ({ respond: (request, response, rightly) => (hasCertificate(request) ? accept(response) : rightly()) }),
  ],
  [
    "does not look at the host",
    ["other_host_accepted"],
    () => ({ respond: (_, response) => refuse(response, "no-client-certificate") }),
  ],
  [
    "accepts the host with a dot at the end",
    ["dotted_host_accepted"],
    () => ({
      respond: (request, response, rightly) =>
        request.headers.host?.startsWith("localhost.:") ? accept(response) : rightly(),
    }),
  ],
  ["redirects", ["redirected"], () => ({ respond: answer(301, { location: "/elsewhere" }) })],
  ["fails", ["server_failing"], () => ({ respond: answer(500) })],
  ["is another server", ["other_server"], () => ({ respond: answer(403) })],
  ["has no route there", ["route_not_found"], () => ({ respond: refuseAtOwnHost("not-found") })],
  [
    "does not serve its host",
    ["host_not_served"],
    () => ({ respond: (_, response) => refuse(response, "unknown-host") }),
  ],
  ["refuses POST", ["method_refused"], () => ({ respond: refuseAtOwnHost("method-not-allowed") })],
];

test.each(ENDPOINT_FAULTS)("an endpoint that %s", async (_, expected, breakIt) => {
  const port = await startEndpoint(stack, world, breakIt(world));
  expect(await codesOf(subjectAt(port, world))).toEqual(expected);
});

test("the handshake is also read at an address, without a server name", async () => {
  const port = await startEndpoint(stack, world);
  const handshake = await observeHandshake({ host: "127.0.0.1", port, serverName: "" });
  expect(handshake?.has("CertificateRequest")).toBe(true);
});

test("no request is sent to a server that does not answer, does not speak TLS, or has no known name", async () => {
  expect(await codesOf(subjectAt(CLOSED_PORT, world))).toEqual(["no_connection"]);
  expect(await codesOf(subjectAt(await startPlain(stack, answer(200)), world))).toEqual(["not_tls"]);
  const subject = subjectAt(443, world, { url: new URL("https://countersign-doctor.invalid/hooks/acme") });
  expect(await codesOf(subject)).toEqual(["host_unknown"]);
  const silent = createServer((socket) => socket.destroy());
  expect(await codesOf(subjectAt(await listen(stack, silent), world))).toEqual(["handshake_failed"]);
});

test("the given certificate is refused", async () => {
  const port = await startEndpoint(stack, world);
  const identity = pairOf(await issueCertificate({ subject: [{ CN: ["nobody"] }] }));
  expect(await codesOf(subjectAt(port, world, { identity }))).toEqual(["given_refused"]);
});

test("a sender that also signs is accepted with --sign, and refused without", async () => {
  const { policy, acme } = world.senders;
  const signing = { ...policy.senders[ACME], signature: { scheme: "github" as const, secrets: ["HUB_SECRET"] } };
  const servers = await issueServers("localhost");
  const origin = await startTlsOrigin(stack, {
    policy: { ...policy, senders: { ...policy.senders, [ACME]: signing } },
    servers,
    secrets: { HUB_SECRET: "0123456789abcdef" },
  });
  const folder = temporaryDirectory(stack);
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const own = ["--certificate", write("own.pem", acme.pem), "--key", write("own.key", acme.keyPem)];
  const run = async (...more: string[]) => {
    const args = [`https://localhost:${origin.port}/hooks/acme`, "--ca", write("ca.pem", servers.ca), ...own, ...more];
    const { stdout } = await runCountersign(["doctor", ...args, "--json"], "", { HUB_SECRET: "0123456789abcdef" });
    const { checks } = JSON.parse(stdout) as { checks: CheckReport[] };
    return checks.find(({ check }) => check === "answer to the given certificate");
  };
  expect((await run("--sign", "github:HUB_SECRET"))?.seen).toEqual(["POST with the given certificate: 202"]);
  expect((await run())?.seen).toEqual(["POST with the given certificate: 401 signature-not-verified"]);
  const { code, stderr } = await runCountersign(["doctor", "https://localhost/", "--sign", "github:HUB_SECRET"]);
  expect([code, stderr]).toEqual([2, expect.stringContaining("--sign goes with --certificate")]);
});

test("plain HTTP is accepted, or redirected", async () => {
  const at = async (httpPort: number) =>
    codesIn(await checkPlainHttp(subjectAt(CLOSED_PORT, world, { options: { httpPort } })));
  expect(await at(await startPlain(stack, answer(200)))).toEqual(["plain_http_accepted"]);
  expect(await at(await startPlain(stack, answer(308, { location: "https://localhost/" })))).toEqual([
    "plain_http_redirects",
  ]);
  expect(await at(await startPlain(stack, answer(404)))).toEqual([]);
});

test("another address reaches the same code", async () => {
  const at = async (also: number) =>
    codesIn(
      await checkAlso(subjectAt(CLOSED_PORT, world, { options: { also: [`http://127.0.0.1:${also}/hooks/acme`] } })),
    );
  const reached = await startPlain(stack, (_, response) => refuse(response, "no-client-certificate"));
  expect(await at(reached)).toEqual(["also_answers"]);
  expect(await at(await startPlain(stack, (_, response) => refuse(response, "unknown-host")))).toEqual([]);
  expect(await at(CLOSED_PORT)).toEqual([]);
});

test("the origin accepts a request that no edge has signed", async () => {
  const at = async (origin: number) =>
    codesIn(await checkOrigin(subjectAt(CLOSED_PORT, world, { options: { origin: `http://127.0.0.1:${origin}` } })));
  expect(await at(await startPlain(stack, answer(200)))).toEqual(["origin_open"]);
  const believing: RequestListener = ({ headers }, response) =>
    void response.writeHead(headers["client-cert"] === undefined ? 401 : 200).end();
  expect(await at(await startPlain(stack, believing))).toEqual(["origin_open"]);
  expect(await at(await startPlain(stack, (_, response) => refuse(response, "assertion-refused")))).toEqual([]);
});

test("the published keys are missing, not a key set, private, or different from the origin's", async () => {
  const [one, two] = [await newSigningKey(), await newSigningKey()];
  const publish =
    (text: string): RequestListener =>
    (_, response) =>
      void response.end(text);
  const at = async (respond: RequestListener, pinned?: unknown) => {
    const jwks = `http://127.0.0.1:${await startPlain(stack, respond)}/jwks.json`;
    return codesIn(await checkKeys(subjectAt(CLOSED_PORT, world, { options: { jwks, pinned } })));
  };
  const set = (key: typeof one) => JSON.stringify({ keys: [publicJwk(key)] });
  expect(await at(answer(404))).toEqual(["keys_unreachable"]);
  expect(await at(publish("<html>"))).toEqual(["keys_malformed"]);
  expect(await at(publish('{"keys":[]}'))).toEqual(["keys_malformed"]);
  expect(await at(publish(JSON.stringify({ keys: [{ ...publicJwk(one), d: "AA" }] })))).toEqual(["keys_private"]);
  expect(await at(publish(set(one)), JSON.parse(set(two)))).toEqual(["keys_disjoint"]);
  expect(await at(publish(set(one)), JSON.parse(set(one)))).toEqual([]);
});

test("the server's clock is wrong", async () => {
  const date = new Date(Date.now() - 60_000).toUTCString();
  const port = await startEndpoint(stack, world, {
    respond: ({ headers: { host } }, response) => {
      response.setHeader("date", date);
      refuse(response, host?.startsWith("localhost") ? "no-client-certificate" : "unknown-host");
    },
  });
  expect(await codesOf(subjectAt(port, world))).toEqual(["clock_skew"]);
});

test("an anchor or the given certificate ends soon, or has ended", async () => {
  const policyOf = async (notAfter: Date) => {
    const root = await issueCertificate({ subject: [{ CN: ["Short"] }], ca: {}, notAfter });
    const { senders, routes } = world.senders.policy;
    const [name] = Object.keys(world.senders.policy.anchors ?? {});
    return compilePolicy({ anchors: { [name as string]: root.pem }, senders, routes });
  };
  const expiryOf = async (subject: Partial<Subject>) => {
    const codes = await codesOf({ ...subjectAt(CLOSED_PORT, world), ...subject });
    return [...new Set(codes.filter((code) => code !== "no_connection"))];
  };
  expect(await expiryOf({ policy: await policyOf(inDays(10)) })).toEqual(["ends_soon"]);
  expect(await expiryOf({ policy: await policyOf(inDays(-0.5)) })).toEqual(["ended"]);
  expect(await expiryOf({ policy: await policyOf(inDays(100)) })).toEqual([]);
  const short = pairOf(await issueCertificate({ subject: [{ CN: ["acme"] }], notAfter: inDays(3) }));
  expect(await expiryOf({ identity: short })).toEqual(["ends_soon"]);
  const long = pairOf(await issueCertificate({ subject: [{ CN: ["acme"] }] }));
  expect(await expiryOf({ identity: long })).toEqual([]);
  expect(await expiryOf({ identity: { ...long, chain: [...long.chain, ...short.chain] } })).toEqual(["ends_soon"]);
});

test("an anchor that ends soon but has a replacement is no finding, and the line does not deny that it ends", async () => {
  const issueRoot = async (notAfter: Date) =>
    (await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {}, notAfter })).pem;
  const certificates = [{ subject: { CN: "x" } }];
  const policy = compilePolicy({
    anchors: { old: await issueRoot(inDays(10)), new: await issueRoot(inDays(100)) },
    senders: { one: { certificates, trust: { anchors: ["old", "new"] } } },
    routes: { "/hooks": { senders: ["one"], methods: ["POST"] } },
  });
  const { seen, findings } = checkExpiry({ ...subjectAt(CLOSED_PORT, world), policy }, Date.now() / 1000);
  expect(findings).toEqual([]);
  expect(seen).toEqual(["the policy: nothing without a replacement expires within 30 days"]);
});

test("edge and origin have different policies, according to the origin's last event", () => {
  const file = join(temporaryDirectory(stack), "log.jsonl");
  const codes = (...lines: object[]) => {
    writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    return codesIn(checkDrift(subjectAt(CLOSED_PORT, world, { options: { log: { file, lines: readLogFile(file) } } })));
  };
  const drifted = { decision: "accepted", id: "1", policyDrift: { edge: "a", origin: "b" } };
  expect(codes({ decision: "accepted", id: "0" }, drifted)).toEqual(["policy_drift"]);
  expect(codes(drifted, { decision: "accepted", id: "2" })).toEqual([]);
  // If the policies of edge and origin differ, every event may be refused.
  expect(codes({ ...drifted, decision: "refused" }, { decision: "refused", id: "3" })).toEqual(["policy_drift"]);
});

const NONE_SHARED = "no handshake shares a secret that it must not share; compared here: ";

test("a handshake whose secret has the value of another secret is found, among the secrets that are set here", () => {
  const check = (signature: object, handshake?: object) => {
    const sender = { signature, ...(handshake && { handshake }) };
    const routes = { "/hooks": { senders: ["one"], methods: ["POST"] } };
    return checkSecrets({
      ...subjectAt(CLOSED_PORT, world),
      policy: compilePolicy({ anchors: {}, senders: { one: sender }, routes }),
    });
  };
  const github = { scheme: "github", secrets: ["DOCTOR_KEY"] };
  const meta = { scheme: "meta", secret: "DOCTOR_TOKEN" };
  expect(check(github).seen).toEqual(["no handshake of the policy has a secret"]);
  expect(check(github, meta).notChecked).toContain("set DOCTOR_TOKEN");
  vi.stubEnv("DOCTOR_TOKEN", "0123456789abcdef");
  expect(check(github, meta).seen).toEqual([`${NONE_SHARED}DOCTOR_TOKEN`]);
  vi.stubEnv("DOCTOR_KEY", "0123456789abcdef");
  const { findings } = check(github, meta);
  expect(findings.map(({ code }) => code)).toEqual(["handshake_secret_shared"]);
  expect(findings[0]?.evidence).toMatch(
    /^\/senders\/one\/handshake: the secret DOCTOR_TOKEN has the value of DOCTOR_KEY/,
  );
  expect(JSON.stringify(findings)).not.toContain("0123456789abcdef");
  // DOCTOR_KEY is now given twice: as a value and as a file. Such a secret cannot be read, so it is not compared.
  vi.stubEnv("DOCTOR_KEY_FILE", "/nowhere");
  expect(check(github, meta).seen).toEqual([`${NONE_SHARED}DOCTOR_TOKEN`]);
  vi.unstubAllEnvs();
});

test("secrets of signatures that have the same value are not said to differ", () => {
  const signature = { scheme: "github", secrets: ["DOCTOR_KEY", "DOCTOR_KEY_2"] };
  const meta = { signature, handshake: { scheme: "meta", secret: "DOCTOR_TOKEN" } };
  const subject = {
    ...subjectAt(CLOSED_PORT, world),
    policy: compilePolicy({
      anchors: {},
      senders: { one: meta },
      routes: { "/hooks": { senders: ["one"], methods: ["POST"] } },
    }),
  };
  onTestFinished(() => void vi.unstubAllEnvs());
  for (const name of ["DOCTOR_KEY", "DOCTOR_KEY_2"]) vi.stubEnv(name, "0123456789abcdef");
  vi.stubEnv("DOCTOR_TOKEN", "fedcba9876543210");
  const all = `${NONE_SHARED}DOCTOR_KEY, DOCTOR_KEY_2, DOCTOR_TOKEN`;
  expect(checkSecrets(subject)).toMatchObject({ findings: [], seen: [all] });
  // An empty secret is not compared.
  vi.stubEnv("DOCTOR_KEY", "");
  expect(checkSecrets(subject).seen).toEqual([`${NONE_SHARED}DOCTOR_KEY_2, DOCTOR_TOKEN`]);
  vi.stubEnv("DOCTOR_TOKEN", "");
  expect(checkSecrets(subject).notChecked).toContain("set DOCTOR_TOKEN");
});

test("the command prints each check, its finding and the remedy, and its exit code tells the worst one", async () => {
  const folder = temporaryDirectory(stack);
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const common = [
    "--ca",
    write("ca.pem", world.serverCa.pem),
    "--policy",
    write("policy.json", JSON.stringify(world.senders.policy)),
    "--http-port",
    "1",
  ];
  const doctor = (port: number, ...more: string[]) =>
    runCountersign(["doctor", `https://localhost:${port}/hooks/acme`, ...common, ...more]);
  const wrong = await doctor(await startEndpoint(stack, world, { isAsking: false }));
  expect(wrong).toMatchObject({ code: 1, stderr: "" });
  expect(wrong.stdout).toContain("ERROR    client certificate request\n");
  expect(wrong.stdout).toContain("error certificate_not_requested: the server does not ask for a client certificate");
  expect(wrong.stdout).toContain("switch mutual TLS on for this host");
  expect(wrong.stdout).toMatch(/\n1 error, 0 warnings; not checked: \d\n$/);
  const warned = await doctor(await startEndpoint(stack, world, { tls: { minVersion: "TLSv1.3" } }), "--json");
  expect(warned).toMatchObject({ code: 3, stderr: "" });
  expect(JSON.parse(warned.stdout)).toMatchObject({
    ok: false,
    checks: expect.arrayContaining([expect.objectContaining({ check: "TLS versions" })]),
  });
  const port = await startEndpoint(stack, world);
  expect(await doctor(port)).toMatchObject({ code: 0, stderr: "" });
  expect(await runCountersign(["doctor", "http://localhost/"])).toMatchObject({ code: 2, stdout: "" });
  // A wrong option is reported before the first request is sent.
  const url = `https://localhost:${port}/hooks/acme`;
  const unreadable = await runCountersign(["doctor", url, "--log", join(folder, "missing.jsonl")]);
  expect(unreadable).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("missing.jsonl") });
  const unread = await runCountersign(["doctor", url, ...common, "--json"], "", { PATH: folder });
  expect(unread).toMatchObject({ code: 0, stderr: "" });
  const { checks } = JSON.parse(unread.stdout) as { checks: CheckReport[] };
  const lacking = checks.filter(({ notChecked }) => notChecked?.includes("openssl"));
  expect(lacking.map(({ check }) => check)).toEqual([
    "server certificate",
    "TLS versions",
    "client certificate request",
  ]);
});

test("several faults are each named once, in the order of the checks", async () => {
  const open = await startPlain(stack, answer(200));
  const port = await startEndpoint(stack, world);
  const options = {
    httpPort: open,
    also: [`http://127.0.0.1:${open}/`],
    origin: `http://127.0.0.1:${open}`,
    jwks: `http://127.0.0.1:${open}/`,
  };
  const expected = ["plain_http_accepted", "also_answers", "origin_open", "keys_malformed"];
  expect(await codesOf(subjectAt(port, world, { options }))).toEqual(expected);
});

test("there are at least 25 faults, each with a sentence, a remedy, and a case in which it alone is found", () => {
  expect(Object.keys(FINDINGS).length).toBeGreaterThanOrEqual(25);
  const cases = ["doctor", "wrangler"].map((name) =>
    readFileSync(join(import.meta.dirname, `${name}.test.ts`), "utf8"),
  );
  for (const code of Object.keys(FINDINGS)) expect(cases.join(), code).toMatch(new RegExp(`\\[\\s*"${code}",?\\s*\\]`));
  for (const [severity, problem, remedy] of Object.values(FINDINGS)) {
    expect(["error", "warning"]).toContain(severity);
    expect(problem).toMatch(/^[a-z].*[^.]$/);
    expect(remedy).toMatch(/^[a-z].*[^.]$/);
  }
});
