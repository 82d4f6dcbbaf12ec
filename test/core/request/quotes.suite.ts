// Tests that quotes are counted exactly, at every position and beside every octet.

import assert from "node:assert/strict";
import fc from "fast-check";
import { countQuotes } from "../../../core/request/quotes.ts";
import type { Cases } from "../../support/scenes/certificates.ts";

const QUOTE = 0x22;
const countOneByOne = (octets: Uint8Array) => octets.reduce((count, octet) => count + Number(octet === QUOTE), 0);

export const cases: Cases = {
  "countQuotes() counts quotes at every position of texts of every length": () => {
    for (let length = 0; length <= 17; length += 1) {
      for (const fill of [0x00, 0x20, 0x23, 0xa2, 0xff]) {
        const octets = new Uint8Array(length).fill(fill);
        assert.equal(countQuotes(octets), 0, `${length} times ${fill}`);
        for (let at = 0; at < length; at += 1) {
          const one = octets.with(at, QUOTE);
          assert.equal(countQuotes(one), 1, `${fill}, a quote at ${at} of ${length}`);
        }
      }
      assert.equal(countQuotes(new Uint8Array(length).fill(QUOTE)), length);
    }
  },
  "countQuotes() counts more quotes than fit into the counts of one step": () => {
    for (const length of [1019, 1020, 1021, 1023, 1024, 1028, 2040, 2044, 5001])
      assert.equal(countQuotes(new Uint8Array(length).fill(QUOTE)), length);
  },
  "countQuotes() takes no other octet for a quote": () => {
    for (let octet = 0; octet < 256; octet += 1) {
      const octets = Uint8Array.of(octet, octet, octet, octet, octet);
      assert.equal(countQuotes(octets), octet === QUOTE ? 5 : 0, `octet ${octet}`);
    }
  },
  "countQuotes() counts in a Buffer that begins at any octet of a larger one": () => {
    const text = Buffer.from('0123{"a":"b","c":"\\""}');
    for (let start = 0; start < text.length; start += 1) {
      const within = text.subarray(start);
      assert.equal(countQuotes(within), countOneByOne(within), `from ${start}`);
    }
  },
  "countQuotes() agrees with a look at each octet, also within a larger buffer": () => {
    const octet = fc.oneof(fc.constant(QUOTE), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(octet, { maxLength: 64 }), fc.nat(7), fc.nat(7), (octets, first, last) => {
        const within = Uint8Array.from(octets).subarray(first, octets.length - last);
        assert.equal(countQuotes(within), countOneByOne(within));
      }),
      { numRuns: 2000 },
    );
  },
};
