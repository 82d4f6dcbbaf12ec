// Examines a whole policy document: its form, then whether each part compiles, then the meaning of the parts that compile. A part
// with a problem is left out of the later steps, so that one mistake does not hide another.

import type { Place } from "../../../core/configuration-error.ts";
import { compilePolicy, compileSoundParts } from "../../../core/policy/compile.ts";
import { readPolicyForm } from "../../../core/policy/form.ts";
import type { Policy } from "../../../core/policy/policy.ts";
import { PolicyError, type PolicyProblem } from "../../../core/policy/problem.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { errorAt, type Finding } from "./finding.ts";
import { parsePlace, toFinding } from "./remedies.ts";
import { inspectPolicy } from "./senders.ts";

/** The function that compiles the document: compilePolicy(), or compileEdgePolicy(), which has further requirements. */
export type CompilePolicy = (document: unknown) => Policy;

export interface Examination {
  /** The compiled policy. Undefined if the document does not compile. */
  readonly policy: Policy | undefined;
  readonly findings: readonly Finding[];
}

/** Returns everything that is wrong with a document at `now` (Unix seconds). */
export function examinePolicy(document: unknown, now: number, compile: CompilePolicy = compilePolicy): Examination {
  try {
    const policy = compile(document);
    // The cast below is safe, because a document that compiles has the form of the schema.
    return {
      policy,
      findings: [...inspectSections(document), ...inspectPolicy(document as PolicyDocument, policy, now)],
    };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return {
      policy: undefined,
      findings: [...inspectSections(document), ...examineParts(document, error.found, now)],
    };
  }
}

/**
 * Reports sections that are lists instead of objects. The check of the form accepts a list as an object with numbers as names, but
 * nobody writes a list on purpose.
 */
function inspectSections(document: unknown): Finding[] {
  const sections: Readonly<Record<string, unknown>> = Object(document);
  return Object.entries(SECTIONS).flatMap(([section, remedy]) =>
    Array.isArray(sections[section]) ? [errorAt([section], "is a list, but must be an object with names", remedy)] : [],
  );
}

const SECTIONS = {
  anchors: 'write { "NAME": "-----BEGIN CERTIFICATE-----…" }',
  intermediates: 'write { "NAME": "-----BEGIN CERTIFICATE-----…" }',
  senders: 'write { "NAME": { "certificates": […], "trust": {…} } }',
  routes: 'write { "/hooks/acme": { "senders": ["NAME"], "methods": ["POST"] } }',
} as const;

function examineParts(document: unknown, problems: readonly PolicyProblem[], now: number): Finding[] {
  const told = problems.map(toFinding);
  const { output, left } = leaveOutMalformed(document);
  if (output === undefined) return told;
  const { policy, problems: ofParts } = compileSoundParts(output);
  const later = left.length > 0 ? ofParts.filter((problem) => !isConsequence(problem, left)) : [];
  const inspected = inspectPolicy(output, policy, now).filter(
    (finding) => !isOfUse(finding) && !isWithin(parsePlace(finding.pointer), left),
  );
  return [...told, ...later.map(toFinding), ...inspected];
}

/**
 * Returns a copy of the document that has the form of the schema, and the places that were left out of the copy. If no such copy
 * can be made, returns only the places.
 */
function leaveOutMalformed(document: unknown): { output?: PolicyDocument; left: readonly Place[] } {
  const copy = structuredClone(document);
  const left: Place[] = [];
  for (const leaveOut of [replacePart, removePart]) {
    const { output, problems } = readPolicyForm(copy);
    if (output !== undefined) return { output, left };
    for (const problem of problems) left.push(leaveOut(copy, problem));
  }
  const { output } = readPolicyForm(copy);
  return output === undefined ? { left } : { output, left };
}

/**
 * Placeholders replace the parts that are left out, so that the places and names of all other parts stay the same. No certificate
 * matches the entry NO_CERTIFICATE. The window of this entry is later than all other windows, so that it closes no gap between
 * them.
 */
const NO_CERTIFICATE = { sha256: "0".repeat(64), from: "9999-12-30", until: "9999-12-31" };
const NO_SENDER = { signature: { scheme: "github", secrets: ["LEFT_OUT"] } };
const NO_ROUTE = { senders: ["left-out"], methods: ["POST"] };

/**
 * Replaces or removes the smallest part that contains the problem and has a name or an index of its own. Returns the place of this
 * part.
 */
function replacePart(document: unknown, { at, code }: PolicyProblem): Place {
  const [section, , member, index] = at;
  const part = at.slice(0, 2);
  if (code === "unknown_member" || code === "reserved_name") return removeAt(document, at);
  if (section === "senders" && member === "certificates" && index !== undefined)
    return putAt(document, at.slice(0, 4), NO_CERTIFICATE);
  if (section === "senders") return putAt(document, part, NO_SENDER);
  if (section === "routes") return putAt(document, part, NO_ROUTE);
  return section === "deny" ? putAt(document, part, { sha256: NO_CERTIFICATE.sha256 }) : removeAt(document, part);
}

function removePart(document: unknown, { at }: PolicyProblem): Place {
  return removeAt(document, at.slice(0, 2));
}

function putAt(document: unknown, place: Place, value: unknown): Place {
  const holder = holderOf(document, place);
  const last = String(place.at(-1));
  if (place.length > 1 && Object.hasOwn(holder, last)) holder[last] = value;
  return place;
}

function removeAt(document: unknown, place: Place): Place {
  delete holderOf(document, place)[String(place.at(-1))];
  return place;
}

/**
 * Returns the object that contains the member at this place. If there is none, returns a new object, so that a change has no
 * effect.
 */
function holderOf(document: unknown, place: Place): Record<string, unknown> {
  let holder = Object(document);
  for (const member of place.slice(0, -1)) holder = Object(Object.hasOwn(holder, member) ? holder[member] : undefined);
  return holder;
}

/**
 * Returns true if the finding warns of a part that nothing uses. Such a warning may be wrong if another part was left out, because
 * that other part may use it.
 */
function isOfUse({ pointer, severity }: Finding): boolean {
  return severity === "warning" && parsePlace(pointer).length === 2;
}

/**
 * Returns true if the compiler found the problem only because a part was left out. This is so if the place of the problem is in
 * the part that was left out, or if the problem names this part.
 */
function isConsequence({ at, code, detail }: PolicyProblem, left: readonly Place[]): boolean {
  const isOfName = code === "unknown_anchor" || code === "unknown_sender";
  return isWithin(at, left) || (isOfName && left.some(([, name]) => detail === JSON.stringify(name)));
}

function isWithin(place: Place, parts: readonly Place[]): boolean {
  return parts.some((part) => part.every((member, index) => String(place[index]) === String(member)));
}
