// Tests the strict reading of JSON: it gives what JSON.parse gives, and refuses each text that two readers could read differently.

import assert from "node:assert/strict";
import fc from "fast-check";
import { Refusal } from "../../../core/refusal.ts";
import { parseStrictJson } from "../../../core/request/strict-json.ts";
import { MAX_JSON_BYTES, MAX_JSON_DEPTH } from "../../../core/wire.ts";
import { type Cases, refused } from "../../support/scenes/certificates.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const read = (text: string) => parseStrictJson(bytes(text));

/** A reader without any shortcut: reads one token after the other, and keeps the names of each open object. */
function oracle(text: string): "repeated" | "distinct" {
  const objects: string[][] = [];
  let rest = text;
  while (rest !== "") {
    const [token = "", name] = /^("(?:[^"\\]|\\[\s\S])*")\s*:|^"(?:[^"\\]|\\[\s\S])*"|^[\s\S]/.exec(rest) ?? [];
    rest = rest.slice(token.length);
    if (token === "{") objects.push([]);
    if (token === "}") objects.pop();
    if (name === undefined) continue;
    const names = objects.at(-1) ?? [];
    if (names.includes(JSON.parse(name))) return "repeated";
    names.push(JSON.parse(name));
  }
  return "distinct";
}

/** Returns how often `run` calls the function `name` of `owner`. The function still does its work. */
function countCalls(owner: object, name: string, run: () => void): number {
  const original: unknown = Reflect.get(owner, name);
  assert.ok(typeof original === "function");
  let calls = 0;
  Reflect.set(owner, name, function (this: unknown, ...values: unknown[]): unknown {
    calls += 1;
    return Reflect.apply(original, this, values);
  });
  try {
    run();
  } finally {
    Reflect.set(owner, name, original);
  }
  return calls;
}

export const cases: Cases = {
  "parseStrictJson() gives what JSON.parse gives": () => {
    for (const text of [
      '{"a":1}',
      "[]",
      "{}",
      ' [1, "a:b", {"a" : [null]}] ',
      '"x"',
      "1",
      '{"":{"":""}}',
      '{"a":"\\"","b":"\\\\"}',
    ])
      assert.deepEqual(read(text), JSON.parse(text), text);
    const within = bytes('x{"a":"b"}x').subarray(1, 10);
    assert.deepEqual(parseStrictJson(within), { a: "b" });
  },
  "parseStrictJson() refuses two members of one name in one object, however they are written": () => {
    for (const text of [
      '{"a":1,"a":1}',
      '{"a":"x","b":[],"a":"x"}',
      '{"a":1,"\\u0061":2}',
      '[{"x":{"a":1,"b":2,"a":3}}]',
      '{"a":{"a":1},"a":2}',
      '{"":1,"":2}',
      '{"a\\"":1,"a\\"":2}',
      '{"a":"\\u0022\\u0022","a":1}',
      '{"__proto__":1,"__proto__":2}',
      '{"1":1,"1":2}',
      '{ "a" : 1 , "a"\n: 2 }',
    ])
      refused("json_repeated_name", () => read(text));
  },
  "parseStrictJson() accepts one name in several objects, and texts that look like names": () => {
    for (const text of [
      '[{"a":1},{"a":2}]',
      '{"a":{"a":{"a":1}}}',
      '{"a":"\\"a\\":1","b":"{\\"a\\":1,\\"a\\":2}"}',
      '{"a":"b","b":"a"}',
      '{"a":"}","b":"\\"}{"}',
      '{"a":1,"A":2,"\\u00e4":3,"a\\u0308":4}',
      '{"a":"\\\\","b":"\\\\\\""}',
    ])
      assert.deepEqual(read(text), JSON.parse(text));
  },
  "parseStrictJson() compares names in a large text with a quote that is escaped": () => {
    const long = "x".repeat(MAX_JSON_BYTES - 100);
    assert.deepEqual(read(`{"a":"\\"","b":"${long}"}`), { a: '"', b: long });
    refused("json_repeated_name", () => read(`{"a":"${long}","a":""}`));
    const many = Array.from({ length: 40_000 }, (_, index) => `"name${index}":"\\""`);
    assert.equal(Object.keys(read(`{${many}}`) as object).length, 40_000);
    refused("json_repeated_name", () => read(`{${many},"name7":1}`));
  },
  "parseStrictJson() reads the names a second time only if there are more quotes than strings need": () => {
    // JSON.parse is called once for the whole text. If the names are read a second time, JSON.parse is also called once for each
    // name.
    const parsed = (text: string) => countCalls(JSON, "parse", () => read(text));
    for (const text of ['{"a":"b"}', '{"a":["b","c",["d"]]}', '{"a":{"b":[1,null,true]},"c":{}}', '[{"a":1},{"a":2}]'])
      assert.equal(parsed(text), 1, text);
    assert.equal(parsed('{"a":"\\"","b":1}'), 3);
  },
  "parseStrictJson() looks for surrogates only if the text has an escape of one": () => {
    const looked = (text: string) => countCalls(String.prototype, "isWellFormed", () => read(text));
    for (const text of ['{"a":"b"}', '{"a":"\\u00e4"}', '{"a":"😀"}']) assert.equal(looked(text), 0, text);
    for (const text of ['{"a":"\\ud83d\\ude00"}', '{"a":"\\uD83D\\uDE00"}']) assert.equal(looked(text), 2, text);
  },
  "parseStrictJson() refuses what is not JSON": () => {
    for (const text of [
      "",
      " ",
      "{",
      "[1,]",
      '{"a":1,}',
      "{'a':1}",
      '{"a":1}x',
      "NaN",
      "01",
      "+1",
      '"\n"',
      '"\\x"',
      "// a\n1",
      "undefined",
    ])
      refused("json_malformed", () => read(text));
  },
  "parseStrictJson() refuses what is not UTF-8, and a byte order mark": () => {
    for (const octets of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0xaf, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
      [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22],
      [0x22, 0xe2, 0x82],
      [0xff, 0xfe, 0x31, 0],
    ])
      refused("json_not_utf8", () => parseStrictJson(Uint8Array.from(octets)));
    refused("json_with_bom", () => read("\uFEFF{}"));
    assert.equal(read('"\uFEFF"'), "\uFEFF");
    refused("json_malformed", () => read(" \uFEFF1"));
  },
  "parseStrictJson() refuses a surrogate that is alone, in names and values": () => {
    for (const text of ['"\\ud800"', '"\\uDFFF"', '{"\\udc00":1}', '["a",{"b":"x\\uD83Dy"}]', '"\\ude00\\ud83d"'])
      refused("json_lone_surrogate", () => read(text));
    assert.equal(read('"\\ud83d\\ude00"'), "😀");
    assert.deepEqual(read('["\\\\ud800"]'), ["\\ud800"]);
  },
  "parseStrictJson() limits depth and size": () => {
    const nested = (depth: number, inside = "") => "[".repeat(depth) + inside + "]".repeat(depth);
    for (const inside of ["", "1", "null", "true", '"x"']) read(nested(MAX_JSON_DEPTH, inside));
    refused("json_too_deep", () => read(nested(MAX_JSON_DEPTH + 1)));
    refused("json_too_deep", () => read(`${'{"a":'.repeat(MAX_JSON_DEPTH + 1)}1${"}".repeat(MAX_JSON_DEPTH + 1)}`));
    refused("json_too_deep", () => read(nested(MAX_JSON_BYTES / 2)));
    read(`"${"a".repeat(MAX_JSON_BYTES - 2)}"`);
    const { details } = refused("json_too_large", () => read(`"${"a".repeat(MAX_JSON_BYTES - 1)}"`));
    assert.deepEqual(details, { bytes: MAX_JSON_BYTES + 1 });
  },
  "parseStrictJson() agrees with JSON.parse and with a reader that keeps all names": () => {
    const name = fc.constantFrom('"a"', '"b"', '"\\u0061"', '"a\\""', '""', '"a:"', '"}"');
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom("1", "null", '"a"', '"\\""', '"\\\\"', '"a\\":1"', '"\\u0022"', '"{"', '""'),
        fc.array(tie("value"), { maxLength: 3 }).map((all) => `[${all.join()}]`),
        fc
          .array(fc.tuple(name, tie("value")), { maxLength: 4 })
          .map((all) => `{${all.map(([key, one]) => `${key} :${one}`).join()}}`),
      ),
    }));
    fc.assert(
      fc.property(value as fc.Arbitrary<string>, (text) => {
        if (oracle(text) === "repeated") refused("json_repeated_name", () => read(text));
        else assert.deepEqual(read(text), JSON.parse(text));
      }),
      { numRuns: 2000 },
    );
  },
  "parseStrictJson() does not crash for any octets": () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.json().map(bytes)), (octets) => {
        try {
          parseStrictJson(octets);
        } catch (error) {
          assert.ok(error instanceof Refusal && error.code.startsWith("json_"));
        }
      }),
      { numRuns: 1000 },
    );
  },
};
