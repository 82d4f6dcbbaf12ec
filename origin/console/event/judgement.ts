// What can be said of a stored event again: its path to an anchor, whether what was recorded still holds together, and whether its
// certificate would be admitted now. The verdicts are those of core. Signatures and credentials are not judged: the console holds no
// secret.

import { admitByCertificate } from "../../../core/admission/admit.ts";
import { formatContentDigest } from "../../../core/delivery/delivery.ts";
import { type Anchor, type Policy, type Sender, selectRoute } from "../../../core/policy/policy.ts";
import { REFUSALS, Refusal, resultOf } from "../../../core/refusal.ts";
import { splitSignedTarget } from "../../../core/request/target.ts";
import { NO_LISTS } from "../../../core/revocation/revocation.ts";
import { findPath } from "../../../core/trust/path.ts";
import { verifyTrust } from "../../../core/trust/verify.ts";
import type { Certificate } from "../../../core/x509/certificate.ts";
import { type ClientCertificate, parseClientCertificate } from "../../../core/x509/client-certificate.ts";
import type { EventWork, StoredCertificate, StoredEvent } from "../../inbox/inbox.ts";
import { formatBytes, isoOf } from "../show.ts";

/** `unknown`: it cannot be told from what is stored. */
export interface Check {
  readonly what: string;
  readonly verdict: "passed" | "failed" | "unknown";
  readonly evidence: string;
}

export interface Judgement {
  /** The sender's certificates, parsed again from the stored bytes. */
  readonly presented: ClientCertificate | undefined;
  /** From the sender's certificate upwards. */
  readonly path: readonly Certificate[];
  /** The anchor at its end. Undefined if no anchor of the policy is reached. */
  readonly anchor: Anchor | undefined;
  readonly checks: readonly Check[];
}

/** `now` in Unix seconds. */
export function judgeEvent(event: StoredEvent & EventWork, policy: Policy, now: number): Judgement {
  const presented = event.certificate && parse(event.certificate);
  const sender = policy.senders.find(({ name }) => name === event.sender);
  const found = presented && findAnchor(presented, sender, policy, event.acceptedAt);
  return {
    presented,
    path: found?.path ?? (presented ? [presented.leaf, ...presented.intermediates] : []),
    anchor: found?.anchor,
    checks: [
      ...(event.certificate === undefined ? [] : certificateChecks(event, event.certificate, found?.anchor)),
      ...factorChecks(event),
      bodyCheck(event),
      ...nowChecks({ event, presented, sender }, policy, now),
    ],
  };
}

/** Undefined if retention deleted the bytes, or somebody damaged them. */
function parse({ der, intermediates = [] }: StoredCertificate): ClientCertificate | undefined {
  if (der === undefined) return undefined;
  const parsed = resultOf(() => parseClientCertificate({ leaf: der, intermediates, platform: undefined }));
  return parsed instanceof Refusal ? undefined : parsed;
}

/** Without revocation lists, which change: an origin asks them for each request. */
function findAnchor(presented: ClientCertificate, sender: Sender | undefined, { deny }: Policy, now: number) {
  const trust = sender && withoutLists(sender).certificate?.trust;
  if (trust === undefined) return undefined;
  const limits = { maxChainDepth: trust.maxChainDepth, deny, lists: NO_LISTS, now };
  const path = resultOf(() => findPath(presented, trust.anchors, limits));
  return path instanceof Refusal ? undefined : { path: [presented.leaf, ...path.issuers], anchor: path.anchor };
}

function certificateChecks(event: StoredEvent, facts: StoredCertificate, anchor: Anchor | undefined): Check[] {
  const { notBefore, notAfter, platform } = facts;
  const isInDate = notBefore <= event.acceptedAt && event.acceptedAt <= notAfter;
  const proof =
    facts.anchor === undefined
      ? `the platform said ${platform?.verified ?? "nothing"}`
      : `the anchor ${facts.anchor} proved it${anchor === undefined ? "; the current policy has no path to an anchor" : ""}`;
  return [
    {
      what: "Certificate in date when it came",
      verdict: isInDate ? "passed" : "failed",
      evidence: `${isoOf(notBefore)} to ${isoOf(notAfter)}`,
    },
    { what: "Certificate proven", verdict: "passed", evidence: proof },
  ];
}

const FACTORS: Readonly<Record<StoredEvent["factors"][number], string>> = {
  mtls: "Client certificate",
  hmac: "HMAC signature of the body",
  ed25519: "Ed25519 signature of the body",
  basic: "User name and password",
};

function factorChecks({ factors, reliedOnEdge }: StoredEvent): Check[] {
  return factors.map((factor) => ({
    what: FACTORS[factor],
    verdict: "passed",
    evidence: reliedOnEdge.includes(factor) ? "checked by the edge, whose signed word is relied on" : "checked here",
  }));
}

function bodyCheck({ body, contentDigest }: StoredEvent): Check {
  const what = "Body is what the digest names";
  if (body === undefined) return { what, verdict: "unknown", evidence: `the body is deleted; ${contentDigest}` };
  const isSame = formatContentDigest(body) === contentDigest;
  const evidence = `${formatBytes(body.byteLength)}, ${contentDigest}`;
  return { what, verdict: isSame ? "passed" : "failed", evidence };
}

interface Recalled {
  readonly event: StoredEvent;
  readonly presented: ClientCertificate | undefined;
  readonly sender: Sender | undefined;
}

/** The same request by the current policy and the current time. */
function nowChecks({ event, presented, sender }: Recalled, policy: Policy, now: number): Check[] {
  const [host, target] = splitSignedTarget(event.request.target);
  const [path = ""] = target.split("?");
  const route = resultOf(() => selectRoute(policy, path, event.request.method, host));
  const checks: Check[] = [
    event.policyDigest === policy.digest
      ? { what: "Policy", verdict: "passed", evidence: "the one in force now" }
      : { what: "Policy", verdict: "unknown", evidence: `another one since: it was ${event.policyDigest}` },
  ];
  if (route instanceof Refusal) return [...checks, refused("Route, by the current policy", route)];
  const isOnRoute = route.senders.some(({ name }) => name === event.sender);
  checks.push({
    what: "Route, by the current policy",
    verdict: isOnRoute ? "passed" : "failed",
    evidence: isOnRoute ? `${route.path} admits ${event.sender}` : `${route.path} does not admit ${event.sender}`,
  });
  if (presented === undefined || sender?.certificate === undefined) return checks;
  return [...checks, admittedNow(presented, sender, policy, now)];
}

function admittedNow(presented: ClientCertificate, sender: Sender, { deny }: Policy, now: number): Check {
  const what = "Certificate, if it came now";
  if (sender.certificate?.trust.platform)
    return { what, verdict: "unknown", evidence: "the sender's trust asks the platform, which only a request does" };
  const alone = withoutLists(sender);
  const admitted = resultOf(() =>
    admitByCertificate(verifyTrust(presented, [alone], { deny, lists: NO_LISTS, now }), [alone], now),
  );
  if (admitted instanceof Refusal) return refused(what, admitted);
  return { what, verdict: "passed", evidence: "the current policy admits it; revocation lists are not asked here" };
}

/** A list is asked by an origin for each request; here there is none. */
function withoutLists(sender: Sender): Sender {
  if (sender.certificate === undefined) return sender;
  const { trust, allowlist } = sender.certificate;
  const anchors = trust.anchors.map((anchor) => ({ ...anchor, revocation: undefined }));
  return { ...sender, certificate: { allowlist, trust: { ...trust, anchors } } };
}

function refused(what: string, { code, details }: Refusal): Check {
  const more = Object.keys(details).length > 0 ? ` ${JSON.stringify(details)}` : "";
  return { what, verdict: "failed", evidence: `${code}: ${REFUSALS[code][1]}.${more}`.slice(0, 2_000) };
}
