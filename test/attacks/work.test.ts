// Tests that certificates and signatures of a stranger cost little CPU time. All certificates and signatures are new, and no CA or
// key of the policy made them. The limits are wide, because a test machine does other work too. `npm run bench -- hostile` measures
// exactly.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import { importSecrets } from "../../core/admission/secrets.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { parseCertificate } from "../../core/x509/certificate.ts";
import { createOriginApp } from "../../origin/app.ts";
import { createTlsState } from "../../origin/node/tls/hosts.ts";
import { listenTls } from "../../origin/node/tls/listener.ts";
import { readTlsPeer } from "../../origin/node/tls/peer.ts";
import { anchorsInUse } from "../../origin/node/tls/policy.ts";
import { sequence, TAG, tlv } from "../support/certificates/der-edit.ts";
import { encodeName, FIELD, setExtension } from "../support/certificates/edit.ts";
import { resign } from "../support/fixtures/issue.ts";
import { exchange, listen } from "../support/http.ts";
import { pemOf } from "../support/scenes/certificates.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { sendInVain, sendOnce, TlsSender } from "../support/tls-client.ts";
import { NO_CERTIFICATE, tlsClientAuth } from "../support/tls-client-auth.ts";
import { A, issueServers, type ServerCertificates, startTlsOrigin } from "../support/tls-origin.ts";
import { type DeployedEdge, startWorkerd } from "../support/workerd.ts";
import { startOrigin } from "../system/proxy/world.ts";

const SENDERS = 50;
const REQUESTS = 5;
/**
 * The limit for all requests of one measurement together. A single request would take seconds if the code compared the subtrees of
 * the name constraints before it verified signatures, and did so again for each sender.
 */
const MAX_CPU_MILLISECONDS = 3_000;
const MILLISECONDS_PER_TICK = 10;
const LARGE_BODY = new Uint8Array(16 * 1024 * 1024);
const COMMON_NAME = "2.5.4.3";
const NAME_CONSTRAINTS = "2.5.29.30";
const EXTENDED_KEY_USAGE = "2.5.29.37";

const stack = new AsyncDisposableStack();
let root: Identity;
let sender: Identity;
let policy: PolicyDocument;
let servers: ServerCertificates;
let edge: DeployedEdge;

beforeAll(async () => {
  root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
  sender = await issueCertificate({ subject: [{ CN: ["sender-0"] }] }, root);
  servers = await issueServers(A);
  const names = Array.from({ length: SENDERS }, (_, index) => `sender-${index}`);
  const ruleOf = (CN: string) => ({ certificates: [{ subject: { CN } }], trust: { anchors: ["root"] } });
  policy = {
    anchors: { root: root.pem },
    senders: Object.fromEntries(names.map((name) => [name, ruleOf(name)])),
    routes: { "/hooks/acme": { senders: names, methods: ["POST"] } },
  };
  const ORIGIN_URL = await listen(stack, (_, outgoing) => outgoing.writeHead(202).end());
  const SIGNING_KEYS = JSON.stringify({ keys: [await newSigningKey()] });
  ({ edge } = await startWorkerd(stack, policy, { edge: { SIGNING_KEYS, ORIGIN_URL } }));
});
afterAll(() => stack.disposeAsync());

/**
 * Makes a leaf and its issuer. The name constraints of the issuer have 400 subtrees, and the leaf has a long name. Both
 * certificates still fit into the fields of RFC 9440. Case folding turns each character of the name into 18 characters.
 */
async function makeChain(): Promise<{ leaf: Identity; issuer: Identity }> {
  const subject = [{ CN: ["Anybody"] }];
  const ca = await issueCertificate({ subject, ca: {} });
  const subtree = sequence(tlv(0xa4, [encodeName([[COMMON_NAME, TAG.utf8, ""]])]));
  const subtrees = tlv(
    0xa1,
    Array.from({ length: 400 }, () => subtree),
  );
  const issuer = resign(ca, ca, (parts) => setExtension(parts, NAME_CONSTRAINTS, sequence(subtrees), true));
  const client = await issueCertificate({ subject }, ca);
  const leaf = resign(client, ca, ({ tbs }) => {
    tbs[FIELD.subject] = encodeName([[COMMON_NAME, TAG.utf8, "\ufdfa".repeat(2_000)]]);
  });
  return { leaf: { ...client, base64: leaf }, issuer: { ...ca, base64: issuer } };
}

const makeChains = () => Promise.all(Array.from({ length: REQUESTS }, makeChain));
const clientOf = ({ leaf, issuer }: { leaf: Identity; issuer: Identity }) => ({
  pem: pemOf(leaf.base64) + pemOf(issuer.base64),
  keyPem: leaf.keyPem,
});
const ownCpu = () => process.cpuUsage().user / 1_000;

/** Returns the milliseconds of CPU time that `send` takes for all chains, one after another. */
async function costOf<Chain>(
  chains: readonly Chain[],
  send: (chain: Chain) => Promise<unknown>,
  cpu: () => number = ownCpu,
): Promise<number> {
  const before = cpu();
  for (const chain of chains) await send(chain);
  return cpu() - before;
}

describe("a chain that nobody signed costs little, with fifty senders on the route,", () => {
  test("Name constraints of a stranger, at the edge", async () => {
    const send = async (tls: ReturnType<typeof tlsClientAuth>) => (await edge.send({ tls, body: "{}" })).status;
    expect(await send(tlsClientAuth(sender))).toBe(202);
    const field = ({ base64 }: Identity) => `:${base64}:`;
    const cpu = () => {
      const fields = readFileSync(`/proc/${edge.pid}/stat`, "utf8")
        .replace(/^.*\) /, "")
        .split(" ");
      return Number(fields[11]) * MILLISECONDS_PER_TICK;
    };
    const cost = await costOf(
      await makeChains(),
      async ({ leaf, issuer }) => {
        const certificate = { certPresented: "1", certVerified: "FAILED:unable to get local issuer certificate" };
        const fields = { certRFC9440: field(leaf), certChainRFC9440: field(issuer) };
        expect(await send({ ...NO_CERTIFICATE, ...certificate, ...fields })).toBe(403);
      },
      cpu,
    );
    expect(cost).toBeLessThan(MAX_CPU_MILLISECONDS);
    const refused = () => edge.lines.all.filter(({ code }) => code === "issuer_unknown").length;
    await expect.poll(refused).toBe(REQUESTS);
  });

  test("Name constraints of a stranger, at the TLS listener", async () => {
    const origin = await startTlsOrigin(stack, { policy, servers });
    expect((await sendOnce(origin.at(A), sender)).status).toBe(202);
    const cost = await costOf(await makeChains(), async (chain) => {
      expect((await sendOnce(origin.at(A), clientOf(chain))).status).toBe(403);
    });
    expect(cost).toBeLessThan(MAX_CPU_MILLISECONDS);
    expect(origin.lines.all.filter(({ code }) => code === "issuer_unknown")).toHaveLength(REQUESTS);
  });

  test("Name constraints of a stranger, in the fields of a proxy", async () => {
    const socket = join(temporaryDirectory(stack), "origin.sock");
    const { lines } = await startOrigin(stack, { senders: { policy } }, "rfc9440", { socket, mode: 0o600 });
    const cost = await costOf(await makeChains(), async ({ leaf, issuer }) => {
      const headers = [
        ["Client-Cert", `:${leaf.base64}:`] as const,
        ["Client-Cert-Chain", `:${issuer.base64}:`] as const,
      ];
      expect((await exchange({ url: "http://localhost/hooks/acme", socket, headers, body: "{}" })).status).toBe(403);
    });
    expect(cost).toBeLessThan(MAX_CPU_MILLISECONDS);
    expect(lines.all.filter(({ code }) => code === "issuer_unknown")).toHaveLength(REQUESTS);
  });

  test("Name constraints of a stranger, in place of the proxy's own certificate", async () => {
    const proxy = await issueCertificate({ subject: [{ CN: ["proxy"] }] }, root);
    const [host] = servers.hosts;
    const { url, lines } = await startOrigin(stack, { senders: { policy } }, "rfc9440", {
      hostname: "127.0.0.1",
      port: 0,
      certificate: host?.certificate ?? "",
      key: host?.key ?? "",
      proxy: { ca: root.pem, subject: "CN=proxy" },
    });
    const server = { port: Number(new URL(url).port), ca: servers.ca, name: A };
    const headers = [["Client-Cert", `:${sender.base64}:`] as const];
    expect((await sendOnce(server, proxy, { headers })).status).toBe(202);
    const cost = await costOf(await makeChains(), (chain) => sendInVain(server, clientOf(chain)));
    expect(cost).toBeLessThan(MAX_CPU_MILLISECONDS);
    expect(lines.all.filter(({ cause }) => cause === "issuer_unknown")).toHaveLength(REQUESTS);
  });
});

test("Signatures of a stranger: fifty senders with one secret hash a body once", async () => {
  const one = await costOfBodies(1);
  expect(await costOfBodies(SENDERS)).toBeLessThan(one * 5);
});

/** Returns the CPU time for bodies with a signature that no known key made. The route has `senders` senders. */
async function costOfBodies(senders: number): Promise<number> {
  const names = Array.from({ length: senders }, (_, index) => `sender-${index}`);
  const signature = { scheme: "github" as const, secrets: ["SECRET"] };
  const signing = compilePolicy({
    anchors: {},
    senders: Object.fromEntries(names.map((name) => [name, { signature }])),
    routes: { "/hooks/acme": { senders: names, methods: ["POST"], maxBodyBytes: LARGE_BODY.length } },
  });
  const codes: unknown[] = [];
  const app = createOriginApp({
    policy: signing,
    secrets: importSecrets(signing, () => "0123456789abcdef"),
    readCertificate: () => {
      throw new Error("no sender needs one");
    },
    accept: () => undefined,
    log: ({ code }) => codes.push(code),
  });
  const cost = await costOf(Array<Uint8Array<ArrayBuffer>>(REQUESTS).fill(LARGE_BODY), async (body) => {
    const headers = { "x-hub-signature-256": `sha256=${"0".repeat(64)}` };
    const { status } = await app.request("http://localhost/hooks/acme", { method: "POST", headers, body });
    expect(status).toBe(401);
  });
  expect(codes).toEqual(Array(REQUESTS).fill("signature_mismatch"));
  return cost;
}

test("Large certificates of strangers: few large certificates are cached, but hundreds of usual ones", () => {
  const grown = (octets: number, index: number) =>
    resign(sender, sender, (parts) => {
      const junk = new Uint8Array(octets);
      junk[0] = index;
      setExtension(parts, "1.2.3.4", junk);
    });
  const isKeptBehind = (count: number, octets: number) => {
    const first = parseCertificate(grown(octets, 0));
    for (let index = 1; index <= count; index += 1) parseCertificate(grown(octets, index));
    return parseCertificate(first.base64) === first;
  };
  expect(isKeptBehind(90, 7_000)).toBe(true);
  expect(isKeptBehind(150, 7_000)).toBe(false);
  expect(isKeptBehind(250, 700)).toBe(true);
});

describe("the certificate of a connection is parsed once,", () => {
  const unreadable: [string, (leaf: Identity) => string][] = [
    [
      "certificate_malformed",
      (leaf) => resign(leaf, root, (parts) => setExtension(parts, EXTENDED_KEY_USAGE, tlv(5, []))),
    ],
    [
      "certificate_too_large",
      (leaf) => resign(leaf, root, (parts) => setExtension(parts, "1.2.3.4", new Uint8Array(10_000))),
    ],
  ];

  test.each(unreadable)("Unreadable certificate, again and again: every request gets %s", async (code, make) => {
    const refusals: unknown[] = [];
    const state = createTlsState(servers.hosts, anchorsInUse(compilePolicy(policy)));
    const options = { hostname: "127.0.0.1", port: 0, clientCertificates: "request", state: () => state } as const;
    const server = await listenTls(
      (_, environment) => {
        try {
          readTlsPeer(environment);
        } catch (error) {
          refusals.push(error);
        }
        return new Response();
      },
      { ...options, log: () => {} },
    );
    stack.defer(() => server.close());
    const at = { port: Number(new URL(server.url).port), ca: servers.ca, name: A };
    const client = new TlsSender(at, { pem: pemOf(make(sender)), keyPem: sender.keyPem });
    stack.defer(() => client.close());
    await client.send();
    expect((await client.send()).isKeptAlive).toBe(true);
    expect(refusals).toEqual([expect.objectContaining({ code }), expect.objectContaining({ code })]);
    // The second refusal is the same object as the first, so the certificate was not parsed again.
    expect(refusals[1]).toBe(refusals[0]);
  });
});
