// Finds entries that match no certificate which the trust of the sender can prove, because the issuer, the dates or the names
// differ.

import { normalizeHex } from "../../../core/policy/matcher.ts";
import type { Anchor, Policy, Trust } from "../../../core/policy/policy.ts";
import type { CertificateMatcherDocument } from "../../../core/policy/schema.ts";
import { parseAttributeType } from "../../../core/x509/attribute-types.ts";
import { formatTime } from "../../../core/x509/crl.ts";
import { type DistinguishedName, foldName, parseDistinguishedName } from "../../../core/x509/distinguished-name.ts";
import type { GeneralName } from "../../../core/x509/general-name.ts";
import { satisfiesNameConstraints } from "../../../core/x509/name-constraints.ts";
import type { EntryConditions } from "./conditions.ts";
import { errorAt, type Finding, warningAt } from "./finding.ts";
import type { InspectedSender } from "./inspected-sender.ts";

export function inspectTrust({ sender, facts, hasWholeTrust }: InspectedSender, { anchors }: Policy): Finding[] {
  const trust = sender.certificate?.trust;
  if (trust === undefined) return [];
  return facts.flatMap((fact) => [
    ...inspectDigests(fact, anchors),
    ...(hasWholeTrust
      ? [...inspectIssuer(fact, trust), ...inspectValidity(fact, trust), ...inspectConstraints(fact, trust)]
      : []),
  ]);
}

/** Finds the digest of a CA certificate where the digest of the client certificate was meant. */
function inspectDigests({ entry: { sha256, spkiSha256 }, at }: EntryConditions, anchors: readonly Anchor[]): Finding[] {
  const remedy = "write the digest of the sender's own certificate";
  const isAnchor = anchors.some(
    ({ certificate }) => sha256 !== undefined && certificate.sha256 === normalizeHex(sha256),
  );
  if (isAnchor)
    return [errorAt([...at, "sha256"], "is the digest of a CA certificate, not of a sender's certificate", remedy)];
  const isKeyOfAnchor = anchors.some(
    ({ certificate }) => spkiSha256 !== undefined && certificate.spkiSha256 === normalizeHex(spkiSha256),
  );
  return isKeyOfAnchor ? [warningAt([...at, "spkiSha256"], "is the digest of a CA's key", remedy)] : [];
}

/** Reports an issuer that is not an anchor, if the trust allows no intermediate CA between anchor and leaf. */
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
 * Returns true if `wanted` matches the name. Compares folded names, as path building does, because an issuer's spelling may differ
 * from the subject of the anchor.
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
 * Warns of an entry that begins after every anchor has expired. This is not an error, because the anchors can be renewed before the
 * entry begins.
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
