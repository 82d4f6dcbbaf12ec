// Lists the certificates that senders were seen to present, each with the time until which the current policy admits it. The list
// has no effect on requests, because a request is judged only by what it presents itself.

import { admitByCertificate } from "../core/admission/admit.ts";
import { formatPointer } from "../core/configuration-error.ts";
import { type Expiry, listPolicyExpiries, type Outlook, sendersInUse } from "../core/policy/expiry.ts";
import type { Policy, Sender } from "../core/policy/policy.ts";
import { Refusal } from "../core/refusal.ts";
import { NO_LISTS } from "../core/revocation/revocation.ts";
import { verifyTrust } from "../core/trust/verify.ts";
import { MAX_WATCHED_CERTIFICATES } from "../core/wire.ts";
import type { Certificate } from "../core/x509/certificate.ts";
import { type ClientCertificate, parseClientCertificate } from "../core/x509/client-certificate.ts";
import { formatTime } from "../core/x509/crl.ts";

/** A certificate with which a sender was admitted. Certificates are base64 DER, and times are Unix seconds. */
export interface Presentation {
  /** The sender's name. */
  readonly sender: string;
  readonly sha256: string;
  readonly der: string;
  readonly intermediates: readonly string[];
  readonly notAfter: number;
  readonly lastSeen: number;
}

interface Watched extends Presentation {
  readonly certificate: ClientCertificate;
  /** True if the sender has stopped presenting this certificate and presents another certificate that expires later. */
  readonly isReplaced: boolean;
}

/**
 * A certificate counts as replaced if another certificate of the sender was last seen this much later. A shorter time would not
 * suffice, because a sender with several hosts presents the old and the new certificate during a rotation.
 */
const ROTATION_SECONDS = 86_400;

/** Lists everything that expires, soonest first: presented certificates, anchors, entries with an `until`, and `others`. */
export function listExpiries(
  policy: Policy,
  now: number,
  presentations: readonly Presentation[],
  others: readonly Expiry[] = [],
): Expiry[] {
  const watched = new Map(sendersInUse(policy).map((sender) => [sender, watch(sender, presentations)]));
  const outlook: Outlook = (sender, before, after) => {
    const isAdmittedAt = (at: number) => (one: Watched) => isAdmitted(one, sender, policy, at);
    const admitted = (watched.get(sender) ?? []).filter((one) => !one.isReplaced).filter(isAdmittedAt(before));
    return admitted.length === 0 ? undefined : admitted.every(isAdmittedAt(after));
  };
  const ofSenders = [...watched].flatMap(([sender, own]) => {
    // If the same certificate was presented with different intermediates, the latest presentation counts.
    const latest = new Map(own.map((one) => [one.sha256, one]));
    return [...latest.values()].flatMap((one) => expiryOfPresentation(one, sender, policy, now) ?? []);
  });
  return [...ofSenders, ...listPolicyExpiries(policy, now, outlook), ...others].sort((a, b) => a.notAfter - b.notAfter);
}

/** Returns the certificates that the sender presented most recently, sorted by the time when each was last seen. */
function watch({ name }: Sender, presentations: readonly Presentation[]): Watched[] {
  const own = presentations
    .filter(({ sender }) => sender === name)
    .sort((a, b) => a.lastSeen - b.lastSeen)
    .slice(-MAX_WATCHED_CERTIFICATES);
  return own.flatMap((one) => {
    const certificate = parsePresentation(one);
    const isReplaced = own.some(
      (other) => other.notAfter >= one.notAfter && other.lastSeen >= one.lastSeen + ROTATION_SECONDS,
    );
    return certificate === undefined ? [] : [{ ...one, certificate, isReplaced }];
  });
}

/** Returns undefined if the certificate cannot be parsed. The policy does not admit such a certificate. */
function parsePresentation({ der, intermediates }: Presentation): ClientCertificate | undefined {
  try {
    return parseClientCertificate({ leaf: der, intermediates, platform: undefined });
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/**
 * Returns the expiry of the certificate. If the certificate is proven only by an intermediate that expires earlier, returns the
 * expiry of that intermediate.
 */
function expiryOfPresentation(one: Watched, sender: Sender, policy: Policy, now: number): Expiry | undefined {
  const { certificate, isReplaced, lastSeen } = one;
  const { leaf, intermediates } = certificate;
  const isNeeded = ({ notAfter }: Certificate) =>
    isAdmitted(one, sender, policy, notAfter) && !isAdmitted(one, sender, policy, notAfter + 1);
  const [first = leaf] = intermediates
    .filter((intermediate) => intermediate.notAfter < leaf.notAfter && isNeeded(intermediate))
    .sort((a, b) => a.notAfter - b.notAfter);
  const { notBefore, notAfter, sha256 } = first;
  // A certificate that the policy would refuse even before the expiry is left out, because the expiry changes nothing.
  if (!isAdmitted(one, sender, policy, Math.min(now, notAfter)) || (isReplaced && notAfter < now)) return undefined;
  const { name } = sender;
  const pointer = formatPointer(["senders", name]);
  const lifetimeSeconds = notAfter - notBefore;
  const what = first === leaf ? "the certificate" : `the intermediate ${first.subjectText}`;
  const remedy = isReplaced
    ? "nothing to do: the sender presents one that expires later"
    : `ask the sender for the successor of ${what}, last presented on ${formatTime(lastSeen)}, and check that the policy admits it`;
  return { kind: "sender-certificate", name, pointer, sha256, lifetimeSeconds, notAfter, refuses: !isReplaced, remedy };
}

/**
 * Returns true if the policy admits the certificate at `now`. Two checks of a request are left out, because their facts are
 * missing: Cloudflare's verdict comes only with a request, and no revocation list exists for the future.
 */
function isAdmitted({ certificate }: Watched, sender: Sender, { deny }: Policy, now: number): boolean {
  if (sender.certificate === undefined) return false;
  const { allowlist, trust } = sender.certificate;
  const anchors = trust.anchors.map((anchor) => ({ ...anchor, revocation: undefined }));
  const alone = { ...sender, certificate: { allowlist, trust: { ...trust, anchors, platform: false } } };
  const facts = { deny, lists: NO_LISTS, now };
  try {
    admitByCertificate(verifyTrust(certificate, [alone], facts), [alone], now);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}
