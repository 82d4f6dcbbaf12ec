// CA certificates that prove nothing: expired, not made for clients, denied, or the same twice with other revocation lists.

import { CLIENT_AUTH } from "./certificate-extensions.ts";
import { formatPointer } from "./configuration-error.ts";
import { satisfiesNameConstraints } from "./name-constraints.ts";
import type { Anchor, Policy } from "./policy.ts";
import { errorAt, type Finding, formatInstant, overdueAt, warningAt } from "./policy-finding.ts";

const place = ({ name }: Anchor) => ["anchors", name];

export function inspectAnchors(policy: Policy, now: number): Finding[] {
  return [
    ...policy.anchors.flatMap((anchor) => [
      ...inspectCertificate(anchor, policy),
      ...inspectDates(anchor, policy, now),
      ...inspectUse(anchor, policy),
    ]),
    ...inspectCopies(policy),
    ...policy.senders.flatMap(({ name, certificate }) => inspectLists(name, certificate?.trust.anchors ?? [])),
  ];
}

/** What path validation refuses in every path that ends here. */
function inspectCertificate(anchor: Anchor, { deny }: Policy): Finding[] {
  const { certificate } = anchor;
  const findings: Finding[] = [];
  const report = (problem: string) =>
    findings.push(errorAt(place(anchor), `${problem}: it proves nothing`, "use another certificate of this CA"));
  if (certificate.unknownCritical.length > 0) {
    report(`has critical extensions that are not understood (${certificate.unknownCritical.join(", ")})`);
  }
  if (certificate.extendedKeyUsage?.includes(CLIENT_AUTH) === false) report("is not made for client certificates");
  const { nameConstraints } = certificate;
  if (nameConstraints !== undefined && !satisfiesNameConstraints([], nameConstraints)) {
    report("has name constraints of a kind that is not understood");
  }
  // Denying a CA is how everything below it is cut off in a hurry: that must never be what keeps a policy out of force.
  if (deny.holds(certificate)) {
    const remedy = "remove it here as well, or the entry in /deny if it was not meant";
    findings.push(warningAt(place(anchor), "is denied: it proves nothing", remedy));
  }
  return findings;
}

/**
 * An expired anchor that a sender names is an error, also beside others: certificates below it are refused now. One that
 * is not valid yet is put there ahead of its time, and wrong only where nothing else proves the sender.
 */
function inspectDates(anchor: Anchor, policy: Policy, now: number): Finding[] {
  const { notBefore, notAfter } = anchor.certificate;
  const users = policy.senders.filter(({ certificate }) => certificate?.trust.anchors.includes(anchor));
  if (now > notAfter) {
    const problem = `expired on ${formatInstant(notAfter)}: it proves nothing any more`;
    const remedy = "put the certificate that the CA uses now in its place, or remove it";
    return [overdueAt(place(anchor), problem, remedy, users.length > 0 ? "error" : "warning")];
  }
  if (now >= notBefore) return [];
  const isAlone = users.some(({ certificate }) =>
    certificate?.trust.anchors.every((other) => now < other.certificate.notBefore || now > other.certificate.notAfter),
  );
  const problem = `is not valid before ${formatInstant(notBefore)}`;
  const remedy = isAlone ? "add the CA certificate that is valid now beside it" : "nothing has to be done until then";
  return [overdueAt(place(anchor), problem, remedy, isAlone ? "error" : "warning")];
}

/** No error: a certificate that no sender names may be there for its revocation lists. */
function inspectUse(anchor: Anchor, { senders, anchors }: Policy): Finding[] {
  const isUsed = senders.some(({ certificate }) => certificate?.trust.anchors.includes(anchor));
  const isForLists = anchor.revocation !== undefined || anchors.some(({ revocation }) => revocation !== undefined);
  if (isUsed || isForLists) return [];
  return [warningAt(place(anchor), "no sender trusts it", "name it in the trust of a sender, or remove it")];
}

function inspectCopies({ anchors }: Policy): Finding[] {
  return anchors.flatMap((anchor, index) => {
    const original = anchors
      .slice(0, index)
      .find(({ certificate }) => certificate.sha256 === anchor.certificate.sha256);
    if (original === undefined) return [];
    const problem = `is the same certificate as ${formatPointer(place(original))}`;
    return [warningAt(place(anchor), problem, "remove one of them, and name the other where it was used")];
  });
}

/** A path may end at either certificate of one CA key, so the one with the laxer rule lets revoked certificates through. */
function inspectLists(sender: string, anchors: readonly Anchor[]): Finding[] {
  return anchors.flatMap((anchor, index) => {
    const lax = anchors.find((other) => isSameAuthority(anchor, other) && strictnessOf(other) < strictnessOf(anchor));
    if (lax === undefined) return [];
    const problem = `its revocation lists can be passed by: ${formatPointer(place(lax))} is the same CA under a laxer rule`;
    const at = ["senders", sender, "trust", "anchors", index];
    return [errorAt(at, problem, "give both the same crls, or name one of them")];
  });
}

function strictnessOf({ revocation }: Anchor): number {
  return ["prefer", "require"].indexOf(revocation?.freshness ?? "") + 1;
}

function isSameAuthority({ certificate: a }: Anchor, { certificate: b }: Anchor): boolean {
  return a.subjectKey === b.subjectKey && a.spkiSha256 === b.spkiSha256;
}
