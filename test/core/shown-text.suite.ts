// Tests how texts and facts from strangers are made safe to show. Their size is limited, and control characters for a terminal are
// escaped.

import assert from "node:assert/strict";
import fc from "fast-check";
import { bound, boundDetails, cut, escapeControls } from "../../core/shown-text.ts";
import { MAX_LOGGED_CHARACTERS, MAX_LOGGED_DEPTH, MAX_LOGGED_MEMBERS } from "../../core/wire.ts";
import { character } from "../support/arbitraries.ts";
import type { Cases } from "../support/scenes/certificates.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const objectOf = (count: number) => Object.fromEntries(numbers(count).map((index) => [`m${index}`, index]));
const long = "a".repeat(MAX_LOGGED_CHARACTERS);

/** Returns `value` inside `levels` nested lists. */
const inLists = (levels: number, value: unknown): unknown => numbers(levels).reduce<unknown>((inner) => [inner], value);

export const cases: Cases = {
  "escapeControls() does not change other text, in any alphabet": () => {
    for (const text of ["", "plain ~", "é 字 🦊", "a\\u0000"]) assert.equal(escapeControls(text), text);
  },
  "escapeControls() writes invisible characters as their code units": () => {
    const escaped: Readonly<Record<string, string>> = {
      "a\u0000b": "a\\u0000b",
      "\u001f\u007f": "\\u001f\\u007f",
      "é\u009b": "é\\u009b",
      "\u2028\u2029": "\\u2028\\u2029",
      "\u202e\u200b": "\\u202e\\u200b",
      "\u034f": "\\u034f",
      "\u{e0041}": "\\udb40\\udc41",
    };
    for (const [text, expected] of Object.entries(escaped)) assert.equal(escapeControls(text), expected);
  },
  "escapeControls() does not change a value in JSON": () => {
    fc.assert(
      fc.property(fc.string({ unit: character }), (text) => {
        assert.equal(JSON.parse(escapeControls(JSON.stringify(text))), text);
      }),
      { numRuns: 200 },
    );
  },
  "bound() changes only values that are too long, too many or too deep, and those that JSON lacks": () => {
    const kept = [
      ...["", long, 1, true, null, undefined],
      ...[numbers(MAX_LOGGED_MEMBERS), objectOf(MAX_LOGGED_MEMBERS), { [long]: long }],
      inLists(MAX_LOGGED_DEPTH, 1),
    ];
    const changed = [
      ...[`${long}a`, 1n, new Date(0), numbers(MAX_LOGGED_MEMBERS + 1), objectOf(MAX_LOGGED_MEMBERS + 1)],
      ...[{ [`${long}a`]: 1 }, { a: [`${long}a`] }, { a: { b: 1n } }, [{ toJSON: () => 1 }]],
      inLists(MAX_LOGGED_DEPTH + 1, 1),
    ];
    for (const value of kept) assert.deepEqual(bound(value), value);
    for (const value of changed) assert.notDeepEqual(bound(value), value);
  },
  "cut() cuts after a number of characters, never within one": () => {
    assert.equal(cut(long), long);
    assert.equal(cut(`${long}a`), `${long}…`);
    const start = long.slice(1);
    assert.equal(cut(`${start}🦊`), `${start}…`);
    assert.equal(cut(`${start.slice(1)}🦊a`), `${start.slice(1)}🦊…`);
    assert.equal(cut(`\ud800${long}`), `\ud800${long.slice(1)}…`);
  },
  "bound() copies short values unchanged": () => {
    const value = { text: "a", list: [1, true, null, undefined], nested: { a: {} } };
    assert.deepEqual(bound(value), value);
    assert.notEqual(bound(value), value);
  },
  "bound() writes a long number as text, and a date as JSON does": () => {
    assert.equal(bound(12n), "12");
    assert.equal(bound(10n ** 600n), `1${"0".repeat(MAX_LOGGED_CHARACTERS - 1)}…`);
    assert.equal(bound(new Date(0)), "1970-01-01T00:00:00.000Z");
    assert.equal(bound({ toJSON: () => `${long}a` }), `${long}…`);
    assert.deepEqual(bound({ toJSON: 1 }), { toJSON: 1 });
    assert.deepEqual(boundDetails({ at: new Date(0), size: 5n }), { at: "1970-01-01T00:00:00.000Z", size: "5" });
  },
  "bound() also shortens names of members": () => {
    assert.deepEqual(bound({ [`${long}a`]: `${long}b` }), { [`${long}…`]: `${long}…` });
  },
  "bound() shows the first members of a long list or object, and how many more there are": () => {
    assert.deepEqual(bound(numbers(MAX_LOGGED_MEMBERS)), numbers(MAX_LOGGED_MEMBERS));
    assert.deepEqual(bound(numbers(MAX_LOGGED_MEMBERS + 1)), [...numbers(MAX_LOGGED_MEMBERS - 1), "… and 2 more"]);
    assert.deepEqual(bound(objectOf(MAX_LOGGED_MEMBERS)), objectOf(MAX_LOGGED_MEMBERS));
    const shown = { ...objectOf(MAX_LOGGED_MEMBERS - 1), "…": "and 2 more" };
    assert.deepEqual(bound(objectOf(MAX_LOGGED_MEMBERS + 1)), shown);
  },
  "bound() copies only the first levels, of lists and of objects": () => {
    assert.deepEqual(bound(inLists(MAX_LOGGED_DEPTH, "x")), inLists(MAX_LOGGED_DEPTH, "x"));
    assert.deepEqual(bound(inLists(MAX_LOGGED_DEPTH + 1, "x")), inLists(MAX_LOGGED_DEPTH, "…"));
    assert.deepEqual(bound({ a: { b: { c: 1 } } }, 2), { a: { b: "…" } });
    assert.deepEqual(bound([{ a: [1] }], 2), [{ a: "…" }]);
    const wrapped = { toJSON: () => ({ toJSON: () => ({ a: 1 }) }) };
    assert.deepEqual(bound(wrapped, 1), { a: 1 });
  },
  "bound() does not change its own result": () => {
    fc.assert(
      fc.property(fc.anything({ maxDepth: 8, maxKeys: 40 }), (value) => {
        const once = bound(value);
        assert.deepEqual(bound(once), once);
      }),
      { numRuns: 200 },
    );
  },
};
