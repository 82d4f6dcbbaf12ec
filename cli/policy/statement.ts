// States everything that a policy says: whom each route admits, what each sender must prove, what is denied and what is only
// observed. Programs read these facts, and statement-text.ts formats them.

import { formatPointer } from "../../core/configuration-error.ts";
import type { HandshakeRule } from "../../core/handshake/schemes.ts";
import type { Policy, Sender } from "../../core/policy/policy.ts";
import type { CertificateMatcherDocument, PolicyDocument } from "../../core/policy/schema.ts";
import { formatTime } from "../../core/x509/crl.ts";
import { summarize } from "./summary.ts";

/** The state of a certificate or an entry at the time of the statement: within, before or after its dates. */
export type Currency = "current" | "not yet" | "over";

export type Statement = ReturnType<typeof statePolicy>;

/**
 * Returns the statement. An entry has the same number as in a JSON pointer and in `policy remove`. For a secret, the statement
 * contains only the name.
 */
export function statePolicy(document: PolicyDocument, policy: Policy, now: number) {
  const summary = summarize(policy);
  return {
    ...summary,
    at: formatTime(now),
    routes: summary.routes.map((route) => ({
      ...route,
      rule: formatPointer(["routes", route.path]),
      delivery: document.routes[route.path]?.delivery ?? "direct",
      answer: document.routes[route.path]?.answer ?? "accepted",
      headers: document.routes[route.path]?.headers ?? [],
    })),
    senders: policy.senders.map((sender, index) => ({
      ...(summary.senders[index] as (typeof summary.senders)[number]),
      rule: formatPointer(["senders", sender.name]),
      routes: pathsOf(policy, sender, "senders"),
      shadowOf: pathsOf(policy, sender, "shadow"),
      accepts: acceptsOf(document, sender, now),
      accounts: Object.fromEntries(sender.signature?.accounts ?? []),
      retired: sender.signature?.retired ?? [],
      basic: sender.basic.map(({ username, secret }) => ({ username, secret })),
      token: sender.token ?? null,
      handshake: sender.handshake === undefined ? null : describeHandshake(sender.handshake),
      body: sender.body.map(({ pointer, values }) => ({ pointer, in: [...values] })),
      eventKey: sender.eventKey ?? null,
      orderKey: sender.orderKey ?? null,
      refusal: document.senders[sender.name]?.refusal ?? "final",
      about: document.senders[sender.name]?.about ?? null,
    })),
    anchors: policy.anchors.map(({ name, certificate }, index) => ({
      ...(summary.anchors[index] as (typeof summary.anchors)[number]),
      notBefore: formatTime(certificate.notBefore),
      currency: currencyOf(certificate.notBefore, certificate.notAfter + 1, now),
      trustedBy: policy.senders.flatMap((sender) =>
        sender.certificate?.trust.anchors.some((anchor) => anchor.name === name) ? [sender.name] : [],
      ),
    })),
    deny: (document.deny ?? []).map((entry, index) => ({ number: index, rule: formatPointer(["deny", index]), entry })),
  };
}

function describeHandshake({ scheme, secret, until }: HandshakeRule) {
  return { scheme, secret, until: until === undefined ? null : formatTime(until) };
}

function pathsOf({ routes }: Policy, sender: Sender, role: "senders" | "shadow"): string[] {
  return routes.filter((route) => route[role].includes(sender)).map(({ path }) => path);
}

export interface AcceptedEntry {
  readonly number: number;
  readonly rule: string;
  /** The names or values that a certificate must have, as written in the policy. The window is not included. */
  readonly entry: Omit<CertificateMatcherDocument, "from" | "until">;
  readonly from: string | null;
  readonly until: string | null;
  readonly currency: Currency;
}

function acceptsOf(document: PolicyDocument, { name, certificate }: Sender, now: number): AcceptedEntry[] {
  const entries = document.senders[name]?.certificates ?? [];
  return (certificate?.allowlist.matchers ?? []).map(({ from, until }, number) => {
    const { from: _, until: __, ...entry } = entries[number] ?? {};
    return {
      number,
      rule: formatPointer(["senders", name, "certificates", number]),
      entry,
      from: Number.isFinite(from) ? formatTime(from) : null,
      until: Number.isFinite(until) ? formatTime(until) : null,
      currency: currencyOf(from, until, now),
    };
  });
}

function currencyOf(from: number, until: number, now: number): Currency {
  if (now < from) return "not yet";
  return now < until ? "current" : "over";
}
