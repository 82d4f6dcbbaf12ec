// Tests poolRandom(), which takes random octets from a pool. One call of the generator fills the whole pool.

import assert from "node:assert/strict";
import { poolRandom } from "../../core/random-pool.ts";
import type { Cases } from "../support/scenes/certificates.ts";

export const cases: Cases = {
  "poolRandom() gives every octet of the generator to only one id": () => {
    const fills: Uint8Array[] = [];
    const take = poolRandom((pool) => {
      crypto.getRandomValues(pool);
      fills.push(pool.slice());
    });
    assert.equal(fills.length, 0);
    const ids = Array.from({ length: 600 }, () => Buffer.from(take()).toString("hex"));
    assert.equal(new Set(ids).size, ids.length);
    assert.deepEqual(
      ids.map((id) => id.length),
      ids.map(() => 32),
    );
    // The ids must consist of the octets that filled the pool, in the same order.
    const octets = Buffer.concat(fills).toString("hex");
    assert.equal(octets.slice(0, ids.length * 32), ids.join(""));
    assert.equal(fills.length, 3);
  },
  "poolRandom() asks for more octets only when the pool is empty": () => {
    let fills = 0;
    const take = poolRandom((pool) => {
      fills += 1;
      pool.fill(fills);
    });
    const seen = Array.from({ length: 257 }, () => [...take(), fills]);
    assert.deepEqual(seen.at(0), [...new Array(16).fill(1), 1]);
    assert.deepEqual(seen.at(255), [...new Array(16).fill(1), 1]);
    assert.deepEqual(seen.at(256), [...new Array(16).fill(2), 2]);
  },
};
