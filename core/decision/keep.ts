// Decides whether a refused sender is asked to send the event again. Some senders drop an event forever when they get a 4xx. Then
// the event would be lost, although a later attempt could be accepted after the operator has corrected the fault. The verdict does
// not change: the request is refused.

import type { Trace } from "../admission/trace.ts";
import { lookupKeysOf } from "../policy/matcher.ts";
import type { RetryStatus, Sender } from "../policy/policy.ts";
import { Refusal, type RefusalCode } from "../refusal.ts";
import type { Certificate } from "../x509/certificate.ts";

/**
 * The codes of refusals that may be the operator's fault. The operator may have to correct the anchors, the revocation lists or the
 * entries of the policy.
 */
const OPERATORS_TO_MEND: ReadonlySet<RefusalCode> = new Set([
  "issuer_unknown",
  "issuer_not_in_date",
  "revocation_unknown",
  "certificate_is_ca",
  "sender_not_allowed",
]);

/**
 * Returns the status that asks the sender to send the event again, or undefined if the refusal is final. A refusal is final if the
 * signature or the credentials are wrong, or if the certificate is revoked, denied or self-issued. A stranger may have sent such a
 * request, and must not be asked to retry. A request that gets a refusal in `OPERATORS_TO_MEND` may come from a stranger too. This
 * refusal is still not final, because the real sender may be accepted after the operator has corrected the fault.
 */
export function retryStatusOf(refusal: Refusal, { route, evidence }: Trace): RetryStatus | undefined {
  const certificate = evidence?.certificate;
  if (!OPERATORS_TO_MEND.has(refusal.code) || certificate === undefined || certificate instanceof Refusal)
    return undefined;
  const { leaf } = certificate;
  if (leaf.foldedSubject === leaf.foldedIssuer) return undefined;
  const isKept = (sender: Sender) =>
    sender.retryStatus !== undefined &&
    (refusal.code !== "sender_not_allowed" || route?.isObserved || resembles(leaf, sender));
  return route?.senders.find(isKept)?.retryStatus;
}

/**
 * True if the certificate shares a value with one of the sender's entries. Then it may be the sender's next certificate, or the
 * window (`from`, `until`) of the entry may have ended.
 */
function resembles(leaf: Certificate, { certificate }: Sender): boolean | undefined {
  const keys = lookupKeysOf(leaf);
  return certificate?.allowlist.matchers.some((matcher) => matcher.keys.some((key) => keys.has(key)));
}
