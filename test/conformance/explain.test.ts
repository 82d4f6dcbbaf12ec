// Tests that `explain` gives the same verdict as the deployed worker: for every certificate of the corpus on every route, and for
// signatures and credentials.

import { createHash, createHmac } from "node:crypto";
import type { RequestListener } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { askShared } from "../support/ask-shared.ts";
import { type Asked, explainHere } from "../support/explain.ts";
import { listen } from "../support/http.ts";
import { createSenders, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { NO_CERTIFICATE, type TlsClientAuth, tlsClientAuth } from "../support/tls-client-auth.ts";
import { type Bindings, type DeployedEdge, startWorkerd } from "../support/workerd.ts";
import type { CorpusEntry } from "./corpus.ts";

/** The admitted sender, or the code of the refusal. */
type Decision = { readonly sender: string } | { readonly code: unknown };

const PLATFORM = "FAILED:unable to get local issuer certificate";
const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

/** The handler of the program behind the edge. It responds with the sender that the assertion names. */
const answerSender: RequestListener = ({ headers }, outgoing) => {
  const [, payload = ""] = `${headers["countersign-assertion"]}`.split(".");
  outgoing.end(JSON.stringify({ sender: JSON.parse(Buffer.from(payload, "base64url").toString()).sender }));
};

async function startEdge(policy: PolicyDocument, secrets: Bindings = {}): Promise<DeployedEdge> {
  const SIGNING_KEYS = JSON.stringify({ keys: [await newSigningKey()] });
  const ORIGIN_URL = await listen(stack, answerSender);
  return (await startWorkerd(stack, policy, { edge: { ...secrets, SIGNING_KEYS, ORIGIN_URL } })).edge;
}

type Sent = Pick<Asked, "route" | "headers" | "body" | "method"> & { readonly tls: TlsClientAuth };

async function decideAtEdge(
  edge: DeployedEdge,
  { route, tls, headers = {}, body = "", method = "POST" }: Sent,
): Promise<Decision> {
  const answer = await edge.send({ target: route, method, headers: Object.entries(headers), body, tls });
  const { sender, decision } = JSON.parse(answer.body.toString()) as Record<string, string>;
  return decision === undefined ? { sender: sender ?? "" } : { code: (await edge.lines.of(decision))["code"] };
}

/** Explains a request. Returns the overall verdict, and the verdict that the explanation gives for the edge. */
async function decideByExplaining(asked: Asked): Promise<Decision[]> {
  const explanation = await explainHere({ ...asked, body: asked.body ?? "" });
  // The first sender that passes all checks is admitted.
  const passing = explanation.senders.find(({ verdict }) => verdict === "accepted");
  if (explanation.code !== "body_too_large") expect(passing?.sender ?? null).toBe(explanation.sender);
  const [edge] = explanation.ways;
  return [explanation, edge].map((outcome) =>
    outcome?.verdict === "accepted" ? { sender: outcome.sender ?? "" } : { code: outcome?.code ?? outcome?.verdict },
  );
}

/**
 * Certificates that the edge and `explain` both refuse, but with different codes. The BoringSSL of the edge cannot read a key on
 * the curve secp256k1.
 */
const BY_LIBRARY: ReadonlySet<string> = new Set(["with a key on secp256k1", "beside a CA on secp256k1"]);

describe("certificates", async () => {
  const { policy, corpus } = await askShared("corpus");
  const routes = Object.keys(policy.routes);
  let edge: DeployedEdge;
  beforeAll(async () => {
    edge = await startEdge(policy);
  });

  const asPresented = ({ leaf, intermediates }: CorpusEntry): TlsClientAuth => ({
    ...NO_CERTIFICATE,
    certPresented: "1",
    certVerified: PLATFORM,
    certFingerprintSHA256: createHash("sha256").update(Buffer.from(leaf, "base64")).digest("hex"),
    certRFC9440: `:${leaf}:`,
    certChainRFC9440: intermediates.map((ca) => `:${ca}:`).join(", "),
  });

  const alike = Object.entries(corpus).filter(([name]) => !BY_LIBRARY.has(name));

  test.each(alike)("%s: explain and edge agree on every route", async (_, entry) => {
    await Promise.all(
      routes.map(async (route) => {
        const decided = await decideAtEdge(edge, { route, tls: asPresented(entry) });
        const explained = await decideByExplaining({ policy, chain: entry, route, platform: PLATFORM });
        expect({ route, explained }).toEqual({ route, explained: [decided, decided] });
      }),
    );
  });

  test.each([...BY_LIBRARY])("%s: explain refuses it, as the edge does", async (name) => {
    const entry = corpus[name] as CorpusEntry;
    for (const route of routes) {
      const { verdict, ways } = await explainHere({ policy, chain: entry, route, platform: PLATFORM });
      expect([verdict, ways[0]?.verdict]).toEqual(["refused", "refused"]);
    }
  });

  test.each(alike)("%s: every other program gives the same verdict", async (_, entry) => {
    const { verdict, code, ways } = await explainHere({
      policy,
      chain: entry,
      route: "/hooks/root",
      platform: PLATFORM,
    });
    expect(code ?? verdict).toBe(entry.expected);
    const asked = ways.filter((way) => way.verdict !== "not reached");
    expect(asked.map((way) => way.code ?? way.verdict)).toEqual(asked.map(() => entry.expected));
    expect(asked.length).toBe(verdict === "accepted" ? 4 : 3);
  });
});

const SECRETS = { KEY_A: "a-key-of-many-characters", KEY_B: "b-key-of-many-characters", WORD: "a-password" };
const BODY = '{"event":"x"}';
const sign = (text: string, key: string = SECRETS.KEY_A) => createHmac("sha256", key).update(text).digest("hex");
const hub = (signature: string) => ({ "x-hub-signature-256": `sha256=${signature}` });
const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });

function factorPolicy({ policy }: Senders): PolicyDocument {
  const [certified] = Object.values(policy.senders) as [PolicyDocument["senders"][string]];
  const route = (...senders: string[]) => ({ senders, methods: ["POST"], maxBodyBytes: 64 });
  return {
    anchors: policy.anchors,
    senders: {
      github: { signature: { scheme: "github", secrets: ["KEY_A"] } },
      rotating: { signature: { scheme: "github", secrets: ["KEY_B"], retired: ["KEY_A"] } },
      slack: { signature: { scheme: "slack", secrets: ["KEY_A"] } },
      docusign: { signature: { scheme: "docusign", accounts: { known: ["KEY_A"] } } },
      known: { ...certified, basic: { username: "acme", secret: "WORD" } },
      all: {
        ...certified,
        signature: { scheme: "github", secrets: ["KEY_A"] },
        basic: { username: "acme", secret: "WORD" },
      },
    },
    routes: {
      "/github": route("github"),
      "/rotating": route("rotating"),
      "/slack": route("slack"),
      "/docusign": route("docusign"),
      "/known": route("known"),
      "/all": route("all"),
      "/either": route("rotating", "github"),
      "/any": route("all", "known", "rotating", "github"),
    },
  };
}

/** Requests with different signatures and credentials. Each request is sent to every route. */
const REQUESTS: Readonly<Record<string, { readonly headers: Record<string, string>; readonly body?: string }>> = {
  "nothing but a body": { headers: {} },
  "a signature": { headers: hub(sign(BODY)) },
  "a signature by the other key": { headers: hub(sign(BODY, SECRETS.KEY_B)) },
  "a signature over another body": { headers: hub(sign(`${BODY} `)) },
  "a signature that is cut": { headers: hub(sign(BODY).slice(1)) },
  credentials: { headers: basic("acme:a-password") },
  "other credentials": { headers: basic("acme:another") },
  "credentials of another scheme": { headers: { authorization: "Bearer abc" } },
  "credentials and a signature": { headers: { ...basic("acme:a-password"), ...hub(sign(BODY)) } },
  "credentials and another signature": { headers: { ...basic("acme:a-password"), ...hub(sign("x")) } },
  "an old signature": {
    headers: { "x-slack-request-timestamp": "1700000000", "x-slack-signature": `v0=${sign(BODY)}` },
  },
  "an unknown account": { headers: { "x-docusign-accountid": "other", "x-docusign-signature-1": "x" } },
  "a body too large": { headers: hub(sign("x".repeat(65))), body: "x".repeat(65) },
};

describe("signatures and credentials", async () => {
  const senders = await createSenders();
  const policy = factorPolicy(senders);
  let edge: DeployedEdge;
  beforeAll(async () => {
    edge = await startEdge(policy, SECRETS);
  });

  test.each(Object.entries(REQUESTS))(
    "%s: explain and edge agree on every route",
    async (_, { headers, body = BODY }) => {
      const routes = [...Object.keys(policy.routes), "/none"];
      const identities = [senders.acme, senders.beta, undefined];
      await Promise.all(
        identities.flatMap((identity) =>
          routes.map(async (route) => {
            const tls = identity === undefined ? NO_CERTIFICATE : tlsClientAuth(identity);
            const chain = identity && { leaf: identity.base64, intermediates: [] };
            const request = { route, headers, body };
            const decided = await decideAtEdge(edge, { ...request, tls });
            const asked = { ...request, policy, chain, platform: PLATFORM, secrets: SECRETS };
            expect({ route, explained: await decideByExplaining(asked) }).toEqual({
              route,
              explained: [decided, decided],
            });
          }),
        ),
      );
    },
  );

  test("an origin behind the edge relies on the edge for credentials; without the secret, a signature is undecided", async () => {
    const chain = { leaf: senders.acme.base64, intermediates: [] };
    const headers = { ...basic("acme:a-password"), ...hub(sign(BODY)) };
    const asked = { policy, chain, route: "/all", headers, body: BODY, platform: PLATFORM, secrets: SECRETS };
    const { factors, ways } = await explainHere(asked);
    expect(factors).toEqual(["mtls", "basic", "hmac"]);
    expect(ways[1]).toMatchObject({
      verdict: "accepted",
      sender: "all",
      notes: [expect.stringContaining("for basic:")],
    });
    const without = await explainHere({ ...asked, secrets: { WORD: SECRETS.WORD } });
    expect([without.verdict, without.ways[0]?.verdict, without.ways[1]?.verdict]).toEqual(Array(3).fill("undecided"));
  });
});
