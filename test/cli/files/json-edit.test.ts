// Tests that a changed value changes a JSON text only at the place of the value. The rest of the text stays the same.

import { expect, test } from "vitest";
import { rewriteJson } from "../../../cli/files/json-edit.ts";

const TEXT = `{
    "a": { "one": [1, 2, 3],   "two": {} },
    "b": [
      { "x": 1 },
      { "y": 2 }
    ], "c": "last" }
`;

type Document = Record<string, unknown> & { a: Record<string, unknown>; b: unknown[] };

const changed = (change: (value: Document) => void, text = TEXT) => {
  const value = JSON.parse(text) as Document;
  change(value);
  return rewriteJson(text, value);
};

test.each<readonly [string, (value: Document) => void, string, string]>([
  ["a first entry", ({ a }) => void Object.assign(a, { one: [2, 3] }), "[1, 2, 3]", "[2, 3]"],
  ["a middle entry", ({ a }) => void Object.assign(a, { one: [1, 3] }), "[1, 2, 3]", "[1, 3]"],
  ["a last entry", ({ a }) => void Object.assign(a, { one: [1, 2] }), "[1, 2, 3]", "[1, 2]"],
  ["every entry", ({ a }) => void Object.assign(a, { one: [] }), "[1, 2, 3]", "[]"],
  ["an added entry", ({ a }) => void Object.assign(a, { one: [1, 2, 3, 4] }), "[1, 2, 3]", "[1, 2, 3, 4]"],
  ["one removed and one added", ({ a }) => void Object.assign(a, { one: [2, 3, 1] }), "[1, 2, 3]", "[2, 3, 1]"],
  ["an entry on a line of its own", ({ b }) => void b.pop(), ',\n      { "y": 2 }', ""],
  ["an added line", ({ b }) => void b.push({ z: [] }), '{ "y": 2 }', '{ "y": 2 },\n      { "z": [] }'],
  ["a first member", (value) => void delete value.a["one"], '"one": [1, 2, 3],   ', ""],
  ["a last member", (value) => void delete value["c"], ', "c": "last"', ""],
  ["a value", (value) => void Object.assign(value, { c: "new" }), '"last"', '"new"'],
  ["a value of another kind", (value) => void Object.assign(value.a, { two: ["x"] }), "{} }", '["x"] }'],
  [
    "a member of an empty object",
    ({ a }) => void Object.assign(a, { two: { k: "v" } }),
    '"two": {}',
    '"two": {"k": "v"}',
  ],
  ["a member in a line", (value) => void Object.assign(value, { d: { e: 1 } }), '"last"', '"last", "d": { "e": 1 }'],
  ["nothing", () => {}, "", ""],
])("%s", (_, change, before, after) => {
  expect(TEXT).toContain(before);
  expect(changed(change)).toBe(TEXT.replace(before, () => after));
});

test("a value that is too long for its line gets its own lines", () => {
  const long = "x".repeat(120);
  const lines = changed(({ a }) => void Object.assign(a, { three: { long, list: [1] } })).split("\n");
  expect(lines.slice(1, 7)).toEqual([
    '    "a": { "one": [1, 2, 3],   "two": {},',
    '        "three": {',
    `            "long": "${long}",`,
    '            "list": [1]',
    "        }",
    "    },",
  ]);
});

test("the line ends of the file are kept", () => {
  const text = TEXT.replaceAll("\n", "\r\n");
  expect(changed(({ b }) => void b.push({ long: "x".repeat(120), z: 1 }), text).replaceAll("\r\n", "")).not.toMatch(
    /[\r\n]/,
  );
});
