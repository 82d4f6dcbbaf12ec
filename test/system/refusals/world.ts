// Starts the programs that refuse: edges with good and bad origins, and origins with good and bad keys, stores and handlers.

import { type Identity, issueCertificate, issueCrl } from "../../../cli/dev/authority.ts";
import { type PrivateJwk, publicJwk } from "../../../core/assertion/keys.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import type { Problem, RefusalCode } from "../../../core/refusal.ts";
import { fetchedKeys } from "../../../origin/verification-keys.ts";
import { startCrlServer } from "../../support/crl-server.ts";
import { listen, type RawAnswer, refusingUrl } from "../../support/http.ts";
import { type LocalEdge, startTestEdge } from "../../support/local-edge.ts";
import type { LogLines } from "../../support/log-lines.ts";
import { startTestOrigin, type TestOrigin } from "../../support/origin.ts";
import { FAULTY_EDGE, queuedPolicy } from "../../support/queue-world.ts";
import { ACME, createSenders, MARKER, type Senders, subjectOf } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { type DeployedEdge, startWorkerd } from "../../support/workerd.ts";
import { FACTOR_SECRETS, factorPolicy } from "./factor-cases.ts";

export interface Provoked {
  readonly answer: RawAnswer;
  readonly lines: LogLines;
}

export interface RefusalCase {
  readonly code: RefusalCode;
  readonly name: string;
  readonly status: number;
  readonly problem: Problem;
  provoke(world: World): Promise<Provoked>;
}

type EdgeName =
  | "good"
  | "refusing"
  | "silent"
  | "redirecting"
  | "distrusted"
  | "unstored"
  | "untrusting"
  | "keyless"
  | "badKeys"
  | "unset";
type OriginName = "good" | "closedInbox" | "failing" | "keysUnavailable";

export interface World extends Senders {
  /** A CA with the path length constraint 0. The policy trusts it for the route `/hooks/acme`. */
  readonly tightRoot: Identity;
  readonly denied: Identity;
  /** A certificate on the revocation list that the edge `listed` requires. */
  readonly revoked: Identity;
  readonly key: PrivateJwk;
  readonly policyDigest: string;
  readonly local: LocalEdge;
  readonly listed: LocalEdge;
  /** An edge with a route that uses the queue. The queue refuses every message. */
  readonly unqueued: LocalEdge;
  /** An edge and an origin with one policy. The senders of this policy sign or have Basic credentials. */
  readonly factors: { readonly policy: PolicyDocument; readonly edge: LocalEdge; readonly origin: TestOrigin };
  readonly edges: Record<EdgeName, DeployedEdge>;
  readonly origins: Record<OriginName, TestOrigin>;
}

export async function createWorld(stack: AsyncDisposableStack): Promise<World> {
  const senders = await createSenders();
  const tightRoot = await issueCertificate({ subject: subjectOf(`${MARKER} Tight Root`), ca: { pathLength: 0 } });
  const denied = await issueCertificate({ subject: subjectOf(ACME) }, senders.root);
  const policy = extendPolicy(senders.policy, tightRoot, denied);
  const key = await newSigningKey();
  const origins = await startOrigins(stack, policy, key);
  const edges = await startEdges(stack, policy, key, origins);
  const local = await startTestEdge(stack, { policy, originUrl: origins.good.url, keys: [key] });
  const policyDigest = compilePolicy(policy).digest;
  const revoked = await issueCertificate({ subject: subjectOf(ACME) }, senders.root);
  const listed = await startListed(stack, senders, revoked, origins.good.url);
  const factors = await startFactors(stack, senders, key);
  const unqueued = await startTestEdge(stack, {
    policy: queuedPolicy(senders.policy),
    originUrl: origins.good.url,
    secrets: { FAULT: "send" },
    config: { main: FAULTY_EDGE },
  });
  const locals = { local, listed, unqueued };
  return { ...senders, policy, tightRoot, denied, revoked, key, policyDigest, origins, edges, ...locals, factors };
}

async function startFactors(stack: AsyncDisposableStack, senders: Senders, key: PrivateJwk): Promise<World["factors"]> {
  const policy = factorPolicy(senders.policy);
  const origin = await startTestOrigin(stack, { policy, keys: [publicJwk(key)] });
  const setUp = { policy, originUrl: origin.url, keys: [key], secrets: FACTOR_SECRETS };
  return { policy, edge: await startTestEdge(stack, setUp), origin };
}

/** Starts an edge that requires a revocation list of the root, and that has loaded such a list. */
async function startListed(
  stack: AsyncDisposableStack,
  { policy, root }: Senders,
  revoked: Identity,
  originUrl: string,
): Promise<LocalEdge> {
  const server = await startCrlServer(stack);
  server.lists.set("root", await issueCrl({ revoked: [revoked.certificate.serialNumber] }, root));
  const [name] = Object.keys(policy.anchors) as [string];
  const crls = { sources: [server.url("root")], freshness: "require" as const };
  const listed = { ...policy, anchors: { [name]: { certificate: root.pem, crls } } };
  const edge = await startTestEdge(stack, { policy: listed, originUrl });
  await edge.runCronTrigger();
  return edge;
}

function extendPolicy(policy: PolicyDocument, tightRoot: Identity, denied: Identity): PolicyDocument {
  const acme = policy.senders[ACME] as PolicyDocument["senders"][string];
  const [root] = Object.keys(policy.anchors) as [string];
  const tight = `${MARKER}-tight-root`;
  const methods = ["POST"];
  return {
    anchors: { ...policy.anchors, [tight]: tightRoot.pem },
    senders: {
      ...policy.senders,
      [ACME]: { ...acme, trust: { anchors: [root, tight] } },
      [`${MARKER}-platform`]: { ...acme, trust: { platform: true } },
      [`${MARKER}-shallow`]: { ...acme, trust: { anchors: [root], maxChainDepth: 1 } },
    },
    routes: {
      ...policy.routes,
      "/hooks/platform": { senders: [`${MARKER}-platform`], methods },
      "/hooks/shallow": { senders: [`${MARKER}-shallow`], methods },
    },
    deny: [{ serial: denied.certificate.serialNumber, issuer: `CN=${MARKER} Root,O=${MARKER} Inc` }],
  };
}

async function startOrigins(stack: AsyncDisposableStack, policy: PolicyDocument, key: PrivateJwk) {
  const keys = [publicJwk(key)];
  const closedInbox = await startTestOrigin(stack, { policy, keys });
  await closedInbox.inbox.close();
  return {
    good: await startTestOrigin(stack, { policy, keys }),
    closedInbox,
    failing: await startTestOrigin(stack, {
      policy,
      keys() {
        throw new Error(`${MARKER} has a fault`);
      },
    }),
    keysUnavailable: await startTestOrigin(stack, {
      policy,
      keys: fetchedKeys(`${await refusingUrl()}/jwks`, { onError: () => {} }),
    }),
  };
}

async function startEdges(
  stack: AsyncDisposableStack,
  policy: PolicyDocument,
  key: PrivateJwk,
  origins: World["origins"],
) {
  const SIGNING_KEYS = JSON.stringify({ keys: [key] });
  const goodOrigin = origins.good.url;
  const otherKeys = JSON.stringify({ keys: [await newSigningKey()] });
  const redirecting = await listen(stack, (incoming, outgoing) => {
    const status = Number(new URL(incoming.url ?? "/", "http://host").searchParams.get("status"));
    outgoing.writeHead(status, { location: `${goodOrigin}/hooks/acme` }).end();
  });
  return startWorkerd(stack, policy, {
    good: { SIGNING_KEYS, ORIGIN_URL: goodOrigin },
    refusing: { SIGNING_KEYS, ORIGIN_URL: await refusingUrl() },
    silent: { SIGNING_KEYS, ORIGIN_URL: await listen(stack, () => {}) },
    redirecting: { SIGNING_KEYS, ORIGIN_URL: redirecting },
    distrusted: { SIGNING_KEYS: otherKeys, ORIGIN_URL: goodOrigin },
    unstored: { SIGNING_KEYS, ORIGIN_URL: origins.closedInbox.url },
    untrusting: { SIGNING_KEYS, ORIGIN_URL: origins.keysUnavailable.url },
    keyless: { ORIGIN_URL: goodOrigin },
    badKeys: { ORIGIN_URL: goodOrigin, SIGNING_KEYS: JSON.stringify({ keys: [{ ...key, crv: MARKER }] }) },
    unset: { SIGNING_KEYS, HOSTS: undefined, ISSUER: undefined, AUDIENCE: undefined },
  });
}
