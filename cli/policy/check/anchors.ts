// Finds CA certificates that prove nothing, because they are expired, not for clients, or denied. Also finds anchors that no sender
// uses, anchors that occur twice, and anchors of one sender that have different rules for revocation lists.

import { formatPointer } from "../../../core/configuration-error.ts";
import type { Anchor, Policy } from "../../../core/policy/policy.ts";
import { isInDate, isSameAuthority } from "../../../core/x509/certificate.ts";
import { CLIENT_AUTH } from "../../../core/x509/certificate-extensions.ts";
import { formatTime } from "../../../core/x509/crl.ts";
import { satisfiesNameConstraints } from "../../../core/x509/name-constraints.ts";
import { errorAt, type Finding, overdueAt, unusedAt, warningAt } from "./finding.ts";

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
    ...policy.senders.flatMap(({ name, certificate }) => inspectRules(name, certificate?.trust.anchors ?? [])),
  ];
}

/** Returns the faults of the anchor. With any of these faults, path validation refuses every path that ends at the anchor. */
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
  // This is only a warning. An operator may deny a CA in an emergency, and an error would keep programs from starting with this
  // policy.
  if (deny.holds(certificate)) {
    const remedy = "remove it here too, or remove the entry in /deny if that entry is a mistake";
    findings.push(warningAt(place(anchor), "is denied: it proves nothing", remedy));
  }
  return findings;
}

/**
 * Reports an anchor that is not in date. It is an error if a sender that trusts the anchor has no other anchor that is in date.
 * Otherwise it is a warning, because the anchor may be the previous or the next certificate of the CA. A build must not fail
 * because of such an anchor.
 */
function inspectDates(anchor: Anchor, policy: Policy, now: number): Finding[] {
  const { certificate } = anchor;
  if (isInDate(certificate, now)) return [];
  const isMissed = policy.senders
    .flatMap((sender) => sender.certificate ?? [])
    .some(
      ({ trust: { anchors } }) => anchors.includes(anchor) && !anchors.some((one) => isInDate(one.certificate, now)),
    );
  const severity = isMissed ? "error" : "warning";
  if (now > certificate.notAfter) {
    const problem = `expired on ${formatTime(certificate.notAfter)}: it proves nothing any more`;
    const remedy = isMissed ? "replace it by the certificate that the CA uses now" : "remove it";
    return [overdueAt(place(anchor), problem, remedy, severity)];
  }
  const remedy = isMissed ? "also add the certificate that the CA uses now" : "nothing to do before that date";
  return [overdueAt(place(anchor), `is not valid before ${formatTime(certificate.notBefore)}`, remedy, severity)];
}

/**
 * Warns of an anchor that no sender uses. If the policy has revocation lists, there is no warning, because an unused anchor may
 * sign these lists.
 */
function inspectUse(anchor: Anchor, { senders, anchors }: Policy): Finding[] {
  const isUsed = senders.some(({ certificate }) => certificate?.trust.anchors.includes(anchor));
  const isForLists = anchor.revocation !== undefined || anchors.some(({ revocation }) => revocation !== undefined);
  if (isUsed || isForLists) return [];
  return [unusedAt(place(anchor), "no sender trusts it", "name it in the trust of a sender, or remove it")];
}

function inspectCopies({ anchors }: Policy): Finding[] {
  return anchors.flatMap((anchor, index) => {
    const original = anchors
      .slice(0, index)
      .find(({ certificate }) => certificate.sha256 === anchor.certificate.sha256);
    if (original === undefined) return [];
    const problem = `is the same certificate as ${formatPointer(place(original))}`;
    return [warningAt(place(anchor), problem, "remove one of them, and write the other name wherever it was used")];
  });
}

/**
 * Reports an error if two anchors have the same CA key, but different rules for revocation. A path may end at either anchor, so a
 * revoked certificate is accepted through the anchor with the weaker rule.
 */
function inspectLists(sender: string, anchors: readonly Anchor[]): Finding[] {
  return anchors.flatMap((anchor, index) => {
    const lax = anchors.find(
      (other) => isSameAuthority(anchor.certificate, other.certificate) && strictnessOf(other) < strictnessOf(anchor),
    );
    if (lax === undefined) return [];
    const problem = `revoked certificates can bypass its revocation lists: ${formatPointer(place(lax))} is the same CA with a weaker rule`;
    const at = ["senders", sender, "trust", "anchors", index];
    return [errorAt(at, problem, "give both anchors the same crls, or name only one of them")];
  });
}

/**
 * Warns if the anchors of a sender belong to different CAs and have different rules for revocation. If a list is missing, the
 * client can choose a path to the anchor that does not require a list. This is not an error, because a CA may publish no lists.
 */
function inspectRules(sender: string, anchors: readonly Anchor[]): Finding[] {
  const strictest = anchors.reduce<Anchor | undefined>(
    (found, anchor) => (found !== undefined && strictnessOf(found) >= strictnessOf(anchor) ? found : anchor),
    undefined,
  );
  if (strictest === undefined) return [];
  return anchors.flatMap((anchor, index) => {
    const isKnown = isSameAuthority(anchor.certificate, strictest.certificate);
    if (strictnessOf(anchor) === strictnessOf(strictest) || isKnown) return [];
    const problem = `has a weaker rule for revocation lists than ${formatPointer(place(strictest))}; a sender whose certificate both CAs certify can choose the weaker rule`;
    const remedy = "give both anchors the same freshness, each with its own lists, or name only one of them";
    return [warningAt(["senders", sender, "trust", "anchors", index], problem, remedy)];
  });
}

function strictnessOf({ revocation }: Anchor): number {
  return ["prefer", "require"].indexOf(revocation?.freshness ?? "") + 1;
}
