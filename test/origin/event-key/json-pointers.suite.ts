// Tests the reader of JSON pointers, which does not parse the whole document. The result must be the same as with JSON.parse.

import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_KEYED_DEPTH, MAX_KEYED_VALUE_BYTES, MAX_KEYED_VALUES } from "../../../core/wire.ts";
import { UnreadableBody } from "../../../origin/event-key/json-octets.ts";
import { readPointers } from "../../../origin/event-key/json-pointers.ts";
import type { Cases } from "../../support/scenes/certificates.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Returns the texts at these paths, or "no JSON" if the document cannot be read. */
function read(text: string, paths: readonly (readonly string[])[]): unknown {
  try {
    return readPointers(bytesOf(text), paths);
  } catch (error) {
    assert(error instanceof UnreadableBody);
    return "no JSON";
  }
}

function reference(text: string, paths: readonly (readonly string[])[]): unknown {
  let document: unknown;
  try {
    document = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    return "no JSON";
  }
  return paths.map((path) => {
    let value = document;
    for (const member of path) {
      const isIn = typeof value === "object" && value !== null && Object.hasOwn(value, member);
      value =
        isIn && !(Array.isArray(value) && member === "length") ? (value as Record<string, unknown>)[member] : undefined;
    }
    return ["string", "number", "boolean"].includes(typeof value) ? String(value) : undefined;
  });
}

const names = fc.constantFrom(
  "a",
  "b",
  "é",
  "0",
  "__proto__",
  "length",
  "a\\/b",
  "\\u0061",
  "\\u00e9",
  "\\ud83e\\udd8a",
  "",
);
const blanks = fc.constantFrom("", "", "", " ", "\n", "\r\t");
const scalars = fc.oneof(
  fc.constantFrom("true", "false", "null", "0", "-0", "1e2", "-1.50E-3", "1e999", "12345678901234567890", '""', '"x"'),
  fc.constantFrom('"\\u0000"', '"\\ud800"', '"\\"\\\\\\/\\b"', '"字🦊"'),
  fc.json({ maxDepth: 0 }),
);
/** Makes objects in which a name occurs twice, or in different spellings. No serialiser writes such objects. */
const { documents } = fc.letrec<{ documents: string }>((tie) => ({
  documents: fc.oneof(
    { maxDepth: 4 },
    scalars,
    fc
      .array(fc.tuple(names, tie("documents"), blanks), { maxLength: 4 })
      .map((members) => `{${members.map(([name, value, blank]) => `${blank}"${name}"${blank}:${value}`).join(",")}}`),
    fc
      .array(fc.tuple(tie("documents"), blanks), { maxLength: 3 })
      .map((items) => `[${items.map(([value, blank]) => blank + value).join(",")}]`),
  ),
}));
const members = fc.constantFrom("a", "b", "é", "0", "1", "__proto__", "length", "a/b", "🦊", "");
const paths = fc.array(fc.array(members, { maxLength: 3 }), { minLength: 1, maxLength: 4 });

export const cases: Cases = {
  "readPointers() finds what JSON.parse would, in documents that no serialiser writes": () => {
    fc.assert(
      fc.property(documents, paths, blanks, (text, wanted, blank) => {
        assert.deepEqual(read(blank + text + blank, wanted), reference(blank + text + blank, wanted));
      }),
      { numRuns: 2_000 },
    );
  },
  "readPointers() takes for JSON what JSON.parse does": () => {
    const pieces = fc.constantFrom(
      ...'{}[],:"\\ue0a-+.123tfn \n\u0001\u00e9',
      "true",
      "null",
      "false",
      '"a"',
      "\\u00",
      "\ufeff",
    );
    const broken = fc.array(pieces, { maxLength: 12 }).map((list) => list.join(""));
    const cut = fc.tuple(documents, fc.nat(), fc.nat(2), pieces).map(([text, at, length, piece]) => {
      const start = at % (text.length + 1);
      return text.slice(0, start) + piece + text.slice(start + length);
    });
    fc.assert(
      fc.property(fc.oneof(broken, cut), paths, (text, wanted) => {
        fc.pre(text.isWellFormed());
        assert.deepEqual(read(text, wanted), reference(text, wanted));
      }),
      { numRuns: 4_000 },
    );
  },
  "readPointers() refuses incomplete JSON, and values that no comma separates": () => {
    const broken = [
      '{"a" 1}',
      '{"a":1',
      '{"a":1 "b":2}',
      "[1 2]",
      "[1",
      "{1:2}",
      '{"a":}',
      '{"a":1,}',
      "[1,]",
      "{]",
      "[}",
    ];
    for (const text of [
      ...broken,
      "1 1",
      '"a',
      "tru",
      "nulls",
      "-",
      "1.",
      "1e",
      "01",
      "+1",
      '"\\u00g0"',
      '"\t"',
      "é",
    ]) {
      assert.equal(read(text, [["a"]]), "no JSON", text);
    }
  },
  "readPointers() reports broken UTF-8 anywhere in the document": () => {
    for (const octets of [[0xff], [0x22, 0xc3, 0x22], [0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d]]) {
      const message = "the body is not UTF-8";
      assert.throws(() => readPointers(Uint8Array.from(octets), []), { name: "UnreadableBody", message });
    }
    assert.throws(() => readPointers(bytesOf("[1"), []), { message: "the body is not JSON: see its octet 2" });
  },
  "readPointers() reads a value of 64 KiB including its quotes, and no longer value": () => {
    const value = (octets: number) => `{"a":"${"x".repeat(octets - 2)}","b":"${"y".repeat(MAX_KEYED_VALUE_BYTES)}"}`;
    assert.equal((read(value(MAX_KEYED_VALUE_BYTES), [["a"]]) as string[])[0]?.length, MAX_KEYED_VALUE_BYTES - 2);
    assert.equal(read(value(MAX_KEYED_VALUE_BYTES + 1), [["a"]]), "no JSON");
    assert.deepEqual(read(value(MAX_KEYED_VALUE_BYTES + 1), [["c"]]), [undefined]);
  },
  "readPointers() goes as deep as 500 levels": () => {
    const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    assert.deepEqual(read(nested(MAX_KEYED_DEPTH), [["a"]]), [undefined]);
    assert.equal(read(nested(MAX_KEYED_DEPTH + 1), [["a"]]), "no JSON");
  },
  "readPointers() counts a name with escapes as several values": () => {
    const names = (count: number) => `{${Array(count).fill('"\\u0061":1').join()}}`;
    const most = Math.floor(MAX_KEYED_VALUES / 21);
    assert.deepEqual(read(names(most - 1), [["a"]]), ["1"]);
    assert.equal(read(names(most + 1), [["a"]]), "no JSON");
    // If no path is given, no name is compared, so there is no limit.
    assert.deepEqual(read(names(most + 1), []), []);
  },
  "readPointers() reads the last member with a name, in every spelling, and nothing from earlier ones": () => {
    const path = [["a", "b"]];
    assert.deepEqual(read('{"a":{"b":1},"a":{"b":2}}', path), ["2"]);
    assert.deepEqual(read('{"a":{"b":1},"\\u0061":{"b":2}}', path), ["2"]);
    assert.deepEqual(read('{"a":{"b":1},"a":{}}', path), [undefined]);
    assert.deepEqual(read('{"a":{"b":1},"a":"x"}', path), [undefined]);
  },
};
