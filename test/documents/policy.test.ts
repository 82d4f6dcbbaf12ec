// Tests the examples of docs/policy.md. Together they must be one policy that compiles, and that has every member that a policy can
// have.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { issueCertificate } from "../../cli/dev/authority.ts";
import type { SchemaNode } from "../../cli/policy/descriptions.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { ROOT } from "../support/running.ts";
import { readBlocks } from "./blocks.ts";

interface Tree {
  readonly [name: string]: unknown;
}

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Merges two objects. If both objects have a member with the same name, the value of `b` is used. But two inner objects under the
 * same name are merged in the same way.
 */
function merge(a: Tree, b: Tree): Tree {
  const both = Object.entries(b).map(([name, value]) => {
    const other = a[name];
    return [name, isTree(value) && isTree(other) ? merge(other, value) : value];
  });
  return { ...a, ...Object.fromEntries(both) };
}

const blocks = readBlocks(readFileSync(join(ROOT, "docs/policy.md"), "utf8")).filter(
  ({ language }) => language === "json",
);
const examples = blocks.map(({ code }) => JSON.parse(code) as Tree);

test("the examples are one policy that compiles", async () => {
  const { pem } = await issueCertificate({ subject: [{ CN: ["Example CA"] }], ca: {} });
  const text = JSON.stringify(examples.reduce(merge, {}));
  const document = JSON.parse(text.replaceAll(JSON.stringify("-----BEGIN CERTIFICATE-----\n…"), JSON.stringify(pem)));
  const policy = compilePolicy(document);
  expect(policy.senders.length).toBeGreaterThanOrEqual(5);
});

test("every member of the schema is in an example", () => {
  const schema = JSON.parse(readFileSync(join(ROOT, "policy.schema.json"), "utf8")) as SchemaNode;
  const known = new Set(placesOf(schema, ""));
  expect(known.size).toBeGreaterThan(40);
  const shown = new Set(examples.flatMap((example) => membersOf(example, "")));
  expect([...known].filter((place) => !matchesOne(place, shown))).toEqual([]);
});

/**
 * Returns the paths of all members that the schema describes. In a path, `*` stands for a name that the operator chooses, or for an
 * index of a list.
 */
function placesOf(
  { properties = {}, additionalProperties: rest, items, anyOf = [] }: SchemaNode,
  place: string,
): string[] {
  return [
    ...Object.entries(properties).flatMap(([name, node]) => [
      `${place}/${name}`,
      ...placesOf(node, `${place}/${name}`),
    ]),
    ...(typeof rest === "object" ? placesOf(rest, `${place}/*`) : []),
    ...(items === undefined ? [] : placesOf(items, `${place}/*`)),
    ...anyOf.flatMap((node) => placesOf(node, place)),
  ];
}

function membersOf(value: unknown, place: string): string[] {
  if (typeof value !== "object" || value === null) return [place];
  return [
    place,
    ...Object.entries(value).flatMap(([name, member]) => membersOf(member, `${place}/${name.replaceAll("/", "~1")}`)),
  ];
}

function matchesOne(place: string, shown: ReadonlySet<string>): boolean {
  const parts = place.split("/");
  return [...shown].some((text) => {
    const own = text.split("/");
    return own.length === parts.length && parts.every((part, index) => part === "*" || part === own[index]);
  });
}
