// Rules: what a value must be, and where it is not.

import assert from "node:assert/strict";
import { inTurn, listOf, must, notEmpty, objectOf, optional, text } from "../../core/rules.ts";
import type { Cases } from "./scene.ts";

const even = must("must be even", (value) => Number(value) % 2 === 0);
const PLACE = ["a/b", 1];

export const cases: Cases = {
  "must() tells what a value is not, and what is missing, at its place": () => {
    assert.deepEqual([even(2), even(1), even(undefined)], [[], ["/: must be even"], ["/: is missing"]]);
    assert.deepEqual([even(1, PLACE), even(undefined, PLACE)], [["/a~1b/1: must be even"], ["/a~1b/1: is missing"]]);
    // A value is not there only where it is undefined.
    for (const value of [null, 0, "", false]) assert.deepEqual(even(value), []);
  },
  "inTurn() tells of the first rule that is broken alone": () => {
    const rule = inTurn(
      even,
      must("must be over 2", (value) => Number(value) > 2),
    );
    assert.deepEqual(
      [1, 2, 4].map((value) => rule(value, ["n"])),
      [["/n: must be even"], ["/n: must be over 2"], []],
    );
  },
  "optional() asks its rule where there is a value": () => {
    assert.deepEqual(
      [undefined, 2, 1, null].map((value) => optional(text("must be string"))(value, ["n"])),
      [[], ["/n: must be string"], ["/n: must be string"], ["/n: must be string"]],
    );
    assert.deepEqual(optional(even)(2), []);
  },
  "text() takes texts that are not empty, and asks of them what it is given": () => {
    for (const value of [1, null, ["a"], {}, new String("a")]) assert.deepEqual(text("a text")(value), ["/: a text"]);
    assert.deepEqual(
      [text("a text")(""), text("a text")("a"), text("a text")(undefined)],
      [["/: must not be empty"], [], ["/: is missing"]],
    );
    const short = text(
      "a text",
      must("too long", (value) => String(value).length < 3),
    );
    assert.deepEqual(
      [short(""), short("ab"), short("abc", PLACE), short(7)],
      [[], [], ["/a~1b/1: too long"], ["/: a text"]],
    );
  },
  "notEmpty() wants at least one": () => {
    assert.deepEqual([notEmpty("none")([]), notEmpty("none")([undefined])], [["/: none"], []]);
  },
  "listOf() tells of each member at its place": () => {
    const rule = listOf(even, "a list", "an empty list");
    assert.deepEqual(rule([2, 1, undefined, 3], ["l"]), [
      "/l/1: must be even",
      "/l/2: is missing",
      "/l/3: must be even",
    ]);
    assert.deepEqual([rule([2]), rule([1])], [[], ["/0: must be even"]]);
    for (const value of ["ab", { length: 1 }, 7, null]) assert.deepEqual(rule(value), ["/: a list"]);
    assert.deepEqual([rule([]), rule(undefined)], [["/: an empty list"], ["/: is missing"]]);
  },
  "objectOf() tells of members that are wrong, missing and, if strict, not known": () => {
    const members = { a: even, b: optional(even) };
    const [strict, loose] = [objectOf(members, { isStrict: true }), objectOf(members, { isStrict: false })];
    for (const rule of [strict, loose]) {
      assert.deepEqual([rule({ a: 2 }), rule({ a: 2, b: 4 })], [[], []]);
      assert.deepEqual(rule({ a: 1, b: 3 }, ["o"]), ["/o/a: must be even", "/o/b: must be even"]);
      assert.deepEqual(rule({}), ["/a: is missing"]);
      for (const value of ["a", 7, null]) assert.deepEqual(rule(value, ["o"]), ["/o: must be Object"]);
      assert.deepEqual(rule(undefined), ["/: is missing"]);
    }
    const more = JSON.parse('{ "a": 2, "c/d": 1, "constructor": 1, "__proto__": 1 }');
    assert.deepEqual(loose(more), []);
    assert.deepEqual(
      strict(more, ["o"]),
      ["c~1d", "constructor", "__proto__"].map((name) => `/o/${name}: is no member that is known here`),
    );
  },
};
