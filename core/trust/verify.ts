// Decides whether a certificate is proven: by path validation (RFC 5280 §6) to the anchors of the policy, by the platform's
// verdict, or by both. A proof says who certified the name. Only admit.ts decides whether the sender may call.

import type { Sender, Trust } from "../policy/policy.ts";
import { Refusal, resultOf } from "../refusal.ts";
import { refuseListed } from "../revocation/revocation.ts";
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
  /** The revocation list that was missing or not current, if the policy only prefers one. */
  readonly revocation?: string;
}

/** The facts that may change from one request to the next. */
export type TrustContext = Omit<PathLimits, "maxChainDepth" | "signatures">;

/** The facts, and the signatures verified so far for this request. */
type SearchExplanation = Required<Omit<PathLimits, "maxChainDepth">>;

declare const proven: unique symbol;

/** A certificate that at least one sender's trust proves. Only verifyTrust makes one. */
export interface ProvenCertificate {
  readonly [proven]: true;
  readonly certificate: ClientCertificate;
  /** The senders whose trust is satisfied. A sender that is not in this map cannot be admitted. */
  readonly proofs: ReadonlyMap<Sender, Proof>;
}

/**
 * Verdicts of the platform which say only that the platform does not know the issuer (OpenSSL 20 and 21). They are accepted,
 * because our own anchors decide about the issuer.
 */
const ISSUER_NOT_KNOWN_TO_PLATFORM: ReadonlySet<string> = new Set([
  "FAILED:unable to get local issuer certificate",
  "FAILED:unable to verify the first certificate",
]);

/**
 * Proves the certificate for each sender that needs one, with the given lists and time. Does not check whether a sender's entries
 * match the certificate.
 * @throws Refusal with the code of the first fault if no sender's trust is satisfied
 */
export function verifyTrust(
  certificate: ClientCertificate,
  senders: readonly Sender[],
  facts: TrustContext,
): ProvenCertificate {
  checkLeaf(certificate.leaf, facts);
  if (certificate.platform?.revoked) throw new Refusal("platform_revoked");
  const proofs = new Map<Sender, Proof>();
  const results = new Map<string, Proof | Refusal>();
  const limits = { ...facts, signatures: new IssuedSignatures() };
  for (const sender of senders) {
    if (sender.certificate === undefined) continue;
    const { trust } = sender.certificate;
    const result = results.get(keyOf(trust)) ?? prove(certificate, trust, limits);
    results.set(keyOf(trust), result);
    if (!(result instanceof Refusal)) proofs.set(sender, result);
  }
  const [first] = results.values();
  if (proofs.size === 0 && first instanceof Refusal) throw first;
  return { certificate, proofs } as unknown as ProvenCertificate;
}

const keys = new WeakMap<Trust, string>();

/** Senders of one policy with the same key share one proof, so the path is searched only once. */
function keyOf(trust: Trust): string {
  const { anchors, platform, maxChainDepth } = trust;
  const key = keys.get(trust) ?? JSON.stringify([platform, maxChainDepth, ...anchors.map(({ name }) => name)]);
  keys.set(trust, key);
  return key;
}

/** Checks that do not depend on who signed the certificate. */
function checkLeaf(leaf: Certificate, { deny, now }: TrustContext): void {
  if (now < leaf.notBefore) throw new Refusal("certificate_not_yet_valid", { notBefore: leaf.notBefore });
  if (!isInDate(leaf, now)) throw new Refusal("certificate_expired", { notAfter: leaf.notAfter });
  if (leaf.unknownCritical.length > 0) {
    throw new Refusal("unknown_critical_extension", { extensions: leaf.unknownCritical });
  }
  if (leaf.isCa) throw new Refusal("certificate_is_ca");
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
 * Cloudflare does not say which of the presented CAs its path used. So the request is refused if any of them is denied, or if the
 * revocation list of any of them contains a certificate that this CA signed.
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
 * If the sender's trust uses the platform, the platform's verdict must be SUCCESS. Otherwise the only other verdict accepted is
 * that the platform does not know the issuer.
 */
function checkPlatform({ platform }: ClientCertificate, trust: Trust): void {
  const verdict = platform?.verified ?? "none given";
  if (trust.platform && verdict !== "SUCCESS") throw new Refusal("platform_not_verified", { verdict });
  if (platform !== undefined && verdict !== "SUCCESS" && !ISSUER_NOT_KNOWN_TO_PLATFORM.has(verdict)) {
    throw new Refusal("platform_disagrees", { verdict });
  }
}
