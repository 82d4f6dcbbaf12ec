// Forms describe, as data, what a value from outside must look like. form-reading.ts compares a value with its form. The published
// JSON Schema of the policy is generated from the same form (cli/policy/json-schema.ts).

/** A form without the type of its values, for code that traverses it. */
export interface FormNode {
  /** The name of the expected kind of value, as it is written in the text of a problem. */
  readonly expected: string;
  readonly isKind: (value: unknown) => boolean;
  /** The code that is reported if a value is not of the expected kind. The default is `wrong_kind`. */
  readonly code?: string | undefined;
  readonly rules: readonly Rule<never>[];
  readonly isOptional?: true;
  /** The permitted values. Undefined if all values of the kind are permitted. */
  readonly choices?: readonly unknown[];
  /** The permitted forms. Undefined unless a value may have one of several forms. */
  readonly forms?: readonly FormNode[];
  /** The members of an object. `others` says what happens to all other members. */
  readonly members?: Readonly<Record<string, FormNode>>;
  readonly others?: "refused" | "dropped" | "kept";
  /** The form of the member names of an object whose members may have any names. */
  readonly names?: FormNode;
  /** The form of each item of a list, or of each member's value in an object whose members may have any names. */
  readonly each?: FormNode;
}

/** The code that is reported if a value is not of the expected kind. The text of the problem names this kind. */
export const WRONG_KIND = "wrong_kind";

declare const output: unique symbol;

/** The form of values of the type Output. */
export interface Form<Output> extends FormNode {
  readonly [output]?: Output;
}

interface OptionalForm<Output> extends Form<Output> {
  readonly isOptional: true;
}

export type OutputOf<F> = F extends Form<infer Output> ? Output : never;

export type Members = Readonly<Record<string, Form<unknown>>>;

type OptionalNames<M> = { [Name in keyof M]: M[Name] extends OptionalForm<unknown> ? Name : never }[keyof M];
type ObjectOf<M> = Flat<
  { [Name in Exclude<keyof M, OptionalNames<M>>]: OutputOf<M[Name]> } & {
    [Name in OptionalNames<M>]?: OutputOf<M[Name]> | undefined;
  }
>;
type Flat<T> = { [Name in keyof T]: T[Name] } & {};

/** A condition for a value that is of the right kind. */
export interface Rule<Value> {
  /**
   * The keyword that expresses this rule in a JSON Schema. Undefined if no keyword does. `limit` is the number or pattern of the
   * keyword.
   */
  readonly keyword?: string;
  readonly limit?: number | RegExp;
  readonly holds: (value: Value) => boolean;
  readonly code: string;
  readonly expected?: string;
  /**
   * Only for a rule that requires a member: returns the name of the missing member. A rule with this function is checked even if
   * members of the object are of a wrong kind.
   */
  readonly missing?: (value: Value) => string;
}

export const check = <Value>(holds: (value: Value) => boolean, code: string): Rule<Value> => ({ holds, code });

/** Requires that both members are present, or neither. */
export function together<A extends string, B extends string>(a: A, b: B): Rule<{ [Name in A | B]?: unknown }> {
  return {
    holds: (value) => (value[a] === undefined) === (value[b] === undefined),
    code: "missing",
    missing: (value) => (value[a] === undefined ? a : b),
  };
}

export const regex = (limit: RegExp, code: string): Rule<string> => ({
  keyword: "pattern",
  limit,
  holds: (text) => limit.test(text),
  code,
});

interface Sized {
  readonly length: number;
}

export const notEmpty = (code = "empty"): Rule<Sized> => ({
  keyword: "min",
  limit: 1,
  holds: ({ length }) => length > 0,
  code,
});

export const maxLength = (limit: number, code: string = WRONG_KIND): Rule<Sized> => ({
  keyword: "max",
  limit,
  holds: ({ length }) => length <= limit,
  code,
  expected: `<=${limit}`,
});

export const someMember: Rule<object> = {
  keyword: "min",
  limit: 1,
  holds: (value) => Object.keys(value).length > 0,
  code: "empty",
};

export const wholeNumber: Rule<number> = {
  keyword: "integer",
  holds: Number.isSafeInteger,
  code: WRONG_KIND,
  expected: "a whole number",
};

/** Returns the form of a whole number from `least` to `most`. */
export function whole(least: number, most: number): Form<number> {
  return number(
    wholeNumber,
    { keyword: "min", limit: least, holds: (n) => n >= least, code: WRONG_KIND, expected: `>=${least}` },
    { keyword: "max", limit: most, holds: (n) => n <= most, code: WRONG_KIND, expected: `<=${most}` },
  );
}

function kind<Value>(
  expected: string,
  isKind: (value: unknown) => boolean,
  rules: readonly Rule<Value>[] = [],
): Form<Value> {
  return { expected, isKind, rules };
}

/** Returns the form of all values for which `isKind` returns true. */
export function custom(isKind: (value: unknown) => boolean, code: string): Form<unknown> {
  return or(kind("unknown", isKind), code);
}

const isOfType = (type: string) => (value: unknown) => typeof value === type;
const isObject = (value: unknown) => typeof value === "object" && value !== null;

export const string = (...rules: readonly Rule<string>[]): Form<string> => kind("string", isOfType("string"), rules);
export const number = (...rules: readonly Rule<number>[]): Form<number> =>
  kind("number", (value) => typeof value === "number" && !Number.isNaN(value), rules);
export const boolean = (): Form<boolean> => kind("boolean", isOfType("boolean"));

export function oneOf<const Value extends string>(choices: readonly Value[]): Form<Value> {
  return {
    ...kind(alternatives(choices.map((one) => `"${one}"`)), (value) => choices.includes(value as Value)),
    choices,
  };
}

export function list<Value>(each: Form<Value>, ...rules: readonly Rule<Value[]>[]): Form<Value[]> {
  return { ...kind("Array", Array.isArray, rules), each };
}

export function record<Value>(
  names: Form<string>,
  each: Form<Value>,
  ...rules: readonly Rule<Record<string, Value>>[]
): Form<Record<string, Value>> {
  return { ...kind("Object", isObject, rules), names, each };
}

/** Returns the form of an object with these members and no others. */
export function object<M extends Members>(members: M, ...rules: readonly Rule<ObjectOf<M>>[]): Form<ObjectOf<M>> {
  return { ...kind("Object", isObject, rules), members, others: "refused" };
}

/** Returns the form of an object with these members. Other members are left out of the copy (`dropped`) or copied too (`kept`). */
export function openObject<M extends Members>(members: M, others: "dropped" | "kept"): Form<ObjectOf<M>> {
  return { ...object(members), others };
}

export function either<const F extends readonly Form<unknown>[]>(...forms: F): Form<OutputOf<F[number]>> {
  return { ...kind(alternatives(forms.map(({ expected }) => expected)), () => true), forms };
}

export function optional<Value>(form: Form<Value>): OptionalForm<Value> {
  return { ...form, isOptional: true };
}

/** Returns a copy of the form that reports `code` if a value is not of the expected kind. */
export function or<Value>(form: Form<Value>, code: string): Form<Value> {
  return { ...form, code };
}

function alternatives(all: readonly string[]): string {
  const each = [...new Set(all)];
  return each.length > 1 ? `(${each.join(" | ")})` : String(each[0]);
}
