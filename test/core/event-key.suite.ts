// The keys of events: what is read, and how long it may be.

import assert from "node:assert/strict";
import { readEventKey } from "../../core/event-key.ts";
import { MAX_EVENT_KEY_CHARACTERS } from "../../core/wire.ts";
import type { Cases } from "./scene.ts";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const keyOf = (id: string) => readEventKey({ pointers: ["/id"] }, [], bytes({ id }));

export const cases: Cases = {
  "readEventKey() keeps a long key as its digest, which differs where the key does": () => {
    const longest = "x".repeat(MAX_EVENT_KEY_CHARACTERS - 4);
    assert.equal(keyOf(longest), JSON.stringify([longest]));
    const [first, second] = [keyOf(`${longest}a`), keyOf(`${longest}b`)];
    assert.match(first ?? "", /^"sha-256 [0-9a-f]{64}"$/);
    assert.notEqual(first, second);
    assert.equal(first, keyOf(`${longest}a`));
    // A list is never the text of a digest.
    assert.notEqual(keyOf(JSON.parse(first as string)), first);
  },
  "readEventKey() reads a header, and has no key where it is missing or empty": () => {
    const rule = { header: "webhook-id" };
    assert.equal(readEventKey(rule, [["webhook-id", "msg_1"]], bytes({})), '["msg_1"]');
    assert.equal(readEventKey(rule, [["webhook-id", ""]], bytes({})), undefined);
    assert.equal(readEventKey(rule, [], bytes({})), undefined);
  },
};
