// Forms: what a value from outside must look like, as data. form-reading.ts compares a value with its form; the published JSON
// Schema of the policy is made of the same form (cli/policy/json-schema.ts).

/** A form without the type of its values, for whoever walks over it. */
export interface FormNode {
  /** What must be there, as the words of a problem say it. */
  readonly expected: string;
  readonly isKind: (value: unknown) => boolean;
  /** The code of a value of another kind, in place of `wrong_kind`. */
  readonly code?: string | undefined;
  readonly rules: readonly Rule<never>[];
  readonly isOptional?: true;
  /** Of one of several values. */
  readonly choices?: readonly unknown[];
  /** Of one of several forms. */
  readonly forms?: readonly FormNode[];
  /** Of an object: its members, and what happens to others. */
  readonly members?: Readonly<Record<string, FormNode>>;
  readonly others?: "refused" | "dropped" | "kept";
  /** Of an object whose members have names of any kind: these. */
  readonly names?: FormNode;
  /** Of such an object or a list: each value. */
  readonly each?: FormNode;
}

/** A code whose words name what must be there. */
export const WRONG_KIND = "wrong_kind";

declare const output: unique symbol;

/** The form of a value that is an Output afterwards. */
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

/** What must hold of a value that is of its kind. */
export interface Rule<Value> {
  /** How a JSON Schema says it, if it can: the keyword, and its number or pattern. */
  readonly keyword?: string;
  readonly limit?: number | RegExp;
  readonly holds: (value: Value) => boolean;
  readonly code: string;
  readonly expected?: string;
  /** The member that is missing if the rule does not hold. Such a rule is checked even if the object has members of a wrong kind. */
  readonly missing?: (value: Value) => string;
}

export const check = <Value>(holds: (value: Value) => boolean, code: string): Rule<Value> => ({ holds, code });

/** Both members, or none of them. */
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

/** A whole number in a range. */
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

/** Whatever `isKind` takes. */
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

/** An object with these members and no others. */
export function object<M extends Members>(members: M, ...rules: readonly Rule<ObjectOf<M>>[]): Form<ObjectOf<M>> {
  return { ...kind("Object", isObject, rules), members, others: "refused" };
}

/** An object with these members. Others are left out of the output, or kept in it. */
export function openObject<M extends Members>(members: M, others: "dropped" | "kept"): Form<ObjectOf<M>> {
  return { ...object(members), others };
}

export function either<const F extends readonly Form<unknown>[]>(...forms: F): Form<OutputOf<F[number]>> {
  return { ...kind(alternatives(forms.map(({ expected }) => expected)), () => true), forms };
}

export function optional<Value>(form: Form<Value>): OptionalForm<Value> {
  return { ...form, isOptional: true };
}

/** The form, with another code for a value of another kind. */
export function or<Value>(form: Form<Value>, code: string): Form<Value> {
  return { ...form, code };
}

function alternatives(all: readonly string[]): string {
  const each = [...new Set(all)];
  return each.length > 1 ? `(${each.join(" | ")})` : String(each[0]);
}
