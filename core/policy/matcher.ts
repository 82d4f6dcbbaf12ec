// Compiles one entry of a sender's `certificates`. The compiled entry is compared with presented certificates. Texts are compared
// exactly, code point by code point. The case folding of RFC 5280 is not used here, because it is only for finding the issuer of a
// certificate.

import { cachedFor } from "../weak-cache.ts";
import { parseAttributeType } from "../x509/attribute-types.ts";
import type { Certificate } from "../x509/certificate.ts";
import { type DistinguishedName, formatDistinguishedName, parseDistinguishedName } from "../x509/distinguished-name.ts";
import { canonicalIpAddress, formatIpAddress, type GeneralName } from "../x509/general-name.ts";
import { PolicyFault, readOrFault } from "./problem.ts";
import type { CertificateMatcherDocument } from "./schema.ts";

export interface CertificateMatcher {
  /** The entry as it is written in the policy, for code that explains a verdict. */
  readonly entry: CertificateMatcherDocument;
  /** The lookup keys of this entry. If a certificate matches the entry, `lookupKeysOf(certificate)` contains all of these keys. */
  readonly keys: readonly string[];
  /**
   * The window of the entry in Unix seconds: `from` is its first second, `until` is the first second after it. -Infinity or
   * Infinity if the policy sets no limit.
   */
  readonly from: number;
  readonly until: number;
  /**
   * True if the entry has a digest and no subject, issuer or SAN. Only such an entry accepts a CA certificate. Its digest is that
   * of one certificate or key, so the entry does not accept the certificates that the CA issued.
   */
  readonly isPin: boolean;
  /** Returns the members of the entry that do not match the certificate, for example `subject.CN`. Empty if the entry matches. */
  failures(certificate: Certificate, now: number): readonly string[];
}

type Check = readonly [
  member: string,
  holds: (certificate: Certificate, now: number) => boolean,
  key?: string | undefined,
];

/**
 * Compiles one entry.
 * @throws PolicyFault that names the member and says what is wrong
 */
export function compileCertificateMatcher(entry: CertificateMatcherDocument): CertificateMatcher {
  const checks: Check[] = [
    ...nameChecks(
      "subject",
      entry.subject,
      ({ subject }) => subject,
      ({ subjectText }) => subjectText,
      lookupKey,
    ),
    ...nameChecks(
      "issuer",
      entry.issuer,
      ({ issuer }) => issuer,
      ({ issuerText }) => issuerText,
    ),
    ...sanChecks(entry.san ?? {}),
  ];
  for (const member of ["sha256", "spkiSha256"] as const) {
    const wanted = entry[member];
    if (wanted === undefined) continue;
    const digest = normalizeHex(wanted);
    checks.push([member, (certificate) => certificate[member] === digest, lookupKey(member, digest)]);
  }
  const from = parseInstant("from", entry.from) ?? -Infinity;
  const until = parseInstant("until", entry.until) ?? Infinity;
  if (from >= until) throw new PolicyFault("no_window");
  checks.push(["from", (_, now) => now >= from], ["until", (_, now) => now < until]);
  return {
    entry,
    keys: checks.flatMap(([, , key]) => key ?? []),
    from,
    until,
    isPin: (entry.subject ?? entry.issuer ?? entry.san) === undefined,
    failures: (certificate, now) => checks.filter(([, holds]) => !holds(certificate, now)).map(([member]) => member),
  };
}

/**
 * Returns the lookup keys of a certificate: one for each digest, one for the whole subject, one for each attribute type of the
 * subject, and one for each SAN.
 */
export const lookupKeysOf = cachedFor(
  ({ sha256, spkiSha256, subject, subjectText, subjectAltNames }: Certificate): ReadonlySet<string> =>
    new Set([
      lookupKey("sha256", sha256),
      lookupKey("spkiSha256", spkiSha256),
      lookupKey("subject", subjectText),
      ...Array.from(valuesByType(subject), ([type, values]) => lookupKey(`subject.${type}`, values)),
      ...subjectAltNames.map((name) => lookupKey(`san.${name.kind}`, sanText(name))),
    ]),
);

function lookupKey(member: string, value: unknown): string {
  return `${member}=${JSON.stringify(value)}`;
}

/** Returns lower-case hex without colons. */
export function normalizeHex(text: string): string {
  return text.replaceAll(":", "").toLowerCase();
}

function nameChecks(
  member: "subject" | "issuer",
  wanted: CertificateMatcherDocument["subject"],
  of: (certificate: Certificate) => DistinguishedName,
  textOf: (certificate: Certificate) => string,
  keyOf: (member: string, value: unknown) => string | undefined = () => undefined,
): Check[] {
  if (wanted === undefined) return [];
  if (typeof wanted === "string") {
    const text = formatDistinguishedName(
      readOrFault("malformed_dn", () => parseDistinguishedName(wanted), `${member}: `),
    );
    return [[member, (certificate) => textOf(certificate) === text, keyOf(member, text)]];
  }
  return Object.entries(wanted).map(([attribute, value]) => {
    const type = parseAttributeType(attribute);
    if (type === undefined) throw new PolicyFault("unknown_attribute", `${member}.${attribute}`);
    const values = typeof value === "string" ? [value] : value;
    return [
      `${member}.${attribute}`,
      (certificate) => isSameList(valuesByType(of(certificate)).get(type), values),
      keyOf(`${member}.${type}`, values),
    ];
  });
}

/** Returns the values of each attribute type, in encoding order. A value that is not text is undefined, and equals no text. */
const valuesByType = cachedFor((name: DistinguishedName): ReadonlyMap<string, readonly (string | undefined)[]> => {
  const all = new Map<string, (string | undefined)[]>();
  for (const attribute of name.flat()) {
    const value = "text" in attribute ? attribute.text : undefined;
    const values = all.get(attribute.type);
    if (values === undefined) all.set(attribute.type, [value]);
    else values.push(value);
  }
  return all;
});

function isSameList(found: readonly (string | undefined)[] | undefined, wanted: readonly string[]): boolean {
  return found?.length === wanted.length && wanted.every((value, index) => value === found[index]);
}

function sanChecks(san: NonNullable<CertificateMatcherDocument["san"]>): Check[] {
  return Object.entries(san).flatMap(([kind, values]) =>
    (values ?? []).map((value): Check => {
      const wanted = kind === "ip" ? canonicalIpAddress(value) : value;
      if (wanted === undefined) throw new PolicyFault("malformed_ip", JSON.stringify(value));
      const key = lookupKey(`san.${kind}`, wanted);
      return [`san.${kind}`, (certificate) => lookupKeysOf(certificate).has(key), key];
    }),
  );
}

function sanText(name: GeneralName): string | undefined {
  if (name.kind === "ip") return formatIpAddress(name.octets);
  return "value" in name ? name.value : undefined;
}

/** Converts a date that is written in the policy to Unix seconds. @throws PolicyFault `no_date` */
export function parseInstant(member: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const date = new Date(text);
  // Some JavaScript engines read 2027-02-30 as a day in March. Therefore, the result is formatted again and compared with the text.
  if (!date.toJSON()?.startsWith(text.replace("Z", ""))) {
    throw new PolicyFault("no_date", `${member} ${JSON.stringify(text)}`);
  }
  return date.getTime() / 1000;
}
