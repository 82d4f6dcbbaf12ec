// Checks name constraints (RFC 5280 §4.2.1.10), which say what names an issuer permits in the certificates below it. A constraint
// of an unknown kind, or with a malformed base, permits nothing.

import { cachedFor } from "../weak-cache.ts";
import { MAX_NAME_COMPARISON_OCTETS } from "../wire.ts";
import type { DerReader } from "./der.ts";
import * as TAG from "./der-tags.ts";
import { foldName } from "./distinguished-name.ts";
import { type GeneralName, readGeneralName } from "./general-name.ts";
import { formOf, type Subtree, subtreeOf } from "./subtree.ts";

export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

const SUBTREES = { permitted: TAG.constructed(0), excluded: TAG.constructed(1) };

/** Reads the value of the extension. @throws SyntaxError if the value is malformed or empty, or has `minimum` or `maximum` */
export function readNameConstraints(values: DerReader): NameConstraints {
  return values.members(TAG.sequence, (parts) => {
    if (!parts.hasMore) throw new SyntaxError("NameConstraints is empty");
    const subtrees = (tag: number) => (parts.nextIs(tag) ? parts.list(tag, readSubtree) : []);
    return { permitted: subtrees(SUBTREES.permitted), excluded: subtrees(SUBTREES.excluded) };
  });
}

/** Reads one base name. `minimum` and `maximum` must have their default values (RFC 5280 §4.2.1.10), which DER leaves out. */
function readSubtree(subtrees: DerReader): GeneralName {
  return subtrees.members(TAG.sequence, readGeneralName);
}

/** The constraints by kind, in the form in which names are compared with them. */
interface Rules {
  readonly permitted: ReadonlyMap<GeneralName["kind"], readonly Subtree[]>;
  readonly excluded: ReadonlyMap<GeneralName["kind"], readonly Subtree[]>;
  /**
   * The number of octets in the base names of all constraints. A short base name counts as `LEAST_OCTETS`. This number measures the
   * cost of comparing one name with all constraints.
   */
  readonly octets: number;
}

/**
 * Returns true if every name is permitted. A name is permitted if no excluded subtree contains it. If there are permitted subtrees
 * of the name's kind, one of them must also contain the name. A name that cannot be judged violates every constraint of its kind.
 * If a constraint cannot be judged, or if there are too many names and constraints to compare quickly, returns false.
 */
export function satisfiesNameConstraints(names: readonly GeneralName[], constraints: NameConstraints): boolean {
  const rules = rulesOf(constraints);
  if (rules === undefined || names.length * rules.octets > MAX_NAME_COMPARISON_OCTETS) return false;
  return names.every((name) => {
    const [permitted, excluded] = [rules.permitted.get(name.kind), rules.excluded.get(name.kind)];
    if (permitted === undefined && excluded === undefined) return true;
    const form = formOf(name);
    return (
      form !== undefined &&
      !excluded?.some((isWithin) => isWithin(form)) &&
      (permitted === undefined || permitted.some((isWithin) => isWithin(form)))
    );
  });
}

/** Returns the constraints as rules. Undefined if a base name cannot be judged. */
const rulesOf = cachedFor(({ permitted, excluded }: NameConstraints): Rules | undefined => {
  const [permits, excludes] = [groupByKind(permitted), groupByKind(excluded)];
  if (permits === undefined || excludes === undefined) return undefined;
  const octets = [...permitted, ...excluded].reduce((sum, base) => sum + Math.max(sizeOf(base), LEAST_OCTETS), 0);
  return { permitted: permits, excluded: excludes, octets };
});

function groupByKind(bases: readonly GeneralName[]): Map<GeneralName["kind"], Subtree[]> | undefined {
  const groups = new Map<GeneralName["kind"], Subtree[]>();
  for (const base of bases) {
    const subtree = subtreeOf(base);
    if (subtree === undefined) return undefined;
    const group = groups.get(base.kind);
    if (group === undefined) groups.set(base.kind, [subtree]);
    else group.push(subtree);
  }
  return groups;
}

/** Each base name counts as at least this many octets, so that the number of short names is limited too. */
const LEAST_OCTETS = 64;

function sizeOf(base: GeneralName): number {
  if (base.kind === "directory") return foldName(base.name).length;
  return "value" in base ? base.value.length : LEAST_OCTETS;
}
