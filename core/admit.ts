// Which sender of the route a proven certificate is. The one place where a certificate turns into permission.

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
  let nearMiss: { sender: string; entry: number; failed: readonly string[] } | undefined;
  for (const sender of route.senders) {
    const proof = proofs.get(sender);
    if (proof === undefined) continue;
    for (const [entry, matcher] of sender.matchers.entries()) {
      const failed = matcher(certificate.leaf, now);
      if (failed.length === 0) return { sender, certificate, proof } as unknown as AdmittedSender;
      if (nearMiss === undefined || failed.length < nearMiss.failed.length) {
        nearMiss = { sender: sender.name, entry, failed };
      }
    }
  }
  throw new Refusal("sender_not_allowed", { nearMiss, anchors: [...proofs.values()].map(({ anchor }) => anchor) });
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
