// Finds which members the policy schema has at a place.

import type { FormNode } from "../../../core/form.ts";
import { PolicySchema } from "../../../core/policy/schema.ts";

/** Returns the member names of the object at a path. Empty if there is no object with known members. */
export function membersAt(path: readonly string[]): string[] {
  return nodesAt(PolicySchema, path).flatMap(({ members = {} }) => Object.keys(members));
}

function nodesAt(node: FormNode, path: readonly string[]): FormNode[] {
  const { forms, members = {}, each } = node;
  if (forms !== undefined) return forms.flatMap((form) => nodesAt(form, path));
  const [member, ...rest] = path;
  if (member === undefined) return [node];
  const next = Object.hasOwn(members, member) ? members[member] : each;
  return next === undefined ? [] : nodesAt(next, rest);
}
