// Tests that one policy gives a certificate the same verdict in three ways: through the edge, at an origin with an assertion, and
// in a handshake with the origin's own listener.

import { createHash } from "node:crypto";
import type { RequestListener } from "node:http";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Identity } from "../../cli/dev/authority.ts";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { type AuthenticatedEnv, authenticate } from "../../origin/authenticate.ts";
import { serve } from "../../origin/node/server.ts";
import { createTlsState } from "../../origin/node/tls/hosts.ts";
import { listenTls } from "../../origin/node/tls/listener.ts";
import { crossCheckTlsPeer, readTlsPeer } from "../../origin/node/tls/peer.ts";
import { anchorsInUse } from "../../origin/node/tls/policy.ts";
import type { AssertionOptions, CertificateOptions } from "../../origin/options.ts";
import { pinnedKeys } from "../../origin/verification-keys.ts";
import { askShared } from "../support/ask-shared.ts";
import { forwardedRequest } from "../support/forgery.ts";
import { exchange, listen } from "../support/http.ts";
import { LogLines } from "../support/log-lines.ts";
import { pemOf } from "../support/scenes/certificates.ts";
import { AUDIENCE, ISSUER } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { TlsSender } from "../support/tls-client.ts";
import { NO_CERTIFICATE } from "../support/tls-client-auth.ts";
import { A, issueServers } from "../support/tls-origin.ts";
import { type DeployedEdge, startWorkerd } from "../support/workerd.ts";
import type { CorpusEntry } from "./corpus.ts";

/** The admitted sender and the anchor of its certificate, or the code of the refusal. */
type Decision = { readonly sender: string; readonly anchor: string } | { readonly code: unknown };
/** The decisions on one certificate, by route. All of them were made in the same way, for example through the edge. */
type Decisions = Readonly<Record<string, Decision>>;

const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;
type Version = (typeof VERSIONS)[number];

/** Certificates that cannot be sent in a handshake of one TLS version, or of every version. The value is the error of OpenSSL. */
const NOT_CARRIED: Readonly<Record<string, string>> = {
  "of version 1": "wrong tag",
  "with a time without seconds": "utctime is too short",
  "with a member too many": "sequence length mismatch",
  "with trailing bytes": "header too long",
  "with a key on secp256k1, TLSv1.2": "illegal parameter",
};

/**
 * Certificates that are refused in every way, but with different codes. The BoringSSL of the edge cannot read a key on the curve
 * secp256k1, but OpenSSL can. TLS 1.3 has no signature algorithm for this curve, so a client with such a key sends no certificate.
 */
const BY_LIBRARY: Readonly<Record<string, readonly string[]>> = {
  "with a key on secp256k1": ["certificate_malformed", "algorithm_not_accepted", "no_certificate"],
  "beside a CA on secp256k1": ["certificate_malformed", "algorithm_not_accepted", "issuer_unknown"],
};

const stack = new AsyncDisposableStack();
const { policy, corpus } = await askShared("corpus");
const routes = Object.keys(policy.routes);
const compiled = compilePolicy(policy);
const asserted = { url: "", lines: new LogLines() };
const direct = { server: { port: 0, ca: "", name: A }, lines: new LogLines() };
let key: PrivateJwk;
let edge: DeployedEdge;

beforeAll(async () => {
  key = await newSigningKey();
  const address = { hostname: "127.0.0.1", port: 0 };
  const behindEdge = { findKey: await pinnedKeys({ keys: [publicJwk(key)] }), issuer: ISSUER, audience: AUDIENCE };
  const origin = await serve(answering(behindEdge, asserted.lines), { ...address, log: asserted.lines.push });
  stack.defer(() => origin.close());
  asserted.url = origin.url;

  const SIGNING_KEYS = JSON.stringify({ keys: [key] });
  const ORIGIN_URL = await listen(stack, answerAsserted);
  ({ edge } = await startWorkerd(stack, policy, { edge: { SIGNING_KEYS, ORIGIN_URL } }));

  const { ca, hosts } = await issueServers(A);
  const tls = createTlsState(hosts, anchorsInUse(compiled));
  const onItsOwn = {
    readCertificate: (_: Request, socket: unknown) => readTlsPeer(socket),
    crossCheck: crossCheckTlsPeer,
  };
  const listener = await listenTls(answering(onItsOwn, direct.lines), {
    ...address,
    clientCertificates: "request",
    state: () => tls,
    log: direct.lines.push,
  });
  stack.defer(() => listener.close());
  direct.server = { port: Number(new URL(listener.url).port), ca, name: A };
});
afterAll(() => stack.disposeAsync());

type Way =
  | Pick<AssertionOptions, "findKey" | "issuer" | "audience">
  | Pick<CertificateOptions, "readCertificate" | "crossCheck">;

/** Makes an origin that responds with its decision and stores nothing. */
function answering(way: Way, { push: log }: LogLines): Hono<AuthenticatedEnv>["fetch"] {
  const app = new Hono<AuthenticatedEnv>();
  app.all("*", authenticate({ policy: compiled, servesEveryRoute: true, accept: () => {}, log, ...way }), (c) => {
    const { sender, certificate } = c.var.delivery;
    return c.json({ sender, anchor: certificate?.anchor });
  });
  return app.fetch;
}

/** The handler of the program behind the edge. It responds with the claims of the assertion. */
const answerAsserted: RequestListener = ({ headers }, outgoing) => {
  const [, payload = ""] = `${headers["countersign-assertion"]}`.split(".");
  const { sender, crt } = JSON.parse(Buffer.from(payload, "base64url").toString());
  outgoing.end(JSON.stringify({ sender, anchor: crt.anchor }));
};

async function decisionOf(body: string, lines: LogLines): Promise<Decision> {
  const answer = JSON.parse(body) as { sender?: string; anchor?: string; decision?: string };
  if (answer.decision === undefined) return { sender: answer.sender ?? "", anchor: answer.anchor ?? "" };
  return { code: (await lines.of(answer.decision))["code"] };
}

async function decideEach(decide: (route: string) => Promise<Decision>): Promise<Decisions> {
  const decisions = await Promise.all(routes.map(async (route) => [route, await decide(route)] as const));
  return Object.fromEntries(decisions);
}

function throughTheEdge({ leaf, intermediates }: CorpusEntry): Promise<Decisions> {
  const tls = {
    ...NO_CERTIFICATE,
    certPresented: "1",
    certVerified: "FAILED:unable to get local issuer certificate",
    certFingerprintSHA256: createHash("sha256").update(Buffer.from(leaf, "base64")).digest("hex"),
    certRFC9440: `:${leaf}:`,
    certChainRFC9440: intermediates.map((ca) => `:${ca}:`).join(", "),
  };
  return decideEach(async (target) => decisionOf((await edge.send({ target, tls })).body.toString(), edge.lines));
}

/**
 * Returns the decisions of an origin behind an edge. `as` has the decisions of the edge. The assertions name the senders that the
 * edge admitted, or `root` if the edge refused. The origin checks the certificate again.
 */
function underAnAssertion({ leaf, intermediates }: CorpusEntry, as: Decisions): Promise<Decisions> {
  const rawData = Buffer.from(leaf, "base64");
  const [notBefore, notAfter] = [new Date(), new Date()];
  const certificate = { subject: "", issuer: "", serialNumber: "01", notBefore, notAfter, rawData };
  const identity = { base64: leaf, certificate } as unknown as Identity;
  return decideEach(async (target) => {
    const decided = as[target];
    const sender = decided !== undefined && "sender" in decided ? decided.sender : "root";
    const { headers, ...request } = forwardedRequest({ key, identity, target, sender, policyDigest: compiled.digest });
    const chain = ["Client-Cert-Chain", intermediates.map((ca) => `:${ca}:`).join(", ")] as const;
    const { body } = await exchange({ ...request, url: asserted.url, headers: [...headers, chain] });
    return decisionOf(body.toString(), asserted.lines);
  });
}

async function inAHandshake({ leaf, keyPem, intermediates }: CorpusEntry, version: Version): Promise<Decisions> {
  const pem = [leaf, ...intermediates].map(pemOf).join("");
  // Allows weak keys in the client's OpenSSL. Otherwise the client would refuse them before the server can.
  const options = { minVersion: version, maxVersion: version, ciphers: "DEFAULT:@SECLEVEL=0" };
  const sender = new TlsSender(direct.server, { pem, keyPem }, options);
  try {
    return await decideEach(async (target) => {
      const { body } = await sender.send({ target });
      return decisionOf(body.toString(), direct.lines);
    });
  } finally {
    sender.close();
  }
}

/**
 * Expects that the decisions are equal to those of the edge (`edges`), byte for byte. If BY_LIBRARY lists the certificate, the
 * decisions may differ, but each decision must be a refusal with one of the codes that BY_LIBRARY has for the certificate.
 */
function expectAlike(name: string, decisions: Decisions, edges: Decisions): void {
  const codes = BY_LIBRARY[name];
  if (codes === undefined) {
    expect(JSON.stringify(decisions)).toBe(JSON.stringify(edges));
    return;
  }
  for (const decision of Object.values(decisions)) {
    expect("code" in decision ? codes : []).toContain("code" in decision ? decision.code : decision.sender);
  }
}

describe.each(Object.entries(corpus))("%s", (name, entry) => {
  let edges: Decisions;
  beforeAll(async () => {
    edges = await throughTheEdge(entry);
  });

  test("gets the same decisions through the edge and with an assertion", async () => {
    const [root] = Object.values(edges);
    expect(root).toEqual(entry.expected === "accepted" ? { sender: "root", anchor: "root" } : { code: entry.expected });
    expectAlike(name, await underAnAssertion(entry, edges), edges);
  });

  test.each(VERSIONS)("gets the same decisions in a handshake over %s", async (version) => {
    const reason = NOT_CARRIED[`${name}, ${version}`] ?? NOT_CARRIED[name];
    if (reason !== undefined) {
      await expect(inAHandshake(entry, version)).rejects.toThrow(reason);
    } else {
      expectAlike(name, await inAHandshake(entry, version), edges);
    }
  });
});

test("the corpus is not small, and expects acceptance and many different refusals", () => {
  expect(Object.keys(corpus).length).toBeGreaterThanOrEqual(60);
  const expected = new Set(Object.values(corpus).map((entry) => entry.expected));
  expect(expected.size).toBeGreaterThanOrEqual(15);
});
