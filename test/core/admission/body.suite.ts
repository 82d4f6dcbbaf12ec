// Tests the values that a policy requires in the body: pointers with and without `*`, values that are not strings, and the headers
// that describe the type and encoding of the body.

import assert from "node:assert/strict";
import fc from "fast-check";
import { listRule, readJsonBody, verifyBody } from "../../../core/admission/body.ts";
import { parsePointer } from "../../../core/configuration-error.ts";
import { Refusal } from "../../../core/refusal.ts";
import { MAX_JSON_MATCHES } from "../../../core/wire.ts";
import { type Cases, refused, refusedLater } from "../../support/scenes/certificates.ts";
import { certificate, github, judge, KEYS, signedBy, token } from "../../support/scenes/factors.ts";

const ruleOf = (pointer: string, ...values: string[]) =>
  listRule({ pointer, path: parsePointer(pointer), values: new Set(values) });
const verify = (pointer: string, value: unknown, ...values: string[]) =>
  verifyBody([ruleOf(pointer, ...values)], value);
const bytes = (text: string) => new TextEncoder().encode(text);
const JSON_TYPE = { "content-type": "application/json" };
const body = (pointer: string, ...values: string[]) => ({ body: [{ pointer, in: values }] });

export const cases: Cases = {
  "verifyBody() accepts a string of the list, in every element of an array": () => {
    verify("/a", { a: "x" }, "x", "y");
    verify("/a/b", { a: { b: "y" } }, "x", "y");
    verify("/pix/*/chave", { pix: [{ chave: "x" }, { chave: "y", other: 1 }] }, "x", "y");
    verify("/*/chave", [{ chave: "x" }], "x");
    verify("/a/*/*", { a: [["x"], ["x", "x"]] }, "x");
    verify("/a~1b/~0", { "a/b": { "~": "x" } }, "x");
    verify("/__proto__", JSON.parse('{"__proto__":"x"}'), "x");
    verify("/a", { a: "" }, "");
  },
  "verifyBody() refuses a value that is not in the list, and tells the pointer alone": () => {
    const { details } = refused("json_value_not_listed", () => verify("/a", { a: "secret" }, "x"));
    assert.deepEqual(details, { pointer: "/a" });
    for (const value of ["X", "x ", " x", "", "xx", "\u0078\u0301"])
      refused("json_value_not_listed", () => verify("/a", { a: value }, "x"));
    refused("json_value_not_listed", () => verify("/p/*/c", { p: [{ c: "x" }, { c: "z" }, { c: "x" }] }, "x"));
  },
  "verifyBody() finds each text of a list of any length, and no other text": () => {
    for (const length of [1, 7, 8, 9, 100]) {
      const values = Array.from({ length }, (_, index) => `tenant-${index}`);
      for (const listed of values) verify("/a", { a: listed }, ...values);
      for (const other of ["", "tenant-", `tenant-${length}`, "TENANT-0"])
        refused("json_value_not_listed", () => verify("/a", { a: other }, ...values));
    }
    refused("json_value_not_listed", () => verify("/a", { a: "x" }));
  },
  "verifyBody() refuses a pointer that leads nowhere, also in one element alone": () => {
    const nowhere: [string, unknown][] = [
      ["/a", {}],
      ["/a", { A: "x" }],
      ["/a", "x"],
      ["/a", null],
      ["/a/b", { a: "x" }],
      ["/toString", {}],
      ["/length", ["x"]],
      ["/length", "x"],
      ["/0", ["x"]],
      ["/*", { "*": "x" }],
      ["/*", {}],
      ["/*", "x"],
      ["/*", []],
      ["/p/*/c", { p: [] }],
      ["/p/*/c", { p: { c: "x" } }],
      ["/p/*/c", { p: [{ c: "x" }, {}] }],
      ["/p/*/c", { p: [{ c: "x" }, "x"] }],
      ["/p/*/c", { p: [{ c: "x" }, null] }],
      ["/p/*/*", { p: [[], []] }],
    ];
    for (const [pointer, value] of nowhere) {
      const { details } = refused("json_value_missing", () => verify(pointer, value, "x"));
      assert.deepEqual(details, { pointer });
    }
  },
  "verifyBody() refuses a value that is no string": () => {
    for (const value of [1, true, null, ["x"], { x: "x" }, 0])
      assert.deepEqual(refused("json_not_text", () => verify("/a", { a: value }, "x", "1", "true", "null")).details, {
        pointer: "/a",
      });
  },
  "verifyBody() requires every rule": () => {
    const rules = [ruleOf("/a", "x"), ruleOf("/b", "y")];
    verifyBody(rules, { a: "x", b: "y" });
    refused("json_value_not_listed", () => verifyBody(rules, { a: "x", b: "x" }));
    refused("json_value_missing", () => verifyBody(rules, { b: "y" }));
    verifyBody([], undefined);
  },
  "verifyBody() limits the number of matches": () => {
    const list = (length: number) => Array.from({ length }, () => "x");
    verify("/*", list(MAX_JSON_MATCHES), "x");
    const { details } = refused("json_too_many_matches", () => verify("/*", list(MAX_JSON_MATCHES + 1), "x"));
    assert.deepEqual(details, { pointer: "/*" });
  },
  "verifyBody() agrees with a list of all values at the pointer": () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom("x", "y", 1, null),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom("a", "b", "*"), tie("value"), { maxKeys: 3 }),
      ),
    })).value;
    const pointer = fc
      .array(fc.constantFrom("a", "b", "*"), { minLength: 1, maxLength: 3 })
      .map((path) => `/${path.join("/")}`);
    const NOTHING = Symbol("nothing");
    const valuesAt = (at: unknown, [name, ...rest]: readonly string[]): unknown[] => {
      if (name === undefined) return [at];
      if (Array.isArray(at)) return name === "*" ? at.flatMap((one) => valuesAt(one, rest)) : [NOTHING];
      const members = typeof at === "object" && at !== null ? new Map(Object.entries(at)) : new Map();
      return name !== "*" && members.has(name) ? valuesAt(members.get(name), rest) : [NOTHING];
    };
    fc.assert(
      fc.property(value, pointer, (document, at) => {
        const found = valuesAt(document, parsePointer(at));
        const isRight = found.length > 0 && found.every((one) => one === "x");
        const attempt = () => verify(at, document, "x");
        if (isRight) attempt();
        else assert.throws(attempt, Refusal);
      }),
      { numRuns: 2000 },
    );
  },
  "readJsonBody() reads JSON in UTF-8 alone, which is not compressed": () => {
    const readAs = (type: string) => readJsonBody(new Headers({ "content-type": type }), bytes('{"a":1}'));
    for (const type of [
      "application/json",
      "Application/JSON",
      "application/json; charset=utf-8",
      'application/json;charset="UTF-8"',
      "application/cloudevents+json",
      "application/json; odata=x; charset = utf-8 ; a=b",
      "application/vnd.a-b.c+json;v=1",
    ])
      assert.deepEqual(readAs(type), { a: 1 }, type);
    for (const type of [
      "",
      "text/plain",
      "text/json",
      "application/jsonp",
      "application/x-json",
      "application/json-seq",
      "xapplication/json",
      "application/json, text/plain",
      "application/json; charset=utf-16",
      "application/json; charset=iso-8859-1",
      "application/json; charset=utf-8x",
      "application/json; charset=utf-8; charset=utf-16",
      "application/x-www-form-urlencoded; a=application/json",
    ])
      refused("content_not_json", () => readAs(type));
    refused("content_not_json", () => readJsonBody(new Headers(), bytes("{}")));
    for (const encoding of ["gzip", "identity", ""])
      refused("content_encoded", () =>
        readJsonBody(new Headers({ ...JSON_TYPE, "content-encoding": encoding }), bytes("{}")),
      );
    refused("json_malformed", () => readJsonBody(new Headers(JSON_TYPE), bytes("x")));
  },
  "tenants with one certificate are told apart by their bodies": async (fixtures) => {
    const senders = { one: { ...certificate(), ...body("/id", "1") }, two: { ...certificate(), ...body("/id", "2") } };
    const go = (text: string, headers = JSON_TYPE) => judge(fixtures, senders, { headers, body: bytes(text) });
    assert.equal((await go('{"id":"1"}')).sender.name, "one");
    assert.equal((await go('{"id":"2"}')).sender.name, "two");
    const { factors } = await go('{"id":"2"}');
    assert.deepEqual(factors, ["mtls"]);
    await refusedLater("json_value_not_listed", go('{"id":"3"}'));
    await refusedLater("json_repeated_name", go('{"id":"1","id":"2"}'));
    await refusedLater("content_not_json", judge(fixtures, senders, { body: bytes('{"id":"1"}') }));
    const open = { ...senders, three: certificate() };
    const anything = await judge(fixtures, open, { headers: JSON_TYPE, body: bytes("no JSON") });
    assert.equal(anything.sender.name, "three");
  },
  "the body is judged after the signature, and the reason is that of the first sender whose signature passes": async (
    fixtures,
  ) => {
    const senders = { one: { ...github("ONE"), ...body("/a", "1") }, two: { ...github("TWO"), ...body("/b", "2") } };
    const go = (text: string, key: "ONE" | "TWO" | "PASSWORD") =>
      judge(fixtures, senders, {
        leaf: null,
        body: bytes(text),
        headers: { ...JSON_TYPE, ...signedBy(key, bytes(text)) },
      });
    assert.deepEqual((await go('{"b":"2"}', "TWO")).factors, ["hmac"]);
    const { details } = await refusedLater("json_value_missing", go('{"a":"1"}', "TWO"));
    assert.deepEqual(details, { pointer: "/b" });
    await refusedLater("signature_mismatch", go("no JSON", "PASSWORD"));
    const held = { sender: { ...token(), ...body("/a", "1") } };
    const headers = { ...JSON_TYPE, "x-token": KEYS.TOKEN };
    const attempt = { leaf: null, headers, body: bytes('{"a":"1"}') };
    assert.deepEqual((await judge(fixtures, held, attempt)).factors, ["token"]);
    await refusedLater("json_not_text", judge(fixtures, held, { ...attempt, body: bytes('{"a":1}') }));
  },
  "a token in the body must stand in every element, and then is a factor": async (fixtures) => {
    const held = { token: { pointer: "/value/*/clientState", secrets: ["TOKEN", "NEW_TOKEN"] } };
    const state = (...states: unknown[]) => JSON.stringify({ value: states.map((clientState) => ({ clientState })) });
    const go = (text: string, members: object = {}, headers = JSON_TYPE) =>
      judge(fixtures, { sender: { ...held, ...members } }, { leaf: null, headers, body: bytes(text) });
    for (const states of [[KEYS.TOKEN], [KEYS.NEW_TOKEN], [KEYS.TOKEN, KEYS.NEW_TOKEN]])
      assert.deepEqual((await go(state(...states))).factors, ["token"]);
    const pointer = "/value/*/clientState";
    for (const states of [["another"], [""], [KEYS.TOKEN, "another"], [`${KEYS.TOKEN} `], [KEYS.TOKEN.toUpperCase()]]) {
      const { details } = await refusedLater("token_mismatch", go(state(...states)));
      assert.deepEqual(details, { pointer });
    }
    await refusedLater("json_value_missing", go(state()));
    await refusedLater("json_value_missing", go('{"value":[{}]}'));
    await refusedLater("json_not_text", go(state(KEYS.TOKEN, 1)));
    await refusedLater("json_not_text", go(state([KEYS.TOKEN])));
    await refusedLater("json_repeated_name", go(`{"value":[{"clientState":"x","clientState":"${KEYS.TOKEN}"}]}`));
    await refusedLater("content_not_json", go(state(KEYS.TOKEN), {}, { "content-type": "text/plain" }));
    const inHeader = { ...JSON_TYPE, "x-token": KEYS.TOKEN, authorization: `Bearer ${KEYS.TOKEN}` };
    await refusedLater("token_mismatch", go(state("another"), {}, inHeader));
    const listed = { body: [{ pointer: "/value/*/id", in: ["1"] }] };
    await refusedLater("json_value_missing", go(state(KEYS.TOKEN), listed));
    await refusedLater("token_mismatch", go('{"value":[{"id":"1","clientState":"x"}]}', listed));
    const both = await go(`{"value":[{"id":"1","clientState":"${KEYS.TOKEN}"}]}`, listed);
    assert.deepEqual(both.factors, ["token"]);
  },
  "a token in the body is asked for beside other factors, after the signature": async (fixtures) => {
    const held = { ...github("ONE"), token: { pointer: "/state", secrets: ["TOKEN"] } };
    const go = (text: string, key: "ONE" | "TWO") =>
      judge(
        fixtures,
        { sender: held },
        {
          leaf: null,
          body: bytes(text),
          headers: { ...JSON_TYPE, ...signedBy(key, bytes(text)) },
        },
      );
    const text = JSON.stringify({ state: KEYS.TOKEN });
    assert.deepEqual((await go(text, "ONE")).factors, ["hmac", "token"]);
    await refusedLater("signature_mismatch", go(text, "TWO"));
    await refusedLater("token_mismatch", go('{"state":"another"}', "ONE"));
  },
};
