// Finds which members the policy schema has at a place.

import { PolicySchema } from "./policy-schema.ts";

/** The parts of a Valibot schema that are read. */
interface Node {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Node>>;
  readonly value?: Node;
  readonly item?: Node;
  readonly wrapped?: Node;
  readonly options?: readonly Node[];
}

/** The member names of the object at a path. Empty if there is no object with known members. */
export function membersAt(path: readonly string[]): string[] {
  return nodesAt(PolicySchema as unknown as Node, path).flatMap(({ entries = {} }) => Object.keys(entries));
}

function nodesAt(node: Node, path: readonly string[]): Node[] {
  if (node.wrapped !== undefined) return nodesAt(node.wrapped, path);
  if (node.type === "union") return (node.options ?? []).flatMap((option) => nodesAt(option, path));
  const [member, ...rest] = path;
  if (member === undefined) return [node];
  const { entries = {}, item, value } = node;
  const next = Object.hasOwn(entries, member) ? entries[member] : (item ?? value);
  return next === undefined ? [] : nodesAt(next, rest);
}
