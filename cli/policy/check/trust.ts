// Finds entries whose issuer, dates, names or digest do not fit the sender's anchors. Such an entry matches no certificate, or
// probably not the intended one.

import { normalizeHex } from "../../../core/policy/matcher.ts";
import type { Anchor, Policy, Trust } from "../../../core/policy/policy.ts";
import type { CertificateMatcherDocument } from "../../../core/policy/schema.ts";
import { parseAttributeType } from "../../../core/x509/attribute-types.ts";
import type { Certificate } from "../../../core/x509/certificate.ts";
import { formatTime } from "../../../core/x509/crl.ts";
import { type DistinguishedName, foldName, parseDistinguishedName } from "../../../core/x509/distinguished-name.ts";
import type { GeneralName } from "../../../core/x509/general-name.ts";
import { namesIssuer } from "../../../core/x509/issuance.ts";
import { satisfiesNameConstraints } from "../../../core/x509/name-constraints.ts";
import type { EntryConditions } from "./conditions.ts";
import { errorAt, type Finding, type Place, warningAt } from "./finding.ts";
import type { InspectedSender } from "./inspected-sender.ts";

export function inspectTrust({ sender, facts, hasWholeTrust }: InspectedSender, policy: Policy): Finding[] {
  const trust = sender.certificate?.trust;
  if (trust === undefined) return [];
  return facts.flatMap((fact) => [
    ...inspectDigests(fact, hasWholeTrust ? trust : undefined, policy),
    ...(hasWholeTrust
      ? [...inspectIssuer(fact, trust), ...inspectValidity(fact, trust), ...inspectConstraints(fact, trust)]
      : []),
  ]);
}

/**
 * Judges an entry with the digest of a CA certificate that the policy knows. Such an entry accepts a sender that presents the CA
 * certificate itself, but no certificate that the CA issued. The author may have meant the digest of the sender's own certificate.
 */
function inspectDigests({ entry, at }: EntryConditions, trust: Trust | undefined, policy: Policy): Finding[] {
  const authorities = [...policy.anchors, ...policy.intermediates].map(({ certificate }) => certificate);
  return (["sha256", "spkiSha256"] as const).flatMap((member) => {
    const wanted = entry[member];
    const found =
      wanted && authorities.find((certificate: Certificate) => certificate[member] === normalizeHex(wanted));
    return found ? [judgePin(entry, [...at, member], found, trust)] : [];
  });
}

const WRITE_OWN = "write the digest of the sender's own certificate";

function judgePin(entry: CertificateMatcherDocument, at: Place, found: Certificate, trust: Trust | undefined): Finding {
  const { subject, issuer, san, sha256 } = entry;
  const what = sha256 === undefined ? "key" : "certificate";
  if ((subject ?? issuer ?? san) !== undefined) {
    const problem = `is the digest of a CA ${what}, and an entry with a name accepts no CA certificate`;
    return (what === "key" ? warningAt : errorAt)(at, problem, `${WRITE_OWN}, or remove the name`);
  }
  if (trust !== undefined && trust.anchors.length > 0 && !trust.anchors.some((anchor) => mayCertify(anchor, found))) {
    const problem = `is the digest of a CA ${what}, and no path leads from this CA to an anchor of the sender`;
    const remedy = `${WRITE_OWN}; or, if the sender presents the CA certificate itself, add a CA that certified it to the sender's anchors`;
    return (what === "key" ? warningAt : errorAt)(at, problem, remedy);
  }
  const problem = `pins a CA ${what}: it accepts the CA certificate itself, and nothing that this CA issued`;
  return warningAt(at, problem, `if the sender presents a certificate that this CA issued, ${WRITE_OWN}`);
}

/**
 * Returns true if a certification path from the CA may end at the anchor. The policy need not have the CAs between the two. Such a
 * path is impossible only if the CA has the anchor's key, or if the CA is a root that does not name the anchor as its issuer.
 */
function mayCertify({ certificate }: Anchor, authority: Certificate): boolean {
  const isRoot = authority.foldedIssuer === authority.foldedSubject;
  return certificate.spkiSha256 !== authority.spkiSha256 && (!isRoot || namesIssuer(authority, certificate));
}

/**
 * Reports an entry whose `issuer` matches the subject of no anchor, if the trust allows no intermediate CA between anchor and leaf.
 */
function inspectIssuer({ entry: { issuer }, at }: EntryConditions, { anchors, maxChainDepth }: Trust): Finding[] {
  const isDirect = anchors.every(({ certificate }) => maxChainDepth === 1 || certificate.pathLength === 0);
  if (issuer === undefined || anchors.length === 0 || !isDirect) return [];
  if (anchors.some(({ certificate }) => couldBe(certificate.subject, issuer))) return [];
  const remedy =
    maxChainDepth === 1
      ? "write the anchor's subject, or set maxChainDepth to 2 if an intermediate CA issues the certificates"
      : "write the anchor's subject: its path length constraint allows no CA below it";
  return [
    errorAt([...at, "issuer"], "is not one of the sender's anchors, and no other CA may issue certificates", remedy),
  ];
}

/**
 * Returns true if `wanted` matches the name. Compares folded names, as path building does. A certificate may spell its issuer's
 * name differently than the anchor spells it.
 */
function couldBe(name: DistinguishedName, wanted: NonNullable<CertificateMatcherDocument["issuer"]>): boolean {
  if (typeof wanted === "string") return foldName(parseDistinguishedName(wanted)) === foldName(name);
  return Object.entries(wanted).every(([attribute, value]) => {
    const type = parseAttributeType(attribute) ?? attribute;
    const found = name.flat().filter((one) => one.type === type);
    const texts = [value].flat().map((text) => ({ type, text }));
    return foldName([found]) === foldName([texts]);
  });
}

/**
 * Warns of an entry whose `from` is later than the expiry of every anchor. This is not an error, because the anchors can be renewed
 * before that time.
 */
function inspectValidity({ from, at }: EntryConditions, { anchors }: Trust): Finding[] {
  const last = Math.max(...anchors.map(({ certificate }) => certificate.notAfter));
  if (anchors.length === 0 || from <= last) return [];
  const problem = `begins when every anchor of the sender has expired, the last on ${formatTime(last)}`;
  return [
    warningAt([...at, "from"], problem, "add a CA certificate that is valid at that time, or write an earlier from"),
  ];
}

/**
 * Reports an entry if the name constraints of every anchor exclude its names. Only names that the entry states completely are
 * compared.
 */
function inspectConstraints({ entry, at }: EntryConditions, { anchors }: Trust): Finding[] {
  const names = namesOf(entry);
  const isPossible = anchors.some(
    ({ certificate: { nameConstraints } }) =>
      nameConstraints === undefined || satisfiesNameConstraints(names, nameConstraints),
  );
  if (isPossible || anchors.length === 0 || names.length === 0) return [];
  const problem = "the name constraints of every anchor of the sender exclude this name";
  return [errorAt(at, problem, "correct the name, or add the CA that may certify it")];
}

function namesOf({ subject, san = {} }: CertificateMatcherDocument): GeneralName[] {
  const names = (["dns", "email", "uri"] as const).flatMap((kind) =>
    (san[kind] ?? []).map((value): GeneralName => ({ kind, value })),
  );
  if (typeof subject !== "string") return names;
  return [...names, { kind: "directory", name: parseDistinguishedName(subject) }];
}
