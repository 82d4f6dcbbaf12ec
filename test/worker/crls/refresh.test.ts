// Tests revocation lists at the edge. The cron trigger fetches the lists and stores them in Workers KV. Requests read the lists
// from Workers KV.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Identity, issueCertificate, issueCrl } from "../../../cli/dev/authority.ts";
import type { ConfigurationError } from "../../../core/configuration-error.ts";
import type { LogLine } from "../../../core/log-line.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { compileEdgePolicy, loadEdge } from "../../../worker/configuration.ts";
import { type CrlNamespace, MAX_EDGE_CRL_BYTES, refreshCrls } from "../../../worker/crls/refresh.ts";
import { type CrlServer, startCrlServer } from "../../support/crl-server.ts";
import { listen } from "../../support/http.ts";
import { type LocalEdge, startTestEdge } from "../../support/local-edge.ts";
import { ACME, createSenders, MARKER, type Senders, subjectOf } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { tlsClientAuth } from "../../support/tls-client-auth.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let issuing: Identity;
let below: Identity;
let server: CrlServer;
let originUrl: string;

beforeAll(async () => {
  senders = await createSenders();
  issuing = await issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {} }, senders.root);
  below = await issueCertificate({ subject: subjectOf(ACME) }, issuing);
  originUrl = await listen(stack, (incoming, outgoing) => {
    incoming.resume().on("end", () => outgoing.writeHead(202).end());
  });
});
afterAll(() => stack.disposeAsync());

const minutes = (count: number) => new Date(Date.now() + count * 60_000);

function withLists(freshness: "require" | "prefer", ...sources: string[]): PolicyDocument {
  const { policy, root } = senders;
  const [name] = Object.keys(policy.anchors) as [string];
  return { ...policy, anchors: { [name]: { certificate: root.pem, crls: { sources, freshness } } } };
}

async function start(own: AsyncDisposableStack, freshness: "require" | "prefer"): Promise<LocalEdge> {
  server = await startCrlServer(own);
  return startTestEdge(own, { policy: withLists(freshness, server.url("root"), server.url("issuing")), originUrl });
}

/**
 * Sends one event. Returns the status of the response and, as `told`, the code in the log line of the event. If the line has no
 * code, `told` is the doubt about revocation, if there is one.
 */
async function decide(edge: LocalEdge, leaf = senders.acme, intermediates: readonly Identity[] = []) {
  const known = edge.lines.all.length;
  const response = await edge.send({ tls: tlsClientAuth(leaf, intermediates) });
  await response.arrayBuffer();
  for (;;) {
    const line = edge.lines.all.slice(known).find(({ id }) => id !== undefined);
    if (line !== undefined) return { status: response.status, told: line["code"] ?? line["revocation"] ?? "forwarded" };
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("an edge that requires lists", () => {
  const own = new AsyncDisposableStack();
  let edge: LocalEdge;

  beforeAll(async () => {
    edge = await start(own, "require");
  });
  afterAll(() => own.disposeAsync());

  test("refuses everything before the first list is there", async () => {
    expect(await decide(edge)).toEqual({ status: 503, told: "revocation_unknown" });
    const lines = await edge.runCronTrigger(2);
    expect(lines).toMatchObject([
      { code: "revocation_list_missing", crl: server.url("root"), why: "the source answered with 404" },
      { code: "revocation_list_missing", crl: server.url("issuing"), why: "the source answered with 404" },
    ]);
  });
});

describe("an edge whose lists are in KV", () => {
  let own: AsyncDisposableStack;
  let edge: LocalEdge;

  /** Starts a new edge before each test, because an isolate reads a list from Workers KV again only after a minute. */
  beforeEach(async () => {
    own = new AsyncDisposableStack();
    edge = await start(own, "require");
  });
  afterEach(() => own.disposeAsync());

  test("accepts certificates that are not in the lists, and refuses those that are", async () => {
    server.lists.set("root", await issueCrl({ revoked: [senders.acmeToo.certificate.serialNumber] }, senders.root));
    server.lists.set("issuing", await issueCrl({}, issuing));
    const lines = await edge.runCronTrigger(2);
    expect(lines).toMatchObject([
      { decision: "updated", crl: server.url("root"), entries: 1 },
      { decision: "updated", crl: server.url("issuing"), entries: 0 },
    ]);
    expect(await decide(edge)).toEqual({ status: 202, told: "forwarded" });
    expect(await decide(edge, below, [issuing])).toEqual({ status: 202, told: "forwarded" });
    expect(await decide(edge, senders.acmeToo)).toEqual({ status: 403, told: "certificate_revoked" });
  });

  test("refuses a path over a revoked intermediate", async () => {
    server.lists.set("root", await issueCrl({ revoked: [issuing.certificate.serialNumber] }, senders.root));
    server.lists.set("issuing", await issueCrl({}, issuing));
    await edge.runCronTrigger();
    expect(await decide(edge, below, [issuing])).toEqual({ status: 403, told: "certificate_revoked" });
  });

  test("refuses below an intermediate whose list is signed by another key", async () => {
    const forger = await issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {} });
    server.lists.set("root", await issueCrl({}, senders.root));
    server.lists.set("issuing", await issueCrl({}, forger));
    await edge.runCronTrigger();
    expect(await decide(edge)).toEqual({ status: 202, told: "forwarded" });
    expect(await decide(edge, below, [issuing])).toEqual({ status: 503, told: "revocation_unknown" });
  });

  test("keeps a good list when a bad one is served, and replaces it by a newer one", async () => {
    const forger = await issueCertificate({ subject: subjectOf(`${MARKER} Root`), ca: {} });
    const good = await issueCrl({ revoked: [senders.acme.certificate.serialNumber], number: 5 }, senders.root);
    server.lists.set("root", good);
    await edge.runCronTrigger(2);
    const bad: [served: Uint8Array | number, why: RegExp][] = [
      [await issueCrl({ thisUpdate: minutes(-120) }, senders.root), /older than the one kept/],
      [await issueCrl({ number: 4, thisUpdate: minutes(-90) }, senders.root), /older than the one kept/],
      [await issueCrl({ thisUpdate: minutes(-1) }, forger), /not signed by the key of/],
      [await issueCrl({ thisUpdate: minutes(5) }, senders.root), /not yet valid/],
      [await issueCrl({ thisUpdate: minutes(-30), nextUpdate: minutes(-1) }, senders.root), /out of date/],
      [good.subarray(0, -1), /./],
      [Buffer.from("<html>"), /./],
      [new Uint8Array(), /./],
      [503, /503/],
      [404, /404/],
    ];
    for (const [served, why] of bad) {
      server.lists.set("root", served);
      const [line] = await edge.runCronTrigger(2);
      expect(line).toMatchObject({ decision: "failed", code: "revocation_list_kept", why: expect.stringMatching(why) });
    }
    server.lists.set("root", good);
    expect((await edge.runCronTrigger(1)).map(({ crl }) => crl)).toEqual([server.url("issuing")]);
    expect(server.answers.at(-2)).toEqual({ name: "root", status: 304 });
    server.lists.set("root", await issueCrl({ number: 6, thisUpdate: minutes(-1) }, senders.root));
    const [line] = await edge.runCronTrigger(2);
    expect(line).toMatchObject({ decision: "updated", number: "6" });
    expect(await decide(edge)).toEqual({ status: 202, told: "forwarded" });
  });
});

describe("an edge that prefers lists", () => {
  const own = new AsyncDisposableStack();
  let edge: LocalEdge;

  beforeAll(async () => {
    edge = await start(own, "prefer");
    const stale = { thisUpdate: minutes(-60), nextUpdate: minutes(-1) };
    const revoked = [senders.acmeToo.certificate.serialNumber];
    server.lists.set("root", await issueCrl({ ...stale, revoked }, senders.root));
    await edge.runCronTrigger();
  });
  afterAll(() => own.disposeAsync());

  test("logs that a list is out of date, and refuses certificates that are in it", async () => {
    expect(await decide(edge)).toMatchObject({ status: 202, told: expect.stringMatching(/^stale list .* of CN=/) });
    expect(await decide(edge, senders.acmeToo)).toEqual({ status: 403, told: "certificate_revoked" });
  });
});

describe("the cron trigger", () => {
  const lines: LogLine[] = [];

  // Runs the code of the cron trigger in Node, because wrangler's harness follows every redirect. Node and the platform follow no
  // redirect if fetch is told not to.
  async function refresh(own: AsyncDisposableStack, served: Uint8Array | number) {
    server = await startCrlServer(own);
    server.lists.set("root", served);
    const put: string[] = [];
    const nothing = () => Promise.resolve({ value: null, metadata: null });
    const kv = { getWithMetadata: nothing, put: async (source: string) => void put.push(source) } as CrlNamespace;
    lines.length = 0;
    const policy = compileEdgePolicy(withLists("require", server.url("root")));
    await refreshCrls(
      kv,
      policy,
      () => Math.floor(Date.now() / 1000),
      (line) => lines.push(line),
    );
    return put;
  }

  test("stores what it fetched under its source", async () => {
    await using own = new AsyncDisposableStack();
    expect(await refresh(own, await issueCrl({}, senders.root))).toEqual([server.url("root")]);
    expect(lines).toMatchObject([{ decision: "updated" }]);
  });

  test.each([301, 302, 307, 308])("does not follow a redirect with %i", async (status) => {
    await using own = new AsyncDisposableStack();
    expect(await refresh(own, status)).toEqual([]);
    expect(lines).toMatchObject([{ decision: "failed", why: `the source answered with ${status}` }]);
    expect(server.answers).toHaveLength(1);
  });

  test("refuses a list that is too large for an isolate", async () => {
    await using own = new AsyncDisposableStack();
    expect(await refresh(own, new Uint8Array(MAX_EDGE_CRL_BYTES + 1))).toEqual([]);
    expect(lines).toMatchObject([{ decision: "failed", why: expect.stringMatching(/over 16777216 bytes/) }]);
  });
});

describe("the configuration of an edge", () => {
  const bindings = async () => ({
    HOSTS: ["hooks.example.com"],
    ISSUER: "https://hooks.example.com",
    AUDIENCE: "origin",
    ORIGIN_URL: "https://origin.example.com",
    SIGNING_KEYS: JSON.stringify({ keys: [await newSigningKey()] }),
  });

  test("needs CRLS only for routes whose anchors name lists, and is reported with the other problems", async () => {
    const listed = withLists("require", "https://crl.example/");
    const signing = { signature: { scheme: "github", secrets: ["KEY"] } } as const;
    const policy = compilePolicy({
      ...listed,
      senders: { ...listed.senders, signing },
      routes: { ...listed.routes, "/signing": { senders: ["signing"], methods: ["POST"] } },
    });
    const problem = "/CRLS: a KV namespace, because the policy names revocation lists";
    const problemsWith = (changed: object) =>
      bindings().then((set) =>
        loadEdge({ KEY: "0123456789abcdef", ...set, ...changed }, policy).then(
          ({ lacks }) => Array.from(lacks, ([{ path }, problems]) => [path, ...problems]),
          (error: ConfigurationError) => error.problems,
        ),
      );
    const paths = Object.keys(listed.routes);
    expect(await problemsWith({})).toEqual(paths.map((path) => [path, problem]));
    expect(await problemsWith({ CRLS: "text" })).toEqual(paths.map((path) => [path, problem]));
    expect(await problemsWith({ AUDIENCE: "" })).toEqual(["/AUDIENCE: must not be empty", problem]);
    expect(await problemsWith({ CRLS: { getWithMetadata() {}, put() {} } })).toEqual([]);
    await expect(loadEdge(await bindings(), compilePolicy(senders.policy))).resolves.toMatchObject({ crls: undefined });
  });

  test("refuses lists from files, and names the place of each", () => {
    const document = withLists("require", "https://crl.example/", "root.crl", "/issuing.crl");
    const [anchor] = Object.keys(document.anchors);
    try {
      compileEdgePolicy(document);
      expect.unreachable();
    } catch (error) {
      expect((error as ConfigurationError).problems).toEqual([
        `/anchors/${anchor}/crls/sources/1: there are no files on the edge`,
        `/anchors/${anchor}/crls/sources/2: there are no files on the edge`,
      ]);
    }
  });
});
