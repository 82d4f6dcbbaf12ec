// Finds entries of the deny list that deny nothing, or less than they seem to. Such a mistake is dangerous, because the policy
// accepts a certificate that it should refuse. In contrast, a mistake in another part of a policy usually makes the policy refuse
// too much.

import { normalizeHex } from "../../../core/policy/matcher.ts";
import type { Policy } from "../../../core/policy/policy.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { MAX_SERIAL_OCTETS } from "../../../core/wire.ts";
import type { Certificate } from "../../../core/x509/certificate.ts";
import {
  foldName,
  formatDistinguishedName,
  parseDistinguishedName,
  rdnKeysOf,
} from "../../../core/x509/distinguished-name.ts";
import { errorAt, type Finding, type Place, unusedAt, warningAt } from "./finding.ts";
import type { InspectedSender } from "./inspected-sender.ts";

type Entry = NonNullable<PolicyDocument["deny"]>[number];
type Name = ReturnType<typeof parseDistinguishedName>;

const BY_COMMAND = "let countersign policy deny FILE write the entry from the certificate";

/** The parts of the policy that show which certificates an entry can deny. */
interface Known {
  readonly authorities: readonly Certificate[];
  /** The names of known issuers: the subjects and issuers of the anchors, and the issuers in the entries of senders. */
  readonly issuers: readonly Name[];
  /** The subjects in the entries of senders. */
  readonly subjects: readonly Name[];
  readonly digests: Readonly<Record<"sha256" | "spkiSha256", ReadonlySet<string>>>;
  readonly hasCertificates: boolean;
  /** True if the policy accepts only certificates that an anchor issued directly. */
  readonly isDirect: boolean;
}

/**
 * Reports entries of the deny list that have no effect or seem to be mistakes. A superfluous entry is only a warning. An error
 * would keep programs from starting with a policy that denies a certificate in an emergency.
 */
export function inspectDenyList(
  entries: readonly Entry[],
  policy: Policy,
  senders: readonly InspectedSender[],
): Finding[] {
  const known = readKnown(policy, senders);
  const seen = new Map<string, number>();
  return entries.flatMap((entry, index) => {
    const at = ["deny", index];
    const key = keyOf(entry);
    const original = seen.get(key);
    if (original !== undefined) return [warningAt(at, `repeats /deny/${original}`, "remove one of them")];
    seen.set(key, index);
    if (!known.hasCertificates) {
      return [unusedAt(at, "denies nothing: no sender presents a certificate", "remove it")];
    }
    return "serial" in entry
      ? [...inspectSerial(entry.serial, at), ...inspectIssuer(entry, at, known)]
      : inspectDigest(entry, at, known);
  });
}

/** Finds entries of a sender that accept only a denied certificate or key. */
export function inspectDenied({ facts }: InspectedSender, deny: readonly Entry[]): Finding[] {
  const denied = new Map(deny.map((entry, index) => [keyOf(entry), index]));
  return facts.flatMap(({ entry: { sha256, spkiSha256 }, at }) =>
    [...(sha256 === undefined ? [] : [{ sha256 }]), ...(spkiSha256 === undefined ? [] : [{ spkiSha256 }])].flatMap(
      (one) => {
        const by = denied.get(keyOf(one));
        const remedy = "remove the entry, or remove the entry in /deny if that entry is a mistake";
        return by === undefined ? [] : [warningAt([...at, ...Object.keys(one)], `is denied by /deny/${by}`, remedy)];
      },
    ),
  );
}

function readKnown({ anchors }: Policy, senders: readonly InspectedSender[]): Known {
  const authorities = anchors.map(({ certificate }) => certificate);
  const entries = senders.flatMap(({ facts }) => facts.map(({ entry }) => entry));
  const namesIn = (member: "subject" | "issuer") =>
    entries.flatMap((entry) => (typeof entry[member] === "string" ? [parseDistinguishedName(entry[member])] : []));
  const digestsIn = (member: "sha256" | "spkiSha256") =>
    new Set(
      [...authorities, ...entries].flatMap((one) => (one[member] === undefined ? [] : [normalizeHex(one[member])])),
    );
  const rules = senders.flatMap(({ sender }) => sender.certificate ?? []);
  return {
    authorities,
    issuers: [...authorities.flatMap(({ subject, issuer }) => [subject, issuer]), ...namesIn("issuer")],
    subjects: namesIn("subject"),
    digests: { sha256: digestsIn("sha256"), spkiSha256: digestsIn("spkiSha256") },
    hasCertificates: rules.length > 0,
    isDirect: rules.every(
      ({ trust }) =>
        trust.anchors.length > 0 &&
        (trust.maxChainDepth === 1 || trust.anchors.every(({ certificate }) => certificate.pathLength === 0)),
    ),
  };
}

/** Returns a string that is the same for two entries if they deny the same certificates. */
function keyOf(entry: Entry): string {
  if (!("serial" in entry))
    return JSON.stringify(Object.entries(entry).map(([member, hex]) => [member, normalizeHex(hex)]));
  return JSON.stringify([normalizeSerial(entry.serial), keyOfName(entry.issuer)]);
}

function keyOfName(text: string): string {
  const name = parseName(text);
  return name === undefined ? text : foldName(name);
}

function normalizeSerial(text: string): string {
  return normalizeHex(text).replace(/^0+(?=.)/, "");
}

/** Matches a number that is almost certainly decimal, because a hexadecimal number of 20 digits nearly always has a letter. */
const SURELY_DECIMAL = /^\d{20,}$/;

function inspectSerial(serial: string, at: Place): Finding[] {
  const digits = normalizeSerial(serial);
  const remedy = "copy it from openssl x509 -noout -serial";
  if (digits.length > MAX_SERIAL_OCTETS * 2) {
    return [
      errorAt([...at, "serial"], `no certificate has a serial number of more than ${MAX_SERIAL_OCTETS} octets`, remedy),
    ];
  }
  return SURELY_DECIMAL.test(digits)
    ? [warningAt([...at, "serial"], "denies nothing if the number is decimal: it is read as hex", remedy)]
    : [];
}

function inspectIssuer({ serial, issuer }: Extract<Entry, { serial: string }>, at: Place, known: Known): Finding[] {
  const name = parseName(issuer);
  if (name === undefined) return [];
  const key = foldName(name);
  const report = (problem: string, remedy: string) => [
    unusedAt([...at, "issuer"], `denies nothing: ${problem}`, remedy),
  ];
  const ofAuthority = known.authorities.find(
    (one) => one.serial === normalizeSerial(serial) && one.foldedSubject === key && one.foldedIssuer !== key,
  );
  if (ofAuthority !== undefined)
    return report("this is the name of the certificate itself, not of its issuer", `write ${ofAuthority.issuerText}`);
  if (known.issuers.some((one) => foldName(one) === key)) return [];
  const resembled = known.issuers.find((one) => resembles(name, one));
  if (resembled !== undefined) {
    const text = formatDistinguishedName(resembled);
    return report(
      "the policy has a CA with a similar name: the same attributes in another order, or more or fewer attributes",
      `write ${text} if you mean that CA`,
    );
  }
  if (isReversed(name))
    return report("its attributes seem to be in reverse order", `write ${formatDistinguishedName(name.toReversed())}`);
  if (known.subjects.some((one) => foldName(one) === key))
    return report("this is the name of a sender, and a sender issues no certificates", BY_COMMAND);
  return known.isDirect ? report("it is not an anchor, and no other CA may issue certificates", BY_COMMAND) : [];
}

/** Returns true if both names have the same attributes in any order, or if one has all attributes of the other and more. */
function resembles(a: Name, b: Name): boolean {
  const [ofA, ofB] = [new Set(rdnKeysOf(a)), new Set(rdnKeysOf(b))];
  return ofA.isSubsetOf(ofB) || ofB.isSubsetOf(ofA);
}

const COMMON_NAME = "2.5.4.3";
/** C, O and DC. The name of a CA usually begins with one of these attributes. */
const GENERAL: ReadonlySet<string> = new Set(["2.5.4.6", "2.5.4.10", "0.9.2342.19200300.100.1.25"]);

/**
 * Returns true if the author seems to have written the attributes in the wrong order, for example with C first. An RFC 4514 text
 * begins with the attribute that is last in the certificate. This attribute is the most specific one, usually the CN.
 */
function isReversed(name: Name): boolean {
  return name[0]?.[0]?.type === COMMON_NAME && GENERAL.has(name.at(-1)?.[0]?.type ?? "");
}

/** SHA-256 of no octets. `openssl dgst` prints this digest if its input is empty, for example after an error. */
const EMPTY_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

function inspectDigest(
  entry: Exclude<Entry, { serial: string }>,
  at: Place,
  { digests, authorities }: Known,
): Finding[] {
  const [member, other] = "sha256" in entry ? (["sha256", "spkiSha256"] as const) : (["spkiSha256", "sha256"] as const);
  const digest = normalizeHex("sha256" in entry ? entry.sha256 : entry.spkiSha256);
  if (digest === EMPTY_DIGEST)
    return [unusedAt([...at, member], "denies nothing: it is the digest of an empty input", BY_COMMAND)];
  if (!digests[member].has(digest) && digests[other].has(digest)) {
    const problem = `denies nothing: elsewhere in this policy, this digest is a ${other}`;
    return [unusedAt([...at, member], problem, `write { "${other}": "…" }`)];
  }
  if (member === "spkiSha256" || authorities.some(({ sha256 }) => sha256 === digest)) return [];
  const problem = "denies only one certificate: its owner may have another certificate with the same key";
  return [warningAt([...at, member], problem, "deny the key as well: countersign policy deny FILE")];
}

/** Returns undefined if the text is not a name. The compiler has already reported this problem. */
function parseName(text: string): Name | undefined {
  try {
    return parseDistinguishedName(text);
  } catch {
    return undefined;
  }
}
