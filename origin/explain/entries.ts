// Compares the entries of a sender with the presented certificate, member by member. Each member is judged by the policy's compiled
// matcher, as if the member were an entry of its own.

import { formatPointer } from "../../core/configuration-error.ts";
import { compileCertificateMatcher } from "../../core/policy/matcher.ts";
import type { CertificateRule } from "../../core/policy/policy.ts";
import type { CertificateMatcherDocument } from "../../core/policy/schema.ts";
import { DIAGNOSED_ENTRIES } from "../../core/wire.ts";
import { parseAttributeType } from "../../core/x509/attribute-types.ts";
import type { Certificate } from "../../core/x509/certificate.ts";
import { formatTime } from "../../core/x509/crl.ts";
import { formatDistinguishedName, parseDistinguishedName } from "../../core/x509/distinguished-name.ts";
import { formatIpAddress, type GeneralName } from "../../core/x509/general-name.ts";

export interface MemberExplanation {
  /** The name of the member, as in `nearMiss` of the log. */
  readonly member: string;
  readonly expected: string | readonly string[];
  readonly presented: string | readonly string[];
  readonly holds: boolean;
  /** The reason why the expected and the presented values differ, if this reason is easily overlooked. */
  readonly hint: string | null;
}

export interface EntryExplanation {
  /** The JSON pointer of the entry in the policy. */
  readonly rule: string;
  readonly matches: boolean;
  readonly members: readonly MemberExplanation[];
}

/**
 * Compares the entries of a sender with the certificate. The entry with the fewest differing members is the first. Returns at most
 * `DIAGNOSED_ENTRIES`.
 */
export function compareEntries(
  sender: string,
  { allowlist }: CertificateRule,
  certificate: Certificate,
  now: number,
): EntryExplanation[] {
  return Array.from(allowlist.matchers.entries(), ([index, { entry, failures }]) => ({
    ...{ index, entry },
    failures: failures(certificate, now).length,
  }))
    .toSorted((a, b) => a.failures - b.failures || a.index - b.index)
    .slice(0, DIAGNOSED_ENTRIES)
    .map(({ index, entry, failures }) => ({
      rule: formatPointer(["senders", sender, "certificates", index]),
      matches: failures === 0,
      members: compareMembers(entry, certificate, now),
    }));
}

/** Compares each member of one entry with the corresponding value of the certificate. */
export function compareMembers(
  entry: CertificateMatcherDocument,
  certificate: Certificate,
  now: number,
): MemberExplanation[] {
  return membersOf(entry).map((member) => compareMember(member, certificate, now));
}

export function expectedMembers(entry: CertificateMatcherDocument): Pick<MemberExplanation, "member" | "expected">[] {
  return membersOf(entry).map(([member, expected]) => ({ member, expected }));
}

/** One member of an entry, with a document that has only this member. */
type Member = readonly [name: string, expected: string | readonly string[], document: CertificateMatcherDocument];

function membersOf({ subject, issuer, san, ...rest }: CertificateMatcherDocument): Member[] {
  const names = Object.entries({ subject, issuer }).flatMap(([member, wanted]): Member[] => {
    if (wanted === undefined) return [];
    if (typeof wanted === "string") return [[member, wanted, { [member]: wanted }]];
    return Object.entries(wanted).map(([attribute, value]) => [
      `${member}.${attribute}`,
      value,
      { [member]: { [attribute]: value } },
    ]);
  });
  const alternatives = Object.entries(san ?? {}).flatMap(([kind, values]) =>
    (values ?? []).map((value): Member => [`san.${kind}`, value, { san: { [kind]: [value] } }]),
  );
  const others = Object.entries(rest).flatMap(([member, value]): Member[] =>
    value === undefined ? [] : [[member, value, { [member]: value }]],
  );
  return [...names, ...alternatives, ...others];
}

function compareMember([member, expected, document]: Member, certificate: Certificate, now: number): MemberExplanation {
  const holds = compileCertificateMatcher(document).failures(certificate, now).length === 0;
  const presented = presentedFor(member, certificate, now);
  return { member, expected, presented, holds, hint: holds ? null : hintFor(member, expected, presented) };
}

function presentedFor(member: string, certificate: Certificate, now: number): string | readonly string[] {
  const [kind = "", attribute] = member.split(/\.(.*)/s);
  if (kind === "san")
    return certificate.subjectAltNames.flatMap((name) => (name.kind === attribute ? textOf(name) : []));
  if (kind === "subject" || kind === "issuer") {
    return attribute === undefined ? certificate[`${kind}Text`] : valuesOf(certificate[kind], attribute);
  }
  if (kind === "sha256" || kind === "spkiSha256") return certificate[kind];
  if (member === "from" || member === "until") return formatTime(now);
  throw new Error(`the member ${member} of an entry is not known here`);
}

/** Returns the values of an attribute. A value that is not text matches no entry, and is returned as DER. */
function valuesOf(name: Certificate["subject"], attribute: string): string | readonly string[] {
  const type = parseAttributeType(attribute);
  const values = name
    .flat()
    .filter((one) => one.type === type)
    .map((one) => ("text" in one ? one.text : `not text, DER ${one.der}`));
  return values.length === 1 ? (values[0] ?? "") : values;
}

function textOf(name: GeneralName): string {
  if (name.kind === "ip") return formatIpAddress(name.octets) ?? "";
  return "value" in name ? name.value : "";
}

function hintFor(member: string, expected: string | readonly string[], presented: string | readonly string[]) {
  const wanted = [expected].flat();
  const found = [presented].flat();
  const isAlike = (fold: (text: string) => string) => {
    const folded = found.map(fold);
    return member.startsWith("san.")
      ? wanted.some((text) => folded.includes(fold(text)))
      : wanted.map(fold).join("\n") === folded.join("\n");
  };
  if (isAlike((text) => text.toLowerCase())) return "differs in case alone";
  if (isAlike((text) => text.replace(/\s+/gu, ""))) return "differs in white space alone";
  if (isAlike((text) => text.normalize("NFKC").toLowerCase())) return "looks alike, in other code points";
  if (member === "subject" || member === "issuer")
    return isAlike(sortName) ? "holds the same attributes in another order" : null;
  return found.length === 0 ? "the certificate has none" : null;
}

function sortName(text: string): string {
  return parseDistinguishedName(text)
    .map((rdn) => formatDistinguishedName([rdn]))
    .sort()
    .join();
}
