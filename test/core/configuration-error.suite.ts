// Tests how the faults of a configuration are listed: each with its place and its kind, but without the received value.

import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigurationError, describeIssues, formatPointer, parsePointer } from "../../core/configuration-error.ts";
import { boolean, either, list, notEmpty, number, object, oneOf, optional, string } from "../../core/form.ts";
import { readForm } from "../../core/form-reading.ts";
import type { Cases } from "../support/scenes/certificates.ts";

const form = object({
  name: string(notEmpty("must not be empty")),
  count: optional(number()),
  list: optional(list(object({ "a/b~c": boolean() }))),
  form: optional(either(string(), object({ kind: oneOf(["x"]), size: number() }))),
});

/** Returns the reported faults of a configuration. */
const told = (document: unknown): string[] => describeIssues(readForm(form, document).problems);

export const cases: Cases = {
  "describeIssues() names the place of each fault, and the value that is required there": () => {
    assert.deepEqual(told({ name: "", count: "secret", list: [{ "a/b~c": true }, { "a/b~c": "secret" }] }), [
      "/name: must not be empty",
      "/count: must be number",
      "/list/1/a~1b~0c: must be boolean",
    ]);
  },
  "describeIssues() reports missing members and unknown members": () => {
    assert.deepEqual(told({ nmae: "secret" }), ["/name: is missing", "/nmae: is no member that is known here"]);
    assert.deepEqual(told(7), ["/: must be Object"]);
  },
  "describeIssues() reports the faults of the form that a value has, if it may have several forms": () => {
    const faults = (value: unknown) => told({ name: "a", form: value });
    assert.deepEqual(faults({ kind: "y", size: "z" }), ['/form/kind: must be "x"', "/form/size: must be number"]);
    assert.deepEqual(faults({ kind: "x" }), ["/form/size: is missing"]);
    assert.deepEqual(faults({ kind: "x", size: 1, more: 1 }), ["/form/more: is no member that is known here"]);
    assert.deepEqual(faults(7), ["/form: must be (string | Object)"]);
  },
  "a ConfigurationError is one text, with a line for each problem": () => {
    const one = new ConfigurationError("policy", ["/a: b"]);
    assert.deepEqual([one.name, one.message, one.problems], ["ConfigurationError", "policy: /a: b", ["/a: b"]]);
    assert.equal(new ConfigurationError("keys", ["/a: b", "/c: d"]).message, "keys: 2 problems\n  - /a: b\n  - /c: d");
    assert.equal(new ConfigurationError("keys", []).message, "keys: 0 problems");
  },
  "formatPointer() and parsePointer() are inverse for all names of members": () => {
    const members = fc.array(fc.string({ unit: fc.constantFrom(..."ab/~01") }), { minLength: 1 });
    fc.assert(
      fc.property(members, (path) => assert.deepEqual(parsePointer(formatPointer(path)), path)),
      { numRuns: 300 },
    );
    assert.equal(formatPointer(["a/b", "~1", 0]), "/a~1b/~01/0");
    assert.deepEqual(parsePointer("/~01~1"), ["~1/"]);
    assert.deepEqual([formatPointer([]), parsePointer("")], ["/", []]);
  },
};
