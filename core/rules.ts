// What a value must be, told as problems with their places. For what is read where the schema of the policy is not loaded, so that
// its library need not be either: the worker's bindings and keys.

import { formatPointer } from "./configuration-error.ts";

type Place = readonly (string | number)[];

/** The problems of a value, none where it is as it must be. They quote nothing of it, because it may be a secret. */
export type Rule = (value: unknown, place?: Place) => string[];

export function must(be: string, holds: (value: unknown) => boolean): Rule {
  return (value, place = []) => {
    if (value === undefined) return [`${formatPointer(place)}: is missing`];
    return holds(value) ? [] : [`${formatPointer(place)}: ${be}`];
  };
}

/** The problems of the first rule that it breaks. */
export function inTurn(...rules: readonly Rule[]): Rule {
  return (value, place) => {
    for (const rule of rules) {
      const problems = rule(value, place);
      if (problems.length > 0) return problems;
    }
    return [];
  };
}

export function optional(rule: Rule): Rule {
  return (value, place) => (value === undefined ? [] : rule(value, place));
}

const isText = (value: unknown) => typeof value === "string";

/** A text, which `further` is asked about. */
export function text(be: string, further: Rule = notEmpty("must not be empty")): Rule {
  return inTurn(must(be, isText), further);
}

export function notEmpty(be: string): Rule {
  return must(be, (value) => (value as string | readonly unknown[]).length > 0);
}

/** A list of one or more. */
export function listOf(item: Rule, be: string, empty: string): Rule {
  return inTurn(must(be, Array.isArray), notEmpty(empty), (value, place = []) =>
    (value as unknown[]).flatMap((one, index) => item(one, [...place, index])),
  );
}

/** An object with these members; a strict one with no others. */
export function objectOf(members: Readonly<Record<string, Rule>>, { isStrict }: { readonly isStrict: boolean }): Rule {
  return inTurn(
    must("must be Object", (value) => typeof value === "object" && value !== null),
    (value, place = []) => {
      const held = value as Readonly<Record<string, unknown>>;
      const unknown = isStrict ? Object.keys(held).filter((name) => !Object.hasOwn(members, name)) : [];
      return [
        ...Object.entries(members).flatMap(([name, rule]) => rule(held[name], [...place, name])),
        ...unknown.map((name) => `${formatPointer([...place, name])}: is no member that is known here`),
      ];
    },
  );
}
