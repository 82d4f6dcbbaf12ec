// Checks a stored event: finds a path from its certificate to an anchor of the current policy, and checks whether the stored values
// still fit together. explained.ts shows whether the current policy would accept the event.

import { formatContentDigest } from "../../../core/delivery/delivery.ts";
import type { Anchor, Policy, Sender } from "../../../core/policy/policy.ts";
import { Refusal, resultOf } from "../../../core/refusal.ts";
import { NO_LISTS } from "../../../core/revocation/revocation.ts";
import { findPath } from "../../../core/trust/path.ts";
import type { Certificate } from "../../../core/x509/certificate.ts";
import { type ClientCertificate, parseClientCertificate } from "../../../core/x509/client-certificate.ts";
import { withoutLists } from "../../explain/event.ts";
import type { StoredCertificate, StoredEvent } from "../../inbox/inbox.ts";
import { formatBytes, isoOf } from "../show.ts";

/** The result of a check. `unknown` means that the stored values are not enough for a result. */
export interface Check {
  readonly what: string;
  readonly verdict: "passed" | "failed" | "unknown";
  readonly evidence: string;
}

export interface Judgement {
  /** The sender's certificates, parsed again from the stored bytes. */
  readonly presented: ClientCertificate | undefined;
  /** The certificates of the path, beginning with the sender's certificate. */
  readonly path: readonly Certificate[];
  /** The anchor at the end of the path. Undefined if the path reaches no anchor of the policy. */
  readonly anchor: Anchor | undefined;
  readonly checks: readonly Check[];
}

export function judgeEvent(event: StoredEvent, policy: Policy): Judgement {
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
    ],
  };
}

/** Parses the stored certificates. Returns undefined if retention deleted the bytes, or if somebody damaged them. */
function parse({ der, intermediates = [] }: StoredCertificate): ClientCertificate | undefined {
  if (der === undefined) return undefined;
  const parsed = resultOf(() => parseClientCertificate({ leaf: der, intermediates, platform: undefined }));
  return parsed instanceof Refusal ? undefined : parsed;
}

/** Finds the anchor. Revocation lists are not used, because they may have changed since the origin checked them for this event. */
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
  token: "Token",
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
