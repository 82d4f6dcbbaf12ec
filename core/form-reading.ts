// Compares a value with a form (form.ts), copies the value, and finds every problem. No problem quotes the value.

import { type FormProblem, formatPointer } from "./configuration-error.ts";
import { type Form, type FormNode, type Rule, WRONG_KIND } from "./form.ts";

export interface Reading<Output> {
  /** A copy of the value. Undefined if there are problems. */
  readonly output: Output | undefined;
  readonly problems: readonly FormProblem[];
}

/** Compares a value with a form. Returns a copy of the value, or all problems. */
export function readForm<Output>(form: Form<Output>, value: unknown): Reading<Output> {
  const found = new Findings();
  const copy = read(form, value, found);
  const { problems } = found;
  return { output: problems.length > 0 ? undefined : (copy as Output), problems };
}

/**
 * A problem whose place is relative to the value that is being read. The code that reads the containing object or list puts the
 * name or index of the value in front of the place.
 */
interface Found extends FormProblem {
  readonly at: (string | number)[];
}

/** What was found while a value was read. */
class Findings {
  readonly problems: Found[] = [];
  /**
   * The number of values of a wrong kind, of missing members and of unknown members. Rules about a whole value are checked only if
   * none is inside it. But a rule with the function `missing`, which requires a member, is always checked.
   */
  unsound = 0;

  add(problem: Found): void {
    this.problems.push(problem);
    this.unsound += 1;
  }
}

/** Returns a copy of the value. */
function read(form: FormNode, value: unknown, found: Findings): unknown {
  if (form.isOptional && value === undefined) return value;
  if (form.forms) return readEither(form, form.forms, value, found);
  if (!form.isKind(value)) {
    found.add(otherKind(form, value));
    return value;
  }
  const before = found.unsound;
  const copy = readParts(form, value, found);
  for (const { holds, code, expected, missing } of form.rules as readonly Rule<unknown>[]) {
    if ((found.unsound > before && missing === undefined) || holds(copy)) continue;
    const at = missing === undefined ? [] : [missing(copy)];
    found.problems.push({ at, code, detail: code === WRONG_KIND ? expected : undefined });
  }
  return copy;
}

function otherKind({ code = WRONG_KIND, expected }: FormNode, value: unknown): Found {
  if (value === undefined) return { at: [], code: "missing" };
  return { at: [], code, detail: code === WRONG_KIND ? expected : undefined };
}

/**
 * Reads a value with the first form that fits. If no form fits, reports the problems of the form that was probably meant. If it is
 * not clear which form was meant, reports that the value is of none of the expected kinds. Then also reports each problem inside
 * the value that occurs with every form.
 */
function readEither(form: FormNode, forms: readonly FormNode[], value: unknown, found: Findings): unknown {
  const tried = forms.map((one) => {
    const own = new Findings();
    const copy = read(one, value, own);
    return { copy, ...own };
  });
  const sound = tried.filter(({ unsound }) => unsound === 0);
  const chosen = sound.find(({ problems }) => problems.length === 0) ?? (sound.length === 1 ? sound[0] : undefined);
  if (chosen !== undefined) {
    found.problems.push(...chosen.problems);
    return chosen.copy;
  }
  const [first = [], ...rest] = tried.map(({ problems }) => problems);
  const all = [...first, ...rest.flat()];
  const inside = all.filter(({ at }) => at.length > 0);
  const isInside = inside.length > 0 && inside.length < all.length;
  const ofAll = first.filter(
    (one) => one.at.length > 0 && rest.every((problems) => problems.some((other) => isSame(one, other))),
  );
  found.problems.push(...(isInside ? inside : [otherKind(form, value), ...ofAll]));
  // If several forms are sound, the value itself is of a permitted kind.
  if (sound.length === 0) found.unsound += 1;
  return value;
}

function isSame(one: Found, other: Found): boolean {
  return one.code === other.code && formatPointer(one.at) === formatPointer(other.at);
}

function readParts({ members, others, names, each }: FormNode, value: unknown, found: Findings): unknown {
  if (members !== undefined) return readMembers(members, others, value as object, found);
  if (each === undefined) return value;
  if (names !== undefined) return readRecord(names, each, value as object, found);
  // Unlike map(), this also reads the holes of a list.
  return Array.from(value as unknown[], (item, index) => readAt(index, each, item, found));
}

type Copy = Record<string, unknown>;

function readMembers(
  members: NonNullable<FormNode["members"]>,
  others: FormNode["others"],
  value: object,
  found: Findings,
): Copy {
  const given = value as Readonly<Copy>;
  const copy: Copy = {};
  for (const name in members) {
    const form = members[name] as FormNode;
    if (name in given) copy[name] = readAt(name, form, given[name], found);
    else if (!form.isOptional) found.add({ at: [name], code: "missing" });
  }
  if (others === "dropped") return copy;
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(members, name)) continue;
    if (others === "refused") found.add({ at: [name], code: "unknown_member" });
    else if (!isNatural(name)) copy[name] = given[name];
  }
  return copy;
}

function readRecord(names: FormNode, each: FormNode, value: object, found: Findings): Copy {
  const copy: Copy = {};
  for (const [name, member] of Object.entries(value)) {
    if (isNatural(name)) found.add({ at: [name], code: "reserved_name" });
    else {
      readAt(name, names, name, found);
      copy[name] = readAt(name, each, member, found);
    }
  }
  return copy;
}

/** Reads a member or an item. Puts its name or index in front of the places of the problems found in it. */
function readAt(name: string | number, form: FormNode, value: unknown, found: Findings): unknown {
  const { problems } = found;
  const before = problems.length;
  const copy = read(form, value, found);
  for (let index = before; index < problems.length; index += 1) problems[index]?.at.unshift(name);
  return copy;
}

/**
 * True if JavaScript objects have a member of this name by default, for example `toString`. A document must not use such a name for
 * a member of its own.
 */
export function isNatural(name: string): boolean {
  return name === "prototype" || name in Object.prototype;
}
