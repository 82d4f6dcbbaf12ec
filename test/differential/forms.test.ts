// Compares our reader of forms with the library Valibot. This test builds the form of the policy again as a schema of Valibot. Our
// reader and Valibot read the same documents: a sound policy, copies of it with random edits, and random JSON values. Our reader
// must refuse what Valibot refuses, for the same reason at the same place.

import fc from "fast-check";
import * as v from "valibot";
import { expect, test } from "vitest";
import type { FormProblem, Place } from "../../core/configuration-error.ts";
import { formatPointer } from "../../core/configuration-error.ts";
import type { FormNode, Rule } from "../../core/form.ts";
import { readForm } from "../../core/form-reading.ts";
import { PolicySchema } from "../../core/policy/schema.ts";

type Schema = v.GenericSchema<unknown, unknown>;

/** Returns the form as a schema of Valibot. */
function rebuild(form: FormNode): Schema {
  const schema = v.pipe(
    rebuildKind(form),
    ...form.rules.map((rule) => rebuildRule(rule as Rule<unknown>, form)),
  ) as Schema;
  return form.isOptional ? v.optional(schema) : schema;
}

function rebuildKind({ expected, choices, forms, members, names, each }: FormNode): Schema {
  if (forms !== undefined) return v.union(forms.map(rebuild));
  if (choices !== undefined) return v.picklist(choices as string[]);
  if (members !== undefined)
    return v.strictObject(Object.fromEntries(Object.entries(members).map(([name, one]) => [name, rebuild(one)])));
  if (names !== undefined && each !== undefined)
    return v.record(rebuild(names) as v.GenericSchema<string>, rebuild(each));
  if (each !== undefined) return v.array(rebuild(each));
  return { string: v.string(), number: v.number(), boolean: v.boolean() }[expected] as Schema;
}

type Action = v.PipeAction<unknown, unknown, v.BaseIssue<unknown>>;

function rebuildRule(rule: Rule<unknown>, { names, expected }: FormNode): Action {
  const { keyword, limit, code } = rule;
  const message = ["empty", "wrong_kind"].includes(code) ? undefined : code;
  const size = limit as number;
  const ofNumbers = { integer: v.safeInteger(), min: v.minValue(size), max: v.maxValue(size) };
  const ofOthers = { min: names ? v.minEntries(size) : v.minLength(size, message), max: v.maxLength(size, message) };
  const known: Readonly<Record<string, unknown>> = expected === "number" ? ofNumbers : ofOthers;
  const own = limit instanceof RegExp ? v.regex(limit, message) : known[keyword ?? ""];
  return (own ?? rebuildCheck(rule)) as Action;
}

function rebuildCheck({ holds, code, missing }: Rule<unknown>): unknown {
  if (missing === undefined) return v.check(holds, code);
  return v.rawCheck(({ dataset, addIssue }) => {
    const value = Object(dataset.value);
    if (holds(value)) return;
    const path = { type: "object", origin: "value", input: value, key: missing(value), value: undefined } as const;
    addIssue({ message: code, path: [path] });
  });
}

/**
 * Returns Valibot's issues as problems of our reader. If several forms are allowed, returns the issues for the form that fits the
 * kind of the value.
 */
function translate(issues: readonly v.BaseIssue<unknown>[], parent: Place = []): FormProblem[] {
  return issues.flatMap((issue) => {
    const at = [...parent, ...(issue.path?.map(({ key }) => key as string | number) ?? [])];
    const forms = issue.issues ?? [];
    const inside = forms.filter((form) => form.path !== undefined);
    if (inside.length > 0 && inside.length < forms.length) return translate(inside, at);
    return [{ at, ...translateOne(issue) }];
  });
}

function translateOne({ type, message, expected, received }: v.BaseIssue<unknown>): Omit<FormProblem, "at"> {
  if (expected === "never") return { code: "unknown_member" };
  if (received === "undefined") return { code: "missing" };
  if (!message.startsWith("Invalid")) return { code: message };
  if (/^min_(length|entries)$/.test(type)) return { code: "empty" };
  return { code: "wrong_kind", detail: type === "safe_integer" ? "a whole number" : String(expected) };
}

const show = ({ at, code, detail }: FormProblem) => [formatPointer(at), code, ...(detail ? [detail] : [])].join(" ");

/**
 * Removes the problems that Valibot does not report. Of several unknown members of an object, Valibot reports only the first. If
 * several forms are allowed for an object and it fits none of them, Valibot reports no unknown member.
 */
function withoutListed(problems: readonly FormProblem[]): FormProblem[] {
  const seen = new Set<string>();
  return problems.filter(({ at, code, detail }) => {
    const holder = formatPointer(at.slice(0, -1));
    if (detail === "Object") seen.add(formatPointer(at));
    if (code !== "unknown_member") return true;
    return !seen.has(holder) && seen.add(holder);
  });
}

const library = rebuild(PolicySchema);

function compare(document: unknown): number {
  const ours = readForm(PolicySchema, document);
  const theirs = v.safeParse(library, document);
  expect(withoutListed(ours.problems).map(show)).toEqual(translate(theirs.issues ?? []).map(show));
  if (ours.output !== undefined) expect(ours.output).toEqual(theirs.output);
  return ours.problems.length;
}

const SOUND = {
  $schema: "./policy.schema.json",
  anchors: {
    root: "PEM",
    listed: { certificate: "PEM", crls: { sources: ["http://ca.example/a"], freshness: "require" } },
  },
  intermediates: { issuing: "PEM" },
  senders: {
    acme: {
      about: { preset: "acme", sources: ["https://acme.example"], checked: "2026-01-02", note: "none" },
      certificates: [
        {
          subject: { CN: "a", OU: ["b", "c"] },
          issuer: "CN=ca",
          san: { dns: ["a.example"], ip: ["::1"] },
          from: "2026-01-02",
        },
        { sha256: "00".repeat(32), until: "2026-01-02T03:04:05Z" },
      ],
      trust: { anchors: ["root"], platform: true, maxChainDepth: 3 },
      basic: { username: "acme", secret: "ACME_PASSWORD" },
      eventKey: { header: "Webhook-Id" },
      orderKey: { pointers: ["/a/b"] },
    },
    docusign: {
      signature: { scheme: "docusign", accounts: { a: ["A"] }, secrets: ["B", "C"], retired: ["D"] },
      basic: [{ username: "a", secret: "E" }],
    },
  },
  routes: {
    "/hooks/acme": {
      senders: ["acme"],
      methods: ["POST"],
      maxBodyBytes: 10,
      headers: ["X-A"],
      mode: "enforce",
      delivery: "queue",
      answer: "accepted",
      shadow: ["docusign"],
    },
  },
  deny: [{ sha256: "00".repeat(32) }, { spkiSha256: "00".repeat(32) }, { serial: "01:02", issuer: "CN=ca" }],
};

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Returns every place of a document. The document itself comes first. */
function placesOf(value: Json, at: Place = []): Place[] {
  if (typeof value !== "object" || value === null) return [at];
  return [
    at,
    ...Object.entries(value).flatMap(([name, member]) =>
      placesOf(member as Json, [...at, Array.isArray(value) ? Number(name) : name]),
    ),
  ];
}

interface Edit {
  readonly place: Place;
  readonly kind: string;
  readonly name: string;
  readonly value: Json;
}

/** Edits the value at a place, if the place still exists. */
function edit(document: Json, { place, kind, name, value }: Edit): void {
  let holder = document as Record<string, Json>;
  for (const member of place.slice(0, -1)) holder = Object(holder[member]);
  const last = String(place.at(-1));
  const member = Object(holder[last]);
  if (kind === "remove") Reflect.deleteProperty(holder, last);
  else if (kind === "replace") Reflect.set(holder, last, structuredClone(value));
  else Reflect.set(member, Array.isArray(member) ? member.length : name, structuredClone(value));
}

const PLACES = placesOf(SOUND as Json);
const anyName = fc.constantFrom(
  "senders",
  "certificate",
  "secrets",
  "sha256",
  "header",
  "x",
  "",
  "A/b",
  "from",
  "trust",
  "0",
);
const anyValue: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(
    "",
    "x",
    "X",
    "POST",
    "/a",
    0,
    1,
    1.5,
    -1,
    2 ** 60,
    true,
    false,
    null,
    [],
    {},
    [""],
    ["x", "x"],
    [[]],
  ),
  fc
    .constantFrom(...PLACES)
    .map((place) => place.reduce<Json>((value, name) => (value as Record<string, Json>)[name] as Json, SOUND as Json)),
);
const anyEdit = fc.record({
  place: fc.constantFrom(...PLACES.slice(1)),
  kind: fc.constantFrom("replace", "remove", "add", "append"),
  name: anyName,
  value: anyValue,
});

test("a policy with any edits has the same problems as in Valibot", () => {
  expect(compare(SOUND)).toBe(0);
  let refused = 0;
  fc.assert(
    fc.property(fc.array(anyEdit, { minLength: 1, maxLength: 4 }), (edits) => {
      const document = structuredClone(SOUND) as Json;
      for (const one of edits) edit(document, one);
      // An edit can make a list with a hole, which is not JSON. So the document is written and parsed again.
      refused += compare(JSON.parse(JSON.stringify(document))) > 0 ? 1 : 0;
    }),
    { numRuns: 5_000 },
  );
  expect(refused).toBeGreaterThan(2_000);
});

test("values of every kind instead of a policy have the same problems as in Valibot", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => void compare(value)),
    { numRuns: 1_000 },
  );
});
