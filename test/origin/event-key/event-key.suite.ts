// Tests the keys of events: where a key is read, and how long it may be.

import assert from "node:assert/strict";
import { MAX_EVENT_KEY_CHARACTERS, MAX_KEYED_VALUE_BYTES, MAX_KEYED_VALUES } from "../../../core/wire.ts";
import { readEventKey, readEventKeys } from "../../../origin/event-key/event-key.ts";
import type { Cases } from "../../support/scenes/certificates.ts";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const keyOf = (id: string) => readEventKey({ pointers: ["/id"] }, [], bytes({ id })).key;

export const cases: Cases = {
  "readEventKey() keeps a long key as its digest, and different keys have different digests": () => {
    const longest = "x".repeat(MAX_EVENT_KEY_CHARACTERS - 4);
    assert.equal(keyOf(longest), JSON.stringify([longest]));
    const [first, second] = [keyOf(`${longest}a`), keyOf(`${longest}b`)];
    assert.match(first ?? "", /^"sha-256 [0-9a-f]{64}"$/);
    assert.notEqual(first, second);
    assert.equal(first, keyOf(`${longest}a`));
    // The key `first` is a digest. An id with the same text as this digest must have a different key. The two keys differ, because
    // the key of a short id is a JSON list and a digest is a JSON string.
    assert.notEqual(keyOf(JSON.parse(first as string)), first);
  },
  "readEventKey() reads a header, and says why there is no key if it is missing or empty": () => {
    const rule = { header: "webhook-id" };
    assert.equal(readEventKey(rule, [["webhook-id", "msg_1"]], bytes({})).key, '["msg_1"]');
    const none = { problem: "there is no header webhook-id, or it is empty" };
    assert.deepEqual(readEventKey(rule, [["webhook-id", ""]], bytes({})), none);
    assert.deepEqual(readEventKey(rule, [], bytes({})), none);
  },
  "readEventKey() reads the named header, whichever headers come before it": () => {
    const headers = [
      ["content-type", "application/json"],
      ["webhook-id", "msg_2"],
    ] as const;
    assert.deepEqual(readEventKey({ header: "webhook-id" }, headers, bytes({})), { key: '["msg_2"]' });
  },
  "readEventKey() reads several members, and one of them is enough": () => {
    const read = (body: unknown) => readEventKey({ pointers: ["/a", "/b/c"] }, [], bytes(body));
    assert.equal(read({ a: "x", b: { c: 7 } }).key, '["x","7"]');
    assert.equal(read({ a: "x" }).key, '["x",null]');
    assert.equal(read({ a: "", b: { c: true } }).key, '["","true"]');
    const problem = "the body has no text, number or boolean at /a, /b/c";
    for (const body of [{}, { a: "" }, { a: "", b: { c: "" } }, { b: 1 }]) assert.deepEqual(read(body), { problem });
  },
  "readEventKey() does not hide a programming error": () => {
    assert.throws(() => readEventKey({ header: "a" }, undefined as never, bytes({})), TypeError);
  },
  "readEventKeys() reads the keys that a sender's policy names, and says why a key is missing": () => {
    const [eventKey, orderKey] = [{ header: "webhook-id" }, { pointers: ["/id"] }];
    const read = (rules: Parameters<typeof readEventKeys>[0], body: unknown = {}) =>
      readEventKeys(rules, [["webhook-id", "msg_1"]], bytes(body));
    const none = { eventKey: undefined, orderKey: undefined };
    assert.deepEqual(read(none), { keys: none, unread: {} });
    assert.deepEqual(read({ ...none, eventKey }), { keys: { ...none, eventKey: '["msg_1"]' }, unread: {} });
    assert.deepEqual(read({ eventKey, orderKey }, { id: 5 }), {
      keys: { eventKey: '["msg_1"]', orderKey: '["5"]' },
      unread: {},
    });
    const problem = "the body has no text, number or boolean at /id";
    assert.deepEqual(read({ ...none, orderKey }), { keys: none, unread: { orderKey: problem } });
    assert.deepEqual(read({ eventKey: orderKey, orderKey: undefined }), { keys: none, unread: { eventKey: problem } });
  },
  "readEventKey() says why a body has no key, and quotes nothing of it": () => {
    for (const [body, problem] of [
      ["payload=%7B%22id%22%3A1%7D", /^the body is not JSON: see its octet 0$/],
      ["", /^the body is not JSON: see its octet 0$/],
      ['{"id":"secret"', /^the body is not JSON: see its octet 14$/],
      ["{}", /^the body has no text, number or boolean at \/id$/],
      ['{"id":null}', /at \/id$/],
      ['{"id":{"id":1}}', /at \/id$/],
      [`{"id":"${"x".repeat(MAX_KEYED_VALUE_BYTES)}"}`, /^the value is longer than 65536 octets$/],
      [`[${"[],".repeat(MAX_KEYED_VALUES)}1]`, /^the body has more than 500000 values$/],
      ["[".repeat(600) + "]".repeat(600), /^the body is nested deeper than 500$/],
    ] as const) {
      assert.match(readEventKey({ pointers: ["/id"] }, [], Buffer.from(body)).problem ?? "", problem);
    }
    const broken = Uint8Array.of(0x22, 0xc3, 0x22);
    assert.deepEqual(readEventKey({ pointers: ["/id"] }, [], broken), { problem: "the body is not UTF-8" });
  },
};
