// Tests the form of ids that begin with the time at which they were made. Sorted as texts, these ids must be in the order of their
// times.

import assert from "node:assert/strict";
import { formatAssertionId, formatEventId } from "../../../core/delivery/id.ts";
import type { Cases } from "../../support/scenes/certificates.ts";

const NOW = 1_795_505_416_123;
const random = (fill: number) => new Uint8Array(16).fill(fill);
const randomOctets = () => crypto.getRandomValues(new Uint8Array(16));

export const cases: Cases = {
  "formatEventId() makes a UUID of version 7, also for the example of RFC 9562": () => {
    for (const fill of [0x00, 0x5a, 0xff]) {
      assert.match(
        formatEventId(NOW, random(fill)),
        /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
    }
    const example = Uint8Array.from(Buffer.from("0000000000000cc318c4dc0c0c07398f", "hex"));
    assert.equal(formatEventId(0x017f22e279b0, example), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  },
  "formatEventId() and formatAssertionId() begin with the time in milliseconds, and the rest is random": () => {
    assert.equal(formatEventId(NOW, random(0)).slice(0, 13), formatEventId(NOW, random(0xff)).slice(0, 13));
    assert.ok(formatEventId(NOW, random(0xff)) < formatEventId(NOW + 1, random(0)));
    assert.equal(formatAssertionId(NOW, random(0)).slice(0, 8), formatAssertionId(NOW, random(0xff)).slice(0, 8));
    for (const format of [formatEventId, formatAssertionId]) {
      const ids = Array.from({ length: 1000 }, () => format(NOW, randomOctets()));
      assert.equal(new Set(ids).size, ids.length);
    }
  },
  "formatAssertionId() has the form that the claim requires, and does not change its input": () => {
    const octets = random(7);
    assert.match(formatAssertionId(NOW, octets), /^[A-Za-z0-9_-]{22}$/);
    assert.deepEqual(octets, random(7));
    assert.throws(() => formatAssertionId(NOW, new Uint8Array(15)), RangeError);
  },
};
