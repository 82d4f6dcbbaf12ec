// CA certificates that prove nothing: expired, not made for clients, denied, or the same twice with other revocation lists.

import { isSameAuthority } from "./certificate.ts";
import { CLIENT_AUTH } from "./certificate-extensions.ts";
import { formatPointer } from "./configuration-error.ts";
import { formatTime } from "./crl.ts";
import { satisfiesNameConstraints } from "./name-constraints.ts";
import { isInDate } from "./path-checks.ts";
import type { Anchor, Policy } from "./policy.ts";
import { errorAt, type Finding, overdueAt, warningAt } from "./policy-finding.ts";

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
 * An anchor out of its dates is an error where it leaves a sender without any. Beside one that is in date it is what is left
 * of the CA's last certificate, or put there ahead of its next: a build must not fail for either.
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
    const remedy = isMissed ? "put the certificate that the CA uses now in its place" : "remove it";
    return [overdueAt(place(anchor), problem, remedy, severity)];
  }
  const remedy = isMissed ? "add the certificate that the CA uses now beside it" : "leave it until then";
  return [overdueAt(place(anchor), `is not valid before ${formatTime(certificate.notBefore)}`, remedy, severity)];
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
    const lax = anchors.find(
      (other) => isSameAuthority(anchor.certificate, other.certificate) && strictnessOf(other) < strictnessOf(anchor),
    );
    if (lax === undefined) return [];
    const problem = `its revocation lists can be passed by: ${formatPointer(place(lax))} is the same CA under a laxer rule`;
    const at = ["senders", sender, "trust", "anchors", index];
    return [errorAt(at, problem, "give both the same crls, or name one of them")];
  });
}

/**
 * No error: another CA may publish no lists. What a list holds is refused at every anchor, but whoever sends the request
 * chooses the one at which a missing list passes.
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
    const problem = `is laxer about revocation lists than ${formatPointer(place(strictest))}, and a certificate that both CAs vouch for comes by either`;
    const remedy = "give both the same freshness, with the lists of each, or trust one of them";
    return [warningAt(["senders", sender, "trust", "anchors", index], problem, remedy)];
  });
}

function strictnessOf({ revocation }: Anchor): number {
  return ["prefer", "require"].indexOf(revocation?.freshness ?? "") + 1;
}
