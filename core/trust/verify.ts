// Decides whether a certificate is proven: by path validation (RFC 5280 §6) to the anchors of the policy, by the platform's verdict
// (Cloudflare's, for example), or by both. A proof only says which CA certified the name. It does not say that the sender may call,
// because only core/admission/admit.ts decides that.

import type { Sender, Trust } from "../policy/policy.ts";
import { Refusal, resultOf } from "../refusal.ts";
import { refuseListed } from "../revocation/revocation.ts";
import { cachedFor } from "../weak-cache.ts";
import type { Certificate } from "../x509/certificate.ts";
import { isInDate } from "../x509/certificate.ts";
import { CLIENT_AUTH } from "../x509/certificate-extensions.ts";
import type { ClientCertificate } from "../x509/client-certificate.ts";
import { namesIssuer } from "../x509/issuance.ts";
import { IssuedSignatures } from "./issued-signatures.ts";
import { hasAcceptedAlgorithms } from "./issuer.ts";
import { findPath, type PathLimits } from "./path.ts";

/** The proof of a certificate for one sender. */
export interface Proof {
  /** The name of the anchor. Undefined if only the platform's verdict was used. */
  readonly anchor: string | undefined;
  /** The number of CA certificates on the path, the anchor included. 0 if only the platform's verdict was used. */
  readonly chainDepth: number;
  /**
   * Describes the revocation list that was missing or not current. It is set only under the rule `prefer`, which accepts a missing
   * list.
   */
  readonly revocation?: string;
}

/** The facts that may change from one request to the next: denied certificates, revocation lists and time. */
export type TrustContext = Omit<PathLimits, "maxChainDepth" | "signatures">;

/** The facts of a TrustContext, and the signatures verified so far for this request. */
type SearchExplanation = Required<Omit<PathLimits, "maxChainDepth">>;

declare const proven: unique symbol;

/**
 * A certificate with its proofs, as `verifyTrust` returns it. No other function makes one. It has no proofs if no sender needs a
 * certificate.
 */
export interface ProvenCertificate {
  readonly [proven]: true;
  readonly certificate: ClientCertificate;
  /**
   * The proof for each sender that needs a certificate and for which the certificate is proven. If a sender needs a certificate and
   * is not in this map, the sender cannot be admitted.
   */
  readonly proofs: ReadonlyMap<Sender, Proof>;
}

/**
 * Verdicts of the platform which say only that the platform does not know the issuer (OpenSSL errors 20 and 21). They are accepted,
 * because our own anchors decide about the issuer.
 */
const ISSUER_NOT_KNOWN_TO_PLATFORM: ReadonlySet<string> = new Set([
  "FAILED:unable to get local issuer certificate",
  "FAILED:unable to verify the first certificate",
]);

/**
 * Proves the certificate for each sender that needs one, with the revocation lists and the time in `facts`. Does not check whether
 * a sender's entries match the certificate.
 * @throws Refusal with the code of the first fault, if the certificate is proven for no sender
 */
export function verifyTrust(
  certificate: ClientCertificate,
  senders: readonly Sender[],
  facts: TrustContext,
): ProvenCertificate {
  const { leaf } = certificate;
  checkLeaf(leaf, senders, facts);
  if (certificate.platform?.revoked) throw new Refusal("platform_revoked");
  const proofs = new Map<Sender, Proof>();
  const results = new Map<string, Proof | Refusal>();
  const limits = { ...facts, signatures: new IssuedSignatures() };
  for (const sender of senders) {
    if (sender.certificate === undefined || !mayPresent(sender, leaf)) continue;
    const { trust } = sender.certificate;
    const result = results.get(keyOf(trust)) ?? prove(certificate, trust, limits);
    results.set(keyOf(trust), result);
    if (!(result instanceof Refusal)) proofs.set(sender, result);
  }
  const [first] = results.values();
  if (proofs.size === 0 && first instanceof Refusal) throw first;
  return { certificate, proofs } as unknown as ProvenCertificate;
}

/**
 * Returns a text that identifies trust settings in one policy. Senders with the same text share one proof, so that the path is
 * searched only once.
 */
const keyOf = cachedFor(({ anchors, platform, maxChainDepth }: Trust) =>
  JSON.stringify([platform, maxChainDepth, ...anchors.map(({ name }) => name)]),
);

/** False for a CA certificate, unless an entry of the sender pins it by a digest alone. */
function mayPresent({ certificate }: Sender, leaf: Certificate): boolean {
  const entries = leaf.isCa ? (certificate?.allowlist.entriesFor(leaf) ?? []) : [];
  // The dates of the entry are not compared here. So if the entry has ended, the refusal names the date, and not
  // `certificate_is_ca`.
  return !leaf.isCa || entries.some(([, entry]) => entry.isPin && entry.failures(leaf, entry.from).length === 0);
}

/** Makes the checks that do not depend on who signed the certificate. @throws Refusal */
export function checkLeaf(leaf: Certificate, senders: readonly Sender[], { deny, now }: TrustContext): void {
  if (now < leaf.notBefore) throw new Refusal("certificate_not_yet_valid", { notBefore: leaf.notBefore });
  if (!isInDate(leaf, now)) throw new Refusal("certificate_expired", { notAfter: leaf.notAfter });
  if (leaf.unknownCritical.length > 0) {
    throw new Refusal("unknown_critical_extension", { extensions: leaf.unknownCritical });
  }
  if (leaf.isCa && !senders.some((sender) => mayPresent(sender, leaf))) throw new Refusal("certificate_is_ca");
  if (leaf.extendedKeyUsage?.includes(CLIENT_AUTH) === false) {
    throw new Refusal("wrong_extended_key_usage", { extendedKeyUsage: leaf.extendedKeyUsage });
  }
  if (leaf.keyUsage?.digitalSignature === false) throw new Refusal("wrong_key_usage");
  if (!hasAcceptedAlgorithms(leaf)) {
    throw new Refusal("algorithm_not_accepted", { signatureAlgorithm: leaf.signatureAlgorithm });
  }
  if (deny.holds(leaf)) throw new Refusal("certificate_denied", { serial: leaf.serial });
}

function prove(certificate: ClientCertificate, trust: Trust, limits: SearchExplanation): Proof | Refusal {
  const { anchors, maxChainDepth } = trust;
  return resultOf((): Proof => {
    checkPlatform(certificate, trust);
    if (anchors.length === 0) {
      checkPresented(certificate, limits);
      return { anchor: undefined, chainDepth: 0 };
    }
    const { anchor, issuers, revocation } = findPath(certificate, anchors, { ...limits, maxChainDepth });
    return { anchor: anchor.name, chainDepth: issuers.length, ...(revocation !== undefined && { revocation }) };
  });
}

/**
 * Cloudflare does not say which of the presented CAs its path used. So the request is refused if one of the presented CAs is
 * denied. It is also refused if a presented certificate is on the revocation list of the presented CA that signed it.
 * @throws Refusal
 */
function checkPresented(
  { leaf, intermediates }: ClientCertificate,
  { deny, lists, signatures }: SearchExplanation,
): void {
  for (const issuer of intermediates) {
    if (deny.holds(issuer, intermediates)) throw new Refusal("certificate_denied", { authority: issuer.subjectText });
    if (!lists.has(issuer.foldedSubject)) continue;
    for (const [depth, certificate] of [leaf, ...intermediates].entries()) {
      const isSigned = namesIssuer(certificate, issuer) && signatures.holds(certificate, issuer);
      if (isSigned) refuseListed(certificate, issuer, lists, depth);
    }
  }
}

/**
 * If the sender's trust settings require the platform's verdict, the verdict must be `SUCCESS`. If they do not, two other cases are
 * accepted too: there is no verdict, or the verdict says only that the platform does not know the issuer.
 */
function checkPlatform({ platform }: ClientCertificate, trust: Trust): void {
  const verdict = platform?.verified ?? "none given";
  if (trust.platform && verdict !== "SUCCESS") throw new Refusal("platform_not_verified", { verdict });
  if (platform !== undefined && verdict !== "SUCCESS" && !ISSUER_NOT_KNOWN_TO_PLATFORM.has(verdict)) {
    throw new Refusal("platform_disagrees", { verdict });
  }
}
