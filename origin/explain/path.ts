// Describes a certification path: each certificate with its dates, its key, and its state in the revocation lists. The verdicts
// come from core. If there is no path, the description shows how far the certificates lead.

import type { Anchor, RevocationRule, Sender, Trust } from "../../core/policy/policy.ts";
import { REFUSALS, Refusal, type RefusalCode, resultOf } from "../../core/refusal.ts";
import { checkRevocation, NO_LISTS, type RevocationExplanation } from "../../core/revocation/revocation.ts";
import { describeCrl } from "../../core/revocation/source.ts";
import { boundDetails } from "../../core/shown-text.ts";
import { findPath, type PathLimits, tryIssuer } from "../../core/trust/path.ts";
import { checkLeaf } from "../../core/trust/verify.ts";
import type { Certificate } from "../../core/x509/certificate.ts";
import type { ClientCertificate } from "../../core/x509/client-certificate.ts";
import { formatTime } from "../../core/x509/crl.ts";
import { namesIssuer } from "../../core/x509/issuance.ts";
import type { KnownLists } from "./question.ts";

/** The state of one certificate in the revocation lists. */
export interface CrlExplanation {
  /**
   * `doubtful`: there is no current list, and the policy accepts this. `unknown`: there is no current list, and the policy does
   * not accept this.
   */
  readonly state: "not asked" | "good" | "revoked" | "doubtful" | "unknown";
  readonly freshness: RevocationRule["freshness"] | null;
  readonly why: string | null;
  /** The loaded lists whose issuer has the same name as the issuer of this certificate, the newest first. */
  readonly lists: readonly (ReturnType<typeof describeCrl> & {
    readonly source: string;
    readonly isSignedByIssuer: boolean;
  })[];
}

export interface CertificateExplanation {
  readonly role: "leaf" | "intermediate" | "intermediate of the policy" | "anchor";
  /** The name of the anchor in the policy. Null if the certificate is not an anchor. */
  readonly anchor: string | null;
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly sha256: string;
  readonly spkiSha256: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly key: string;
  readonly isDenied: boolean;
  /** The reason why the path fails at this certificate. */
  readonly fault: Fault | null;
  /** Null for the anchor, because no list is searched for it. */
  readonly crl: CrlExplanation | null;
}

export interface Fault {
  readonly code: RefusalCode;
  readonly why: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface PathExplanation {
  readonly reachesAnchor: boolean;
  readonly certificates: readonly CertificateExplanation[];
  /**
   * The name of the issuer whose certificate is missing, because it was not sent and is not an anchor. Null if no certificate is
   * missing.
   */
  readonly missingIssuer: string | null;
}

interface Step {
  readonly certificate: Certificate;
  readonly anchor: Anchor | undefined;
  readonly fault: Refusal | undefined;
}

/** Describes the path from a certificate to an anchor. If there is no path, describes how far the presented certificates lead. */
export function describePath(
  client: ClientCertificate,
  sender: Sender,
  trust: Trust,
  { deny, ...rest }: PathLimits,
  loaded: KnownLists,
): PathExplanation {
  const limits = { ...rest, deny: { holds: (one: Certificate) => deny.holds(one, client.intermediates) } };
  const { steps, missing } = findSteps(client, trust.anchors, limits);
  const top = steps.at(-1);
  const rule = top?.anchor?.revocation;
  const facts = { ...limits, anchors: [...steps, ...trust.anchors] };
  const leafs = resultOf(() => checkLeaf(client.leaf, [sender], limits));
  return {
    reachesAnchor: top?.anchor !== undefined && top.fault === undefined,
    missingIssuer: missing ?? null,
    certificates: steps.map((step, depth) => ({
      ...describe(step, depth, limits),
      ...(isOfPolicy(step, depth, client) && { role: "intermediate of the policy" as const }),
      ...(depth === 0 && leafs instanceof Refusal && { fault: faultOf(leafs) }),
      crl: step.anchor === undefined ? describeCrls(step, steps[depth + 1], rule, facts, loaded) : null,
    })),
  };
}

/** Returns true if a certificate of the path was not presented, but comes from the policy's `intermediates`. */
function isOfPolicy({ certificate, anchor }: Step, depth: number, { intermediates }: ClientCertificate): boolean {
  return depth > 0 && anchor === undefined && !intermediates.some(({ sha256 }) => sha256 === certificate.sha256);
}

export function faultOf({ code, details }: Refusal): Fault {
  return { code, why: REFUSALS[code][1], details: boundDetails(details) };
}

/**
 * Returns the path that core finds with the revocation lists, or else the path that core finds without the lists. If there is no
 * path, returns the certificates to which the issuer names lead.
 */
function findSteps(client: ClientCertificate, anchors: readonly Anchor[], limits: PathLimits) {
  const unasked = anchors.map((anchor): Anchor => ({ ...anchor, revocation: undefined }));
  for (const [candidates, lists] of [[anchors, limits.lists] as const, [unasked, NO_LISTS] as const]) {
    const path = resultOf(() => findPath(client, candidates, { ...limits, lists }));
    if (path instanceof Refusal) continue;
    const anchor = anchors.find(({ name }) => name === path.anchor.name);
    const steps = [client.leaf, ...path.issuers].map((certificate, depth): Step => {
      const isAnchor = depth === path.issuers.length;
      return { certificate, anchor: isAnchor ? anchor : undefined, fault: undefined };
    });
    return { steps, missing: undefined };
  }
  return follow(client, anchors, limits);
}

/**
 * Follows the issuer names up to the first fault. If several certificates may be the issuer, takes the first one without a fault,
 * or the first one if all have a fault. Anchors come before intermediates.
 */
function follow(client: ClientCertificate, anchors: readonly Anchor[], limits: PathLimits) {
  const steps: Step[] = [{ certificate: client.leaf, anchor: undefined, fault: undefined }];
  const all: Pick<Step, "certificate" | "anchor">[] = [
    ...anchors.map((anchor) => ({ certificate: anchor.certificate, anchor })),
    ...[...client.intermediates, ...anchors.flatMap(({ intermediates }) => intermediates)].map((certificate) => ({
      certificate,
      anchor: undefined,
    })),
  ];
  for (;;) {
    const below = steps.map(({ certificate }) => certificate);
    const top = below[below.length - 1] as Certificate;
    const named = all
      .filter(({ certificate }) => namesIssuer(top, certificate))
      .filter(({ certificate }) => !below.some(({ spkiSha256 }) => spkiSha256 === certificate.spkiSha256))
      .map((candidate): Step => {
        const result = resultOf(() => tryIssuer(candidate.certificate, below, limits));
        return { ...candidate, fault: result instanceof Refusal ? result : undefined };
      });
    const next = named.find(({ fault }) => fault === undefined) ?? named[0];
    if (next === undefined) return { steps, missing: top.issuerText };
    steps.push(next);
    if (next.fault !== undefined || next.anchor !== undefined) return { steps, missing: undefined };
  }
}

function describe({ certificate, anchor, fault }: Step, depth: number, { deny }: PathLimits): CertificateExplanation {
  const { subjectText, issuerText, serial, sha256, spkiSha256, notBefore, notAfter } = certificate;
  return {
    role: anchor !== undefined ? "anchor" : depth === 0 ? "leaf" : "intermediate",
    anchor: anchor?.name ?? null,
    subject: subjectText,
    issuer: issuerText,
    serial,
    sha256,
    spkiSha256,
    notBefore: formatTime(notBefore),
    notAfter: formatTime(notAfter),
    key: describeKey(certificate),
    isDenied: deny.holds(certificate),
    fault: fault === undefined ? null : faultOf(fault),
    crl: null,
  };
}

function describeKey({ publicKey: { asymmetricKeyType: type, asymmetricKeyDetails: details } }: Certificate): string {
  if (type === "rsa") return `RSA ${details?.modulusLength}`;
  return type === "ec" ? `EC ${details?.namedCurve}` : String(type);
}

/**
 * Describes what core says about the revocation of one certificate. `checkRevocation` gets a short path: only this certificate and
 * its issuer. But the key of any certificate on the whole path may have signed a list. So `anchors` contains the sender's anchors
 * and all certificates of the whole path.
 */
function describeCrls(
  { certificate }: Step,
  above: Step | undefined,
  rule: RevocationRule | undefined,
  { lists, now, anchors = [] }: RevocationExplanation,
  { sourceOf }: KnownLists,
): CrlExplanation {
  const notAsked: CrlExplanation = { state: "not asked", freshness: null, why: null, lists: [] };
  if (above === undefined) return notAsked;
  const issuer = above.certificate;
  const result = resultOf(() => checkRevocation([certificate, issuer], rule, { lists, now, anchors }));
  const isRevoked = result instanceof Refusal && result.code === "certificate_revoked";
  if (rule === undefined && !isRevoked) return notAsked;
  const why = result instanceof Refusal ? result.details["list"] : result;
  return {
    state: isRevoked ? "revoked" : result instanceof Refusal ? "unknown" : why === undefined ? "good" : "doubtful",
    freshness: rule?.freshness ?? null,
    why: isRevoked || why === undefined ? null : String(why),
    lists: (lists.get(issuer.foldedSubject) ?? []).map((list) => ({
      source: sourceOf.get(list) ?? "",
      ...describeCrl(list),
      isSignedByIssuer: list.isSignedBy(issuer),
    })),
  };
}
