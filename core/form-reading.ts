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
  const problems: Found[] = [];
  const { copy } = read(form, value, problems);
  return { output: problems.length > 0 ? undefined : (copy as Output), problems };
}

/**
 * A problem whose place is relative to the value that is being read. The code that reads the containing object or list puts the
 * name or index of the value in front of the place.
 */
interface Found extends FormProblem {
  readonly at: (string | number)[];
}

interface Part {
  readonly copy: unknown;
  /**
   * True if the value and all its parts are of the right kind. Rules about the whole value are checked only if this is true. But a
   * rule with the function `missing`, which requires a member, is always checked.
   */
  readonly isSound: boolean;
}

function read(form: FormNode, value: unknown, problems: Found[]): Part {
  if (form.isOptional && value === undefined) return { copy: value, isSound: true };
  if (form.forms) return readEither(form, form.forms, value, problems);
  if (!form.isKind(value)) {
    problems.push(otherKind(form, value));
    return { copy: value, isSound: false };
  }
  const part = readParts(form, value, problems);
  for (const { holds, code, expected, missing } of form.rules as readonly Rule<unknown>[]) {
    if ((!part.isSound && missing === undefined) || holds(part.copy)) continue;
    const at = missing === undefined ? [] : [missing(part.copy)];
    problems.push({ at, code, detail: code === WRONG_KIND ? expected : undefined });
  }
  return part;
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
function readEither(form: FormNode, forms: readonly FormNode[], value: unknown, problems: Found[]): Part {
  const tried = forms.map((one) => {
    const found: Found[] = [];
    return { ...read(one, value, found), found };
  });
  const sound = tried.filter(({ isSound }) => isSound);
  const chosen = sound.find(({ found }) => found.length === 0) ?? (sound.length === 1 ? sound[0] : undefined);
  const [first = [], ...rest] = tried.map(({ found }) => found);
  const all = [...first, ...rest.flat()];
  const inside = all.filter(({ at }) => at.length > 0);
  const isInside = inside.length > 0 && inside.length < all.length;
  const ofAll = first.filter(
    (one) => one.at.length > 0 && rest.every((found) => found.some((other) => isSame(one, other))),
  );
  problems.push(...(chosen?.found ?? (isInside ? inside : [otherKind(form, value), ...ofAll])));
  return chosen ?? { copy: value, isSound: sound.length > 0 };
}

function isSame(one: Found, other: Found): boolean {
  return one.code === other.code && formatPointer(one.at) === formatPointer(other.at);
}

function readParts({ members, others, names, each }: FormNode, value: unknown, problems: Found[]): Part {
  if (members !== undefined) return readMembers(members, others, new Whole({}, problems), value as object);
  if (each === undefined) return { copy: value, isSound: true };
  if (names !== undefined) return readRecord(names, each, new Whole({}, problems), value as object);
  const whole = new Whole([], problems);
  for (const [index, item] of (value as unknown[]).entries()) whole.read(index, each, item);
  return whole;
}

function readMembers(
  members: NonNullable<FormNode["members"]>,
  others: FormNode["others"],
  whole: Whole,
  value: object,
): Part {
  const given = value as Readonly<Record<string, unknown>>;
  for (const name in members) {
    const form = members[name] as FormNode;
    if (name in given) whole.read(name, form, given[name]);
    else if (!form.isOptional) whole.refuse(name, "missing");
  }
  if (others === "dropped") return whole;
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(members, name)) continue;
    if (others === "refused") whole.refuse(name, "unknown_member");
    else if (!isNatural(name)) whole.copy[name] = given[name];
  }
  return whole;
}

function readRecord(names: FormNode, each: FormNode, whole: Whole, value: object): Part {
  for (const [name, member] of Object.entries(value)) {
    if (isNatural(name)) whole.refuse(name, "reserved_name");
    else {
      whole.readAt(name, names, name);
      whole.read(name, each, member);
    }
  }
  return whole;
}

/** An object or an array while it is being copied. */
class Whole implements Part {
  readonly copy: Record<string | number, unknown>;
  readonly #problems: Found[];
  isSound = true;

  constructor(copy: object, problems: Found[]) {
    this.copy = copy as Record<string | number, unknown>;
    this.#problems = problems;
  }

  read(name: string | number, form: FormNode, value: unknown): void {
    const part = this.readAt(name, form, value);
    this.copy[name] = part.copy;
    this.isSound &&= part.isSound;
  }

  /** Reads the value of a member, without putting it into the copy. Adds the member's name to the places of the problems found. */
  readAt(name: string | number, form: FormNode, value: unknown): Part {
    const before = this.#problems.length;
    const part = read(form, value, this.#problems);
    for (let index = before; index < this.#problems.length; index += 1) this.#problems[index]?.at.unshift(name);
    return part;
  }

  refuse(name: string, code: string): void {
    this.#problems.push({ at: [name], code });
    this.isSound = false;
  }
}

/**
 * True if JavaScript objects have a member of this name by default, for example `toString`. A document must not use such a name for
 * a member of its own.
 */
export function isNatural(name: string): boolean {
  return name === "prototype" || name in Object.prototype;
}
