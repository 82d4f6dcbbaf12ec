// Tests deliveries, which bind an admitted sender to the bytes of its request. Also tests the cache with a limited size.

import assert from "node:assert/strict";
import fc from "fast-check";
import { BoundedCache } from "../../../core/bounded-cache.ts";
import {
  bindDelivery,
  type DeliveryRecord,
  digestBody,
  type EventKeys,
  formatContentDigest,
  recordDelivery,
  restoreDelivery,
} from "../../../core/delivery/delivery.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { deliver, issue } from "../../support/scenes/assertion.ts";
import { type Cases, refused } from "../../support/scenes/certificates.ts";
import { BODY, certificate, judge } from "../../support/scenes/factors.ts";

/** Returns the claims of a token. Tests compare tokens without the signature, because each signature is different. */
const claimsOf = (token: string) => token.split(".")[1];
const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

export const cases: Cases = {
  "formatContentDigest() writes the RFC 9530 value": () => {
    const digest = (text: string) => formatContentDigest(new TextEncoder().encode(text));
    assert.equal(digest('{"hello": "world"}\n'), "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:");
    assert.equal(digest(""), "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
  },
  "formatContentDigest() differs for different bytes": () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        assert.equal(formatContentDigest(a) === formatContentDigest(b), Buffer.compare(a, b) === 0);
      }),
      { numRuns: 100 },
    );
  },
  "bindDelivery() has the facts of the certificate, the request and the bytes": async (fixtures) => {
    const body = new TextEncoder().encode("body");
    const delivery = await deliver(fixtures, { body });
    const { sha256, spkiSha256, serial, notBefore, notAfter } = parseCertificate(fixtures.certificates.client);
    assert.deepEqual(delivery.certificate, {
      subject: "CN=client.example,O=Countersign Tests,C=US",
      issuer: "CN=Intermediate,O=Countersign Tests,C=US",
      serial,
      sha256,
      spkiSha256,
      notBefore,
      notAfter,
      anchor: "root",
      platform: undefined,
      der: fixtures.certificates.client,
      intermediates: [fixtures.certificates.intermediate],
    });
    assert.equal(delivery.body, body);
    assert.equal(delivery.contentDigest, formatContentDigest(body));
    assert.deepEqual([delivery.id, delivery.sender], ["event-1", "sender"]);
    assert.deepEqual([delivery.factors, delivery.reliedOnEdge], [["mtls"], []]);
    assert.match(delivery.policyDigest, /^[0-9a-f]{64}$/);
  },
  "bindDelivery() holds the keys that it receives, and none if it receives none": async (fixtures) => {
    const admitted = await judge(fixtures, { sender: certificate() });
    const request = { method: "POST", target: "/hooks", contentType: "" };
    const event = { id: "event-1", request, headers: [], body: digestBody(BODY), policyDigest: "0".repeat(64) };
    const keys = { eventKey: '["event"]', orderKey: '["order"]' };
    const keysOf = ({ eventKey, orderKey }: typeof keys | EventKeys) => ({ eventKey, orderKey });
    assert.deepEqual(keysOf(bindDelivery(admitted, event, keys)), keys);
    assert.deepEqual(keysOf(bindDelivery(admitted, event)), { eventKey: undefined, orderKey: undefined });
  },
  "restoreDelivery() returns what recordDelivery() kept, also after JSON": async (fixtures) => {
    for (const platform of [undefined, { verified: "SUCCESS", revoked: false }]) {
      const delivery = await deliver(fixtures, {}, platform);
      const record = throughJson(recordDelivery(delivery)) as DeliveryRecord;
      const restored = restoreDelivery(record, digestBody(delivery.body));
      assert.deepEqual(throughJson(restored), throughJson(delivery));
      assert.equal(await issue(fixtures, restored).then(claimsOf), await issue(fixtures, delivery).then(claimsOf));
      const keys = { eventKey: "event", orderKey: "order" };
      const { eventKey, orderKey } = restoreDelivery(record, digestBody(delivery.body), keys);
      assert.deepEqual({ eventKey, orderKey }, keys);
    }
  },
  "recordDelivery() keeps everything except the bytes and the event's keys": async (fixtures) => {
    const delivery = await deliver(fixtures);
    const missing = Object.keys(delivery).filter((name) => !Object.hasOwn(recordDelivery(delivery), name));
    assert.deepEqual(missing, ["body", "eventKey", "orderKey"]);
  },
  "restoreDelivery() refuses other bytes": async (fixtures) => {
    const delivery = await deliver(fixtures);
    const { body } = delivery;
    for (const other of [new Uint8Array(), body.slice(1), Uint8Array.of(...body, 0)]) {
      const { details } = refused("body_mismatch", () => restoreDelivery(recordDelivery(delivery), digestBody(other)));
      assert.deepEqual(details, { recorded: delivery.contentDigest, stored: formatContentDigest(other) });
    }
  },
  "BoundedCache drops the entry that was unused for longest": () => {
    const cache = new BoundedCache<string, number>(2);
    cache.set("a", 1);
    cache.set("b", 2);
    assert.equal(cache.get("a"), 1);
    cache.set("c", 3);
    assert.deepEqual([cache.get("a"), cache.get("b"), cache.get("c"), cache.size], [1, undefined, 3, 2]);
  },
  "BoundedCache limits the total weight of its entries, and keeps no entry that is heavier alone": () => {
    const cache = new BoundedCache<string, number>(10, 6, ({ length }) => length);
    const held = () => ["a", "bbb", "cc", "dddd", "eeeeeee"].filter((key) => cache.get(key) !== undefined);
    for (const key of ["a", "bbb", "cc"]) cache.set(key, 1);
    assert.deepEqual(held(), ["a", "bbb", "cc"]);
    // If a key is set several times, its weight counts once.
    for (let again = 0; again < 3; again += 1) cache.set("a", 2);
    assert.deepEqual(held(), ["a", "bbb", "cc"]);
    cache.set("dddd", 1);
    assert.deepEqual([held(), cache.size], [["cc", "dddd"], 2]);
    cache.set("eeeeeee", 1);
    assert.deepEqual([held(), cache.size], [[], 0]);
    cache.set("bbb", 1);
    assert.deepEqual(held(), ["bbb"]);
  },
  "BoundedCache also weighs the value of an entry, and subtracts the weight of a replaced value": () => {
    const cache = new BoundedCache<string, string>(10, 6, (key, value) => key.length + value.length);
    cache.set("a", "aaaa");
    cache.set("a", "a");
    cache.set("b", "bbb");
    assert.deepEqual([cache.get("a"), cache.get("b"), cache.size], ["a", "bbb", 2]);
    cache.set("c", "");
    assert.deepEqual([cache.get("a"), cache.get("b"), cache.get("c"), cache.size], [undefined, "bbb", "", 2]);
  },
  "BoundedCache holds the newest entries, and never more than its capacity": () => {
    const steps = fc.array(fc.tuple(fc.nat(9), fc.nat()), { maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5 }), (list, capacity) => {
        const cache = new BoundedCache<number, number>(capacity);
        for (const [key, value] of list) {
          cache.set(key, value);
          assert.equal(cache.get(key), value);
        }
        const recent = [...new Set(list.toReversed().map(([key]) => key))].slice(0, capacity);
        assert.equal(cache.size, recent.length);
        const last = new Map(list);
        for (const key of recent) assert.equal(cache.get(key), last.get(key));
      }),
      { numRuns: 100 },
    );
  },
};
