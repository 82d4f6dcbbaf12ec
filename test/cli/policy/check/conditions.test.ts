// Compares the conditions of entries of `certificates`. Tests which entries are equal, and which entries accept everything that
// another entry accepts.

import assert from "node:assert/strict";
import {
  compiles,
  haveCommonTime,
  isSameWindow,
  isWindowWithin,
  keyOf,
  MatcherIndex,
  readEntryConditions,
} from "../../../../cli/policy/check/conditions.ts";
import type { CertificateMatcherDocument } from "../../../../core/policy/schema.ts";
import { runInNode } from "../../../support/in-node.ts";
import type { Cases } from "../../../support/scenes/certificates.ts";

type Entry = CertificateMatcherDocument;

const factsOf = (entry: Entry) => readEntryConditions(entry, ["certificates", 0]);
const isSame = (a: Entry, b: Entry) => keyOf(factsOf(a)) === keyOf(factsOf(b));
const DIGEST = "AB".repeat(32);
const colons = DIGEST.toLowerCase().match(/../g)?.join(":") ?? "";

/** Returns the indexes of the `others` that accept every certificate that `entry` accepts. */
function impliedBy(entry: Entry, ...others: readonly Entry[]): number[] {
  const facts = others.map(factsOf);
  return new MatcherIndex(facts)
    .impliedBy(factsOf(entry))
    .map((found) => facts.indexOf(found))
    .sort();
}

/** Returns the facts of an entry with a window in January 2027. `from` and `until` are days. `until` is not included. */
const window = (from?: number, until?: number) =>
  factsOf({
    sha256: DIGEST,
    ...(from !== undefined && { from: `2027-01-0${from}` }),
    ...(until !== undefined && { until: `2027-01-0${until}` }),
  });

const cases: Cases = {
  "compiles() returns false for a malformed matcher, and does not hide other errors": () => {
    assert.equal(compiles({ subject: { CN: "a" } }), true);
    const bad: readonly Entry[] = [{ subject: "/CN=a" }, { subject: { XX: "a" } }, { san: { ip: ["x"] } }];
    for (const entry of bad) assert.equal(compiles(entry), false);
    assert.throws(() => compiles(undefined as never), TypeError);
  },
  "entries are equal in different spellings": () => {
    const pairs: readonly (readonly [Entry, Entry])[] = [
      [{ subject: { CN: "a", O: "b" } }, { subject: { o: "b", "2.5.4.3": ["a"] } }],
      [{ subject: "CN=a,O=b" }, { subject: "cn=a,2.5.4.10=b" }],
      [
        { issuer: "CN=a", sha256: DIGEST },
        { sha256: colons, issuer: "cn=a" },
      ],
      [{ spkiSha256: DIGEST }, { spkiSha256: colons }],
      [{ san: { ip: ["2001:DB8::1"] } }, { san: { ip: ["2001:db8:0::1"] } }],
      [{ san: { dns: ["a", "b"] } }, { san: { dns: ["b", "a", "b"] } }],
      [
        { sha256: DIGEST, from: "2027-01-01" },
        { sha256: DIGEST, from: "2027-01-01T00:00:00Z" },
      ],
    ];
    for (const [a, b] of pairs) assert.ok(isSame(a, b), JSON.stringify([a, b]));
  },
  "entries with different conditions are not equal": () => {
    const entries: readonly Entry[] = [
      { subject: { CN: "a" } },
      { subject: { CN: "A" } },
      { subject: { O: "a" } },
      { subject: { CN: ["a", "b"] } },
      { subject: "CN=a" },
      { issuer: { CN: "a" } },
      { issuer: "CN=a" },
      { san: { dns: ["a"] } },
      { san: { email: ["a"] } },
      { san: { uri: ["a"] } },
      { san: { dns: ["0:0:0:0:0:0:0:1"] } },
      { san: { dns: ["::1"] } },
      { san: { ip: ["::1"] } },
      { sha256: DIGEST },
      { spkiSha256: DIGEST },
      { sha256: DIGEST, from: "2027-01-01" },
      { sha256: DIGEST, until: "2027-01-01" },
    ];
    assert.equal(new Set(entries.map((entry) => keyOf(factsOf(entry)))).size, entries.length);
  },
  "an entry with more conditions is implied by one with fewer of them": () => {
    const [wide, other] = [{ subject: { CN: "a" } }, { subject: { CN: "b" } }];
    const narrow = { subject: { CN: "a", O: "o" }, san: { dns: ["d"] } };
    assert.deepEqual(impliedBy(narrow, wide, other, narrow, { san: { dns: ["d"] } }), [0, 2, 3]);
    assert.deepEqual(impliedBy(wide, narrow, other), []);
    assert.deepEqual(impliedBy({ ...narrow, issuer: { CN: "i" } }, wide, { san: { dns: ["d"] } }, narrow), [0, 1, 2]);
    // Windows are not compared, so both entries are found.
    assert.deepEqual(impliedBy(narrow, { ...wide, from: "2027-01-01" }, { ...wide, until: "2028-01-01" }), [0, 1]);
  },
  "a whole name determines each of its attributes, and nothing about the other name": () => {
    const whole = { subject: "CN=a,OU=y,OU=x" };
    assert.deepEqual(impliedBy(whole, { subject: { CN: "a" } }, { subject: { OU: ["x", "y"] } }, whole), [0, 1, 2]);
    assert.deepEqual(impliedBy(whole, { subject: { OU: ["x"] } }, { issuer: { CN: "a" }, sha256: DIGEST }), []);
    const issuer = { issuer: "CN=a", sha256: DIGEST };
    assert.deepEqual(impliedBy(issuer, { subject: { CN: "a" } }, { issuer: { CN: "a" }, sha256: DIGEST }), [1]);
    // The CN does not determine the whole name. A value that is not text is not equal to any text.
    assert.deepEqual(impliedBy({ subject: { CN: "a" } }, { subject: "CN=a" }), []);
    assert.deepEqual(impliedBy({ subject: "CN=#1e020061" }, { subject: { CN: "a" } }, { subject: { CN: "null" } }), []);
  },
  "windows are the same, within one another, or apart": () => {
    const [always, first, second, both] = [window(), window(1, 2), window(2, 3), window(1, 3)];
    assert.ok(isSameWindow(first, window(1, 2)) && isSameWindow(always, window()));
    for (const other of [window(1, 3), window(2), window(1), window(undefined, 2)])
      assert.ok(!isSameWindow(first, other));
    assert.ok(isWindowWithin(first, both) && isWindowWithin(second, both) && isWindowWithin(both, always));
    assert.ok(isWindowWithin(first, first) && !isWindowWithin(both, first) && !isWindowWithin(first, second));
    assert.ok(!isWindowWithin(both, second) && !isWindowWithin(always, both));
    assert.ok(haveCommonTime(first, both) && haveCommonTime(both, second) && haveCommonTime(always, first));
    assert.ok(!haveCommonTime(first, second) && !haveCommonTime(second, first) && haveCommonTime(first, first));
  },
};

await runInNode(cases);
