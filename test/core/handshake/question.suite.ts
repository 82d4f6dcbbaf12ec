// Tests how a challenge is read. A value must occur exactly once, must not be too long, and may have only characters that an answer
// may repeat or sign.

import assert from "node:assert/strict";
import {
  answerHeaders,
  answerJson,
  answerText,
  echoable,
  formatAnswer,
  Question,
  signable,
} from "../../../core/handshake/question.ts";
import { type Cases, refused } from "../../support/scenes/certificates.ts";

const ask = (query = "", headers: Record<string, string> = {}, body?: string) =>
  new Question(
    { method: "POST", headers: new Headers(headers) },
    new URL(`https://hooks.example.com/a${query}`),
    body === undefined ? undefined : new TextEncoder().encode(body),
  );

const LONGEST = "a".repeat(512);

export const cases: Cases = {
  "a question has the parts of its request, and no body before it is read": () => {
    const question = ask("?a=1", { b: "2" });
    assert.deepEqual([question.method, question.url.search, question.headers.get("b")], ["POST", "?a=1", "2"]);
    assert.equal(question.body.length, 0);
    assert.deepEqual(question.json(), {});
    assert.equal(ask("", {}, "abc").body.length, 3);
  },
  "has() finds a parameter or a header, and also an empty one": () => {
    const question = ask("?a=1&b=", { c: "3", d: "" });
    assert.deepEqual(
      ["?a", "?b", "c", "d", "a", "?c", "e", "?"].map((name) => question.has(name)),
      [true, true, true, true, false, false, false, false],
    );
  },
  "read() returns the only value of a parameter or header": () => {
    const question = ask("?a=x%20y&longest=".concat(LONGEST), { c: "3" });
    assert.deepEqual(
      ["?a", "c", "?longest"].map((name) => question.read(name)),
      ["x y", "3", LONGEST],
    );
    // `question` remembers each value, because the handshakes of many senders may read it. So the changes below have no effect.
    question.url.searchParams.set("a", "changed");
    question.headers.set("c", "changed");
    assert.deepEqual(
      ["?a", "c", "?longest"].map((name) => question.read(name)),
      ["x y", "3", LONGEST],
    );
  },
  "read() refuses a value that is missing, empty, repeated or too long": () => {
    const question = ask(`?twice=1&twice=1&none=&long=${LONGEST}b`, { none: "", long: `${LONGEST}b` });
    for (const name of ["?twice", "?none", "?absent", "none", "absent"])
      refused("challenge_malformed", () => question.read(name));
    for (const name of ["?long", "long"]) refused("challenge_too_long", () => question.read(name));
  },
  "echo() returns only what may be repeated": () => {
    const question = ask("?a=x.1&b=%3Cb%3E", { c: "x-2" });
    assert.deepEqual([question.echo("?a"), question.echo("c")], ["x.1", "x-2"]);
    refused("challenge_malformed", () => question.echo("?b"));
    const repeated = new Headers([
      ["c", "1"],
      ["c", "2"],
    ]);
    refused("challenge_malformed", () => new Question({ method: "GET", headers: repeated }, question.url).echo("c"));
  },
  "require() accepts the expected value alone": () => {
    const token = Buffer.from("a token & ä");
    const expect = (query: string) => ask(query).require("?t", token);
    expect(`?t=${encodeURIComponent("a token & ä")}`);
    for (const value of ["A token & ä", "a token & ä ", "a token &", "x"])
      refused("challenge_token_mismatch", () => expect(`?t=${encodeURIComponent(value)}`));
    refused("challenge_malformed", () => expect("?t="));
    refused("challenge_malformed", () => expect("?t=x&t=x"));
    refused("challenge_too_long", () => expect(`?t=${LONGEST}b`));
  },
  "json() returns the members of a small body, and no members of any other body": () => {
    const question = ask("", {}, '{"a":[1]}');
    assert.deepEqual(question.json(), { a: [1] });
    assert.equal(question.json(), question.json(), "the body is parsed once");
    assert.deepEqual(ask("", {}, "[1]").json(), [1]);
    for (const body of ["", "{", "null", "undefined"]) assert.deepEqual(ask("", {}, body).json(), {}, body);
    for (const body of ["1", "true"]) assert.deepEqual(Object.keys(ask("", {}, body).json()), []);
    const padded = (length: number) => ask("", {}, '{"a":1}'.padEnd(length)).json();
    assert.deepEqual(padded(8192), { a: 1 });
    assert.deepEqual(padded(8193), {});
  },
  "echoable() accepts plain ASCII without characters of HTML and JSON": () => {
    for (const text of ["a", "Z_9", "a b.c:d+e/f=g~h-i", LONGEST]) assert.equal(echoable(text), text);
    for (const character of [
      "<",
      ">",
      "&",
      '"',
      "'",
      "{",
      "}",
      "[",
      "]",
      ",",
      ";",
      "%",
      "\\",
      "\n",
      "\r",
      "\t",
      "\0",
      "ä",
      "\u2028",
    ])
      for (const text of [character, `a${character}`, `${character}a`, `a${character}a`])
        refused("challenge_malformed", () => echoable(text));
    for (const value of [undefined, null, 1, true, "", {}, ["a"]])
      refused("challenge_malformed", () => echoable(value));
    refused("challenge_too_long", () => echoable(`${LONGEST}a`));
  },
  "signable() accepts only a text that is no event": () => {
    for (const text of ["a", "qgg8vlvZRS6UYooatFL8Aw", "a-b_c.d+e/f~", "YQ=", "YQ==", "truex", "1a", LONGEST])
      assert.equal(signable(text), text);
    for (const text of [
      "a:b",
      "v0:1:",
      "a b",
      " a",
      "a\tb",
      "{}",
      "[",
      "]",
      "}",
      '"',
      "a,b",
      "a=b",
      "a==b",
      "1",
      "-1.5e3",
      "true",
      "null",
      '{"a":1}',
    ])
      refused("challenge_is_event", () => signable(text));
    for (const value of [undefined, 1, {}, "", "a;b", "<"]) refused("challenge_malformed", () => signable(value));
    refused("challenge_too_long", () => signable(`${LONGEST}a`));
  },
  "an answer is a text, JSON, or headers alone": async () => {
    assert.deepEqual(answerText("a"), { headers: { "content-type": "text/plain" }, body: "a" });
    assert.deepEqual(answerJson({ a: 1 }), { headers: { "content-type": "application/json" }, body: '{"a":1}' });
    assert.deepEqual(answerHeaders({ a: "b" }), { headers: { a: "b" }, body: null });
    const response = formatAnswer(answerJson({ a: 1 }));
    assert.deepEqual(Object.fromEntries(response.headers), {
      "cache-control": "no-store",
      "content-type": "application/json",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    });
    assert.deepEqual([response.status, await response.text()], [200, '{"a":1}']);
    const empty = formatAnswer({ ...answerHeaders({ "x-a": "b" }), status: 204 });
    assert.deepEqual([empty.status, empty.headers.get("x-a"), await empty.text()], [204, "b", ""]);
  },
};
