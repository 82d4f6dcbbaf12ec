// Puts the conditions of an entry of `certificates` into a form that can be compared. The comparison finds entries that repeat or
// include other entries. The code here does not judge certificates.

import { compileCertificateMatcher, normalizeHex } from "../../../core/policy/matcher.ts";
import type { CertificateMatcherDocument } from "../../../core/policy/schema.ts";
import { parseAttributeType } from "../../../core/x509/attribute-types.ts";
import {
  type DistinguishedName,
  formatDistinguishedName,
  parseDistinguishedName,
} from "../../../core/x509/distinguished-name.ts";
import { canonicalIpAddress } from "../../../core/x509/general-name.ts";
import type { Place } from "./finding.ts";

export interface EntryConditions {
  readonly at: Place;
  readonly entry: CertificateMatcherDocument;
  /** The values that a certificate must have. Empty if every certificate matches. */
  readonly conditions: readonly string[];
  /** The conditions, and all conditions that follow from them. For example, a whole subject also determines the CN. */
  readonly consequences: ReadonlySet<string>;
  /**
   * The start of the entry's window in Unix seconds, inclusive. `until` is its end, exclusive. Infinite if the entry sets no limit.
   */
  readonly from: number;
  readonly until: number;
}

export function compiles(entry: CertificateMatcherDocument): boolean {
  try {
    compileCertificateMatcher(entry);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/**
 * The members that `readEntryConditions` reads. If an entry had a member that is not read, two entries that differ only in this
 * member would be reported as a repetition.
 */
type ReadMember = "subject" | "issuer" | "san" | "sha256" | "spkiSha256" | "from" | "until";
type ReadEntry = keyof CertificateMatcherDocument extends ReadMember ? CertificateMatcherDocument : never;

/** Reads the conditions of an entry. The entry must compile. */
export function readEntryConditions(entry: ReadEntry, at: Place): EntryConditions {
  const subject = readName("subject", entry.subject);
  const issuer = readName("issuer", entry.issuer);
  const conditions = [...subject.conditions, ...issuer.conditions, ...sanConditions(entry.san ?? {})];
  for (const member of ["sha256", "spkiSha256"] as const) {
    const digest = entry[member];
    if (digest !== undefined) conditions.push(conditionOf(member, normalizeHex(digest)));
  }
  return {
    at,
    entry,
    conditions,
    consequences: new Set([...conditions, ...subject.consequences, ...issuer.consequences]),
    from: instantOf(entry.from) ?? Number.NEGATIVE_INFINITY,
    until: instantOf(entry.until) ?? Number.POSITIVE_INFINITY,
  };
}

/** Returns the same key for all entries that mean the same, even if their spelling differs. */
export function keyOf({ conditions, from, until }: EntryConditions): string {
  return JSON.stringify([conditions.toSorted(), String(from), String(until)]);
}

export function isSameWindow(a: EntryConditions, b: EntryConditions): boolean {
  return a.from === b.from && a.until === b.until;
}

export function isWindowWithin(inner: EntryConditions, outer: EntryConditions): boolean {
  return outer.from <= inner.from && inner.until <= outer.until;
}

export function haveCommonTime(a: EntryConditions, b: EntryConditions): boolean {
  return Math.max(a.from, b.from) < Math.min(a.until, b.until);
}

/** Finds all entries that accept everything that a given entry accepts. Uses an index, because there may be 100,000 entries. */
export class MatcherIndex {
  readonly #byCondition = new Map<string, EntryConditions[]>();

  /** Indexes each entry by its rarest condition, which is the condition that the fewest other entries have. */
  constructor(entries: readonly EntryConditions[]) {
    const uses = new Map<string, number>();
    const usesOf = (condition: string) => uses.get(condition) ?? 0;
    for (const condition of entries.flatMap(({ conditions }) => conditions)) uses.set(condition, usesOf(condition) + 1);
    for (const entry of entries) {
      const [rarest = ""] = entry.conditions.toSorted((a, b) => usesOf(a) - usesOf(b));
      const filed = this.#byCondition.get(rarest);
      if (filed === undefined) this.#byCondition.set(rarest, [entry]);
      else filed.push(entry);
    }
  }

  /** Returns the entries that match every certificate that `entry` matches. Windows are not compared. */
  impliedBy(entry: EntryConditions): EntryConditions[] {
    return Array.from(entry.consequences, (condition) => this.#byCondition.get(condition) ?? [])
      .flat()
      .filter(({ conditions }) => conditions.every((condition) => entry.consequences.has(condition)));
  }
}

interface NameConditions {
  readonly conditions: readonly string[];
  readonly consequences: readonly string[];
}

function readName(member: "subject" | "issuer", wanted: CertificateMatcherDocument["subject"]): NameConditions {
  if (wanted === undefined) return { conditions: [], consequences: [] };
  if (typeof wanted === "string") {
    const name = parseDistinguishedName(wanted);
    const types = [...new Set(name.flat().map(({ type }) => type))];
    return {
      conditions: [conditionOf(member, formatDistinguishedName(name))],
      consequences: types.map((type) => conditionOf(`${member}.${type}`, textsOf(name, type))),
    };
  }
  const conditions = Object.entries(wanted).map(([attribute, value]) =>
    conditionOf(`${member}.${parseAttributeType(attribute)}`, [value].flat()),
  );
  return { conditions, consequences: [] };
}

/**
 * Returns the values of all attributes of one type. A value that is not text becomes null, because null in JSON differs from every
 * text.
 */
function textsOf(name: DistinguishedName, type: string): (string | null)[] {
  return name
    .flat()
    .filter((attribute) => attribute.type === type)
    .map((attribute) => ("text" in attribute ? attribute.text : null));
}

function sanConditions(san: NonNullable<CertificateMatcherDocument["san"]>): string[] {
  return Object.entries(san).flatMap(([kind, values]) =>
    [...new Set(values)].map((value) =>
      conditionOf(`san.${kind}`, kind === "ip" ? (canonicalIpAddress(value) ?? value) : value),
    ),
  );
}

function conditionOf(member: string, value: unknown): string {
  return `${member}=${JSON.stringify(value)}`;
}

function instantOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text) / 1000;
}
