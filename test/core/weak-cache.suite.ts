// Tests the cache that keeps a result together with the object from which the result was computed.

import assert from "node:assert/strict";
import { cachedFor } from "../../core/weak-cache.ts";
import type { Cases } from "../support/scenes/certificates.ts";

export const cases: Cases = {
  "cachedFor() finds the result of an object once, also if it is undefined, and keeps objects apart": () => {
    const asked: object[] = [];
    const [one, other, nothing] = [{ value: 1 }, { value: 1 }, { value: undefined }];
    const find = cachedFor((key: { readonly value: number | undefined }) => {
      asked.push(key);
      return key.value && [key.value];
    });
    const first = find(one);
    assert.deepEqual(first, [1]);
    assert.equal(find(one), first);
    assert.notEqual(find(other), first);
    assert.equal(find(nothing), undefined);
    assert.equal(find(nothing), undefined);
    assert.deepEqual(asked, [one, other, nothing]);
    assert.equal(asked[1], other);
  },
  "cachedFor() asks again after an error": () => {
    let asked = 0;
    const find = cachedFor(() => {
      asked += 1;
      if (asked === 1) throw new Error("not yet");
      return asked;
    });
    const key = {};
    assert.throws(() => find(key), /not yet/);
    assert.equal(find(key), 2);
    assert.equal(find(key), 2);
  },
};
