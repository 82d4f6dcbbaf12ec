// Which sender of the route a proven certificate is. The one place where a certificate turns into permission.

import type { Certificate } from "./certificate.ts";
import type { Route, Sender } from "./policy.ts";
import type { ClientCertificate } from "./presented-certificate.ts";
import { Refusal } from "./refusal.ts";
import type { Proof, ProvenCertificate } from "./trust.ts";

declare const admitted: unique symbol;

/** A sender that may call this route, with the certificate that says so. Only admit makes one. */
export interface AdmittedSender {
  readonly [admitted]: true;
  readonly sender: Sender;
  readonly certificate: ClientCertificate;
  readonly proof: Proof;
}

/**
 * Admits the certificate as the first of the route's senders that is proven and has a matching entry.
 * @throws Refusal `sender_not_allowed`, naming the entry that came nearest and the members in which it failed
 */
export function admit({ certificate, proofs }: ProvenCertificate, route: Route, now: number): AdmittedSender {
  const { leaf } = certificate;
  const proven = route.senders.filter((sender) => proofs.has(sender));
  for (const sender of proven) {
    const isMatch = sender.allowlist.candidates(leaf).some(([, matcher]) => matcher.failures(leaf, now).length === 0);
    if (isMatch) return { sender, certificate, proof: proofs.get(sender) } as unknown as AdmittedSender;
  }
  const nearMiss = findNearMiss(proven, leaf, now);
  throw new Refusal("sender_not_allowed", { nearMiss, anchors: [...proofs.values()].map(({ anchor }) => anchor) });
}

function findNearMiss(senders: readonly Sender[], leaf: Certificate, now: number) {
  let nearest: { sender: string; entry: number; failed: readonly string[] } | undefined;
  for (const { name, allowlist } of senders) {
    for (const [entry, matcher] of allowlist.nearMisses(leaf)) {
      const failed = matcher.failures(leaf, now);
      if (nearest === undefined || failed.length < nearest.failed.length) nearest = { sender: name, entry, failed };
    }
  }
  return nearest;
}

/** The facts of a certificate that a log line or a record may carry. */
export function describeCertificate({ leaf }: ClientCertificate) {
  return {
    subject: leaf.subjectText,
    issuer: leaf.issuerText,
    serial: leaf.serial,
    sha256: leaf.sha256,
    spkiSha256: leaf.spkiSha256,
  };
}
