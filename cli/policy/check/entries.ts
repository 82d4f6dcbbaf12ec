// Finds entries of `certificates` that match nothing, because no certificate can contain their values, and entries that other
// entries make superfluous. A value is an error if our own reader can never read it from a certificate. A value is a warning if RFC
// 5280 forbids it but our reader accepts it.

import { formatPointer } from "../../../core/configuration-error.ts";
import type { CertificateMatcherDocument } from "../../../core/policy/schema.ts";
import { attributeTypeName, parseAttributeType } from "../../../core/x509/attribute-types.ts";
import { parseDistinguishedName } from "../../../core/x509/distinguished-name.ts";
import { canonicalIpAddress } from "../../../core/x509/general-name.ts";
import { type EntryConditions, isSameWindow, isWindowWithin, keyOf } from "./conditions.ts";
import { errorAt, type Finding, type Place, warningAt } from "./finding.ts";
import type { InspectedSender } from "./inspected-sender.ts";

export function inspectMatchers(sender: InspectedSender): Finding[] {
  return [
    ...sender.facts.flatMap(({ entry, at }) => [...inspectValues(entry, at), ...inspectPatterns(entry, at)]),
    ...inspectRepetitions(sender),
  ];
}

/**
 * Matches text from which it is clear that the author expects patterns: a `*`, or regular expression syntax that no name contains.
 */
const PATTERN = /\*|\\[.dwsbS]|^\^|\.\+|\[[a-z0-9]-[a-z0-9]/i;

/**
 * Warns of values that look like patterns. If an entry has a digest, there is no warning. The author of such an entry had the
 * certificate, so a `*` is really part of the name.
 */
function inspectPatterns(
  { subject, issuer, san = {}, sha256, spkiSha256 }: CertificateMatcherDocument,
  at: Place,
): Finding[] {
  if ((sha256 ?? spkiSha256) !== undefined) return [];
  const values = [
    ...Object.entries({ subject, issuer }).flatMap(([member, name]) => valuesOf(name, [...at, member])),
    ...Object.entries(san).flatMap(([kind, names = []]) => valuesOf(names, [...at, "san", kind])),
  ];
  return values.flatMap(([place, value]) => {
    if (!PATTERN.test(value)) return [];
    const problem = `patterns are not supported: ${value.includes("*") ? "a * matches only a *" : "each character matches only itself"}`;
    return [
      warningAt(
        place,
        problem,
        "write each whole value as the certificate has it; if the certificate itself contains this character, add its spkiSha256 to the entry",
      ),
    ];
  });
}

type Name = CertificateMatcherDocument["subject"];

/**
 * Returns the values of a name, with their places. If the name is written as one text, returns only the asterisks in it, because
 * the escapes in such a text look like patterns.
 */
function valuesOf(name: Name | readonly string[], at: Place): (readonly [Place, string])[] {
  if (name === undefined) return [];
  if (typeof name === "string") return [[at, name.replaceAll(/[^*]/g, "")]];
  return Object.entries(name).flatMap(([key, value]: [string, string | readonly string[]]) =>
    [value].flat().map((text, index) => [Array.isArray(value) ? [...at, key, index] : [...at, key], text] as const),
  );
}

function inspectValues({ subject, issuer, san = {} }: CertificateMatcherDocument, at: Place): Finding[] {
  const sanFindings = Object.entries(san).flatMap(([kind, values = []]) =>
    values.flatMap((value, index) => {
      const place = [...at, "san", kind, index];
      if (values.indexOf(value) !== index) return [warningAt(place, "is listed twice", "remove one of them")];
      return kind === "ip" ? [] : inspectSan(kind as SanKind, value, place);
    }),
  );
  return [...inspectName(subject, [...at, "subject"]), ...inspectName(issuer, [...at, "issuer"]), ...sanFindings];
}

function inspectName(wanted: CertificateMatcherDocument["subject"], at: Place): Finding[] {
  if (wanted === undefined) return [];
  if (typeof wanted === "string") {
    const attributes = parseDistinguishedName(wanted).flat();
    return attributes.flatMap((attribute) =>
      "text" in attribute ? inspectAttribute(attribute.type, attribute.text, at) : [],
    );
  }
  const attributes = Object.entries(wanted);
  return attributes.flatMap(([attribute, value], index) => {
    const type = parseAttributeType(attribute) ?? attribute;
    const place = [...at, attribute];
    const other = attributes.slice(0, index).find(([earlier]) => parseAttributeType(earlier) === type)?.[0];
    if (other !== undefined) return [errorAt(place, `is the same attribute as ${other}`, "write the attribute once")];
    if (typeof value === "string") return inspectAttribute(type, value, place);
    return value.flatMap((text, position) => inspectAttribute(type, text, [...place, position]));
  });
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: no certificate that is read holds them
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;
const COUNTRIES: ReadonlySet<string> = new Set(["C", "jurisdictionC"]);
/** Upper bounds of RFC 5280 Appendix A, in characters. */
const UPPER_BOUNDS: Readonly<Record<string, number>> = {
  CN: 64,
  O: 64,
  OU: 64,
  L: 128,
  ST: 128,
  serialNumber: 64,
  title: 64,
  emailAddress: 255,
};

function inspectAttribute(type: string, text: string, at: Place): Finding[] {
  if (CONTROL_CHARACTER.test(text) || !text.isWellFormed()) {
    return [
      errorAt(at, "contains a character that no certificate can contain", "write the value as the certificate has it"),
    ];
  }
  const name = attributeTypeName(type) ?? type;
  if (COUNTRIES.has(name) && text.length !== 2) {
    return [
      warningAt(at, `a country has two letters in certificates (${name})`, "write its ISO 3166 code, for example US"),
    ];
  }
  const bound = UPPER_BOUNDS[name] ?? Number.POSITIVE_INFINITY;
  if (Array.from(text).length <= bound) return [];
  return [
    warningAt(
      at,
      `${name} has at most ${bound} characters in certificates`,
      "compare it with the sender's certificate",
    ),
  ];
}

type SanKind = "dns" | "email" | "uri";

const VISIBLE_ASCII = /^[\u0021-\u007e]*$/;

function inspectSan(kind: SanKind, value: string, at: Place): Finding[] {
  if (!VISIBLE_ASCII.test(value)) {
    const ascii = asciiForms[kind](value);
    const remedy = ascii === undefined ? "write it as the certificate has it" : `write ${JSON.stringify(ascii)}`;
    return [errorAt(at, "in certificates, such names are visible ASCII", remedy)];
  }
  const remedy = misspelling[kind](value);
  return remedy === undefined ? [] : [warningAt(at, `is not in the form of a ${kind} name in certificates`, remedy)];
}

/**
 * Returns the ASCII form in which a certificate contains a Unicode value (RFC 5280 §7.2 to §7.5). Undefined if there is no such
 * form.
 */
const asciiForms: Readonly<Record<SanKind, (value: string) => string | undefined>> = {
  dns: (value) => asciiOrNothing(hostOf(value)),
  email: (value) => {
    const host = hostOf(value.slice(value.lastIndexOf("@") + 1));
    return host && asciiOrNothing(value.slice(0, value.lastIndexOf("@") + 1) + host);
  },
  uri: (value) => asciiOrNothing(URL.parse(value)?.href),
};

function hostOf(value: string): string | undefined {
  return /[\s/?#:@]/.test(value) ? undefined : URL.parse(`https://${value}`)?.hostname;
}

function asciiOrNothing(value: string | undefined): string | undefined {
  return value !== undefined && VISIBLE_ASCII.test(value) ? value : undefined;
}

/**
 * Returns the remedy for a SAN value that does not have the form of its kind (`dns`, `email` or `uri`). Undefined if the value has
 * this form.
 */
const misspelling: Readonly<Record<SanKind, (value: string) => string | undefined>> = {
  dns: (value) => {
    if (canonicalIpAddress(value) !== undefined) return "write it under ip";
    return /[/:@?#]/.test(value) ? "write the host name alone" : undefined;
  },
  email: (value) => (/^[^@]+@[^@]+$/.test(value) ? undefined : "write one mailbox, for example name@example.com"),
  uri: (value) => (URL.parse(value) === null ? "write the whole URI with its scheme" : undefined),
};

/** Finds entries that repeat another entry, or are a special case of another entry. */
function inspectRepetitions({ facts, index }: InspectedSender): Finding[] {
  const known = new Map<string, EntryConditions>();
  return facts.flatMap((entry) => {
    const key = keyOf(entry);
    const original = known.get(key);
    if (original !== undefined)
      return [errorAt(entry.at, `repeats ${formatPointer(original.at)}`, "remove one of them")];
    known.set(key, entry);
    const wider = index
      .impliedBy(entry)
      .find((other) => other !== entry && isWindowWithin(entry, other) && !isToldThere(entry, other));
    if (wider === undefined) return [];
    const problem = `accepts nothing that ${formatPointer(wider.at)} does not accept`;
    return [warningAt(entry.at, problem, "remove it, or remove the other entry if that one accepts too much")];
  });
}

/**
 * Returns true if both entries accept the same certificates and `entry` is the earlier one. Then the finding is reported only at
 * the later entry.
 */
function isToldThere(entry: EntryConditions, other: EntryConditions): boolean {
  const isMutual =
    isSameWindow(entry, other) && entry.conditions.every((condition) => other.consequences.has(condition));
  return isMutual && Number(entry.at.at(-1)) < Number(other.at.at(-1));
}
