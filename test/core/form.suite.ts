// Tests how values from outside are compared with their form: which values are copied, which are refused, and which place in the
// value an error names. test/differential compares the same reader with a library.

import assert from "node:assert/strict";
import {
  check,
  custom,
  either,
  list,
  maxLength,
  notEmpty,
  number,
  object,
  oneOf,
  openObject,
  optional,
  or,
  record,
  regex,
  someMember,
  string,
  together,
  whole,
} from "../../core/form.ts";
import { readForm } from "../../core/form-reading.ts";
import type { Cases } from "../support/scenes/certificates.ts";

type AnyForm = Parameters<typeof readForm>[0];

/** Returns each problem as a text: its code, its place, and the expected value. */
function problemsOf(form: AnyForm, value: unknown): string[] {
  const { output, problems } = readForm(form, value);
  assert.equal(output === undefined, problems.length > 0);
  return problems.map(({ at, code, detail }) => [code, `/${at.join("/")}`, ...(detail ? [detail] : [])].join(" "));
}

const named = record(string(regex(/^[a-z]+$/, "malformed_name")), object({ size: whole(1, 3) }), someMember);

export const cases: Cases = {
  "readForm() makes a deep copy of a value that fits": () => {
    const value = { one: { size: 1 }, two: { size: 3 } };
    const { output } = readForm(named, value);
    assert.deepEqual(output, value);
    assert.notEqual(output?.["one"], value.one);
    const texts = ["a"];
    const copy = readForm(list(string()), texts).output;
    assert.deepEqual(copy, texts);
    assert.notEqual(copy, texts);
  },
  "readForm() finds every problem, each with its place": () => {
    assert.deepEqual(problemsOf(named, { A: { size: 0 }, b: { size: 1.5, more: 1, most: 1 }, c: {}, d: 7 }), [
      "malformed_name /A",
      "wrong_kind /A/size >=1",
      "wrong_kind /b/size a whole number",
      "unknown_member /b/more",
      "unknown_member /b/most",
      "missing /c/size",
      "wrong_kind /d Object",
    ]);
    assert.deepEqual(problemsOf(named, {}), ["empty /"]);
    assert.deepEqual(problemsOf(named, null), ["wrong_kind / Object"]);
    assert.deepEqual(problemsOf(named, undefined), ["missing /"]);
  },
  "readForm() accepts no member name that every object inherits": () => {
    const document = JSON.parse('{ "constructor": { "size": 1 }, "__proto__": { "size": 1 }, "prototype": 7 }');
    assert.deepEqual(problemsOf(named, document), [
      "reserved_name /constructor",
      "reserved_name /__proto__",
      "reserved_name /prototype",
    ]);
    const members = JSON.parse('{ "size": 1, "toString": 1, "__proto__": 1 }');
    assert.deepEqual(problemsOf(object({ size: number() }), members), [
      "unknown_member /toString",
      "unknown_member /__proto__",
    ]);
    const kept = readForm(openObject({}, "kept"), JSON.parse('{ "__proto__": { "admin": 1 }, "a": 1 }')).output;
    assert.deepEqual(Object.getOwnPropertyNames(kept), ["a"]);
    assert.equal(Object.getPrototypeOf(kept), Object.prototype);
  },
  "readForm() refuses, drops or keeps members that are not in the form": () => {
    const members = { a: optional(string()) };
    const value = { a: "1", b: 2 };
    assert.deepEqual(problemsOf(object(members), value), ["unknown_member /b"]);
    assert.deepEqual(readForm(openObject(members, "dropped"), value).output, { a: "1" });
    assert.deepEqual(readForm(openObject(members, "kept"), value).output, value);
    assert.deepEqual(readForm(object(members), {}).output, {});
  },
  "readForm() reports the problems within the form that is meant, if there are several forms": () => {
    const pair = object({ user: string(notEmpty()), secret: string() });
    const form = either(pair, list(pair, notEmpty()));
    assert.deepEqual(readForm(form, [{ user: "a", secret: "b" }]).output, [{ user: "a", secret: "b" }]);
    assert.deepEqual(problemsOf(form, { user: "a" }), ["missing /secret"]);
    assert.deepEqual(problemsOf(form, { user: "", secret: "b" }), ["empty /user"]);
    assert.deepEqual(problemsOf(form, []), ["empty /"]);
    assert.deepEqual(problemsOf(form, "a"), ["wrong_kind / (Object | Array)"]);
    const oneOfTwo = either(object({ a: string() }), object({ b: string() }));
    assert.deepEqual(problemsOf(oneOfTwo, { a: "1", b: "2" }), ["wrong_kind / Object"]);
    assert.deepEqual(problemsOf(oneOfTwo, { a: "1", c: "2" }), ["wrong_kind / Object", "unknown_member /c"]);
    assert.deepEqual(problemsOf(object({ of: oneOfTwo }), {}), ["missing /of"]);
    const bounded = either(string(maxLength(2)), string(regex(/^b*$/, "no_b")));
    assert.deepEqual(problemsOf(bounded, "aaa"), ["wrong_kind / string"]);
    assert.equal(readForm(bounded, "bbb").output, "bbb");
  },
  "readForm() applies a rule of the whole only if every part has the right kind": () => {
    const asked: unknown[] = [];
    const form = object(
      { a: optional(string(maxLength(1))), b: optional(string()) },
      together("a", "b"),
      check((value) => asked.push(value) < 0, "never"),
    );
    assert.deepEqual(problemsOf(form, { a: "1", b: "2" }), ["never /"]);
    assert.deepEqual(problemsOf(form, { a: "long", b: "2" }), ["wrong_kind /a <=1", "never /"]);
    assert.equal(asked.length, 2);
    assert.deepEqual(problemsOf(form, { b: 1 }), ["wrong_kind /b string", "missing /a"]);
    assert.deepEqual(problemsOf(form, { a: "1", c: 1 }), ["unknown_member /c", "missing /b"]);
    assert.equal(asked.length, 2);
  },
  "readForm() accepts only values of the right kind": () => {
    for (const value of [Number.NaN, "1", true, null, [], {}])
      assert.deepEqual(problemsOf(number(), value), ["wrong_kind / number"]);
    for (const value of [2 ** 53, 0.5, Number.POSITIVE_INFINITY, 1e300])
      assert.equal(problemsOf(whole(0, 2 ** 60), value)[0], "wrong_kind / a whole number");
    assert.deepEqual(problemsOf(whole(0, 10), 11), ["wrong_kind / <=10"]);
    assert.deepEqual(problemsOf(oneOf(["a", "b"]), "A"), ['wrong_kind / ("a" | "b")']);
    assert.deepEqual(problemsOf(oneOf(["a"]), ["a"]), ['wrong_kind / "a"']);
    assert.deepEqual(problemsOf(list(string()), { 0: "a", length: 1 }), ["wrong_kind / Array"]);
    assert.deepEqual(problemsOf(list(string()), Array.of("a").concat(new Array<string>(1))), ["missing /1"]);
    assert.deepEqual(problemsOf(or(string(notEmpty()), "a text"), 7), ["a text /"]);
    assert.deepEqual(problemsOf(or(string(notEmpty()), "a text"), ""), ["empty /"]);
    assert.deepEqual(
      problemsOf(
        custom((value) => value instanceof URL, "a URL"),
        {},
      ),
      ["a URL /"],
    );
  },
};
