// Finds intermediates of the policy that complete no path, for example because no anchor vouches for them, because they are denied,
// or because they are not in date. Also finds intermediates that are anchors too.

import { formatPointer } from "../../../core/configuration-error.ts";
import type { Intermediate, Policy } from "../../../core/policy/policy.ts";
import { isInDate } from "../../../core/x509/certificate.ts";
import { CLIENT_AUTH } from "../../../core/x509/certificate-extensions.ts";
import { formatTime } from "../../../core/x509/crl.ts";
import { errorAt, type Finding, overdueAt, warningAt } from "./finding.ts";

export function inspectIntermediates(policy: Policy, now: number): Finding[] {
  return policy.intermediates.flatMap((one, index) => [
    ...inspectPlace(one, policy, policy.intermediates.slice(0, index)),
    ...inspectCertificate(one, policy, now),
  ]);
}

function inspectPlace(
  { name, certificate }: Intermediate,
  { anchors }: Policy,
  before: readonly Intermediate[],
): Finding[] {
  const at = ["intermediates", name];
  const isSame = (other: Intermediate) => other.certificate.sha256 === certificate.sha256;
  const anchor = anchors.find(isSame);
  if (anchor !== undefined)
    return [warningAt(at, `is already the anchor ${formatPointer(["anchors", anchor.name])}`, "remove it here")];
  const original = before.find(isSame);
  if (original !== undefined)
    return [
      warningAt(
        at,
        `is the same certificate as ${formatPointer(["intermediates", original.name])}`,
        "remove one of them",
      ),
    ];
  if (anchors.some(({ intermediates }) => intermediates.includes(certificate))) return [];
  const problem = `no anchor vouches for it: the policy does not have the CA that signed it, ${certificate.issuerText}`;
  return [
    errorAt(
      at,
      problem,
      "add that CA to /anchors, or to /intermediates if an anchor signed that CA, or remove this intermediate",
    ),
  ];
}

function inspectCertificate({ name, certificate }: Intermediate, { deny }: Policy, now: number): Finding[] {
  const at = ["intermediates", name];
  const findings: Finding[] = [];
  const report = (problem: string) =>
    findings.push(errorAt(at, `${problem}: no path uses it`, "use another certificate of this CA, or remove it"));
  const { unknownCritical, extendedKeyUsage, notBefore, notAfter } = certificate;
  if (unknownCritical.length > 0)
    report(`has critical extensions that are not understood (${unknownCritical.join(", ")})`);
  if (extendedKeyUsage?.includes(CLIENT_AUTH) === false) report("is not made for client certificates");
  // This is only a warning. An operator may deny a CA in an emergency, and an error would keep programs from starting with this
  // policy.
  if (deny.holds(certificate))
    findings.push(
      warningAt(
        at,
        "is denied: no path uses it",
        "remove it here too, or remove the entry in /deny if that entry is a mistake",
      ),
    );
  if (!isInDate(certificate, now)) {
    const problem =
      now > notAfter ? `expired on ${formatTime(notAfter)}` : `is not valid before ${formatTime(notBefore)}`;
    const remedy =
      now > notAfter
        ? "replace it by the certificate that the CA uses now, or remove it"
        : "nothing to do before that date";
    findings.push(overdueAt(at, `${problem}: no path uses it`, remedy, "warning"));
  }
  return findings;
}
