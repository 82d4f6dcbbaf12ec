// Tests that every word in log lines has an explanation.

import assert from "node:assert/strict";
import { DECISIONS, type Explanation, OPERATIONAL_CODES } from "../../core/log-words.ts";
import type { Cases } from "../support/scenes/certificates.ts";

export const cases: Cases = {
  "each word and code of the log has an explanation, and says what to do if somebody must act": () => {
    const all: [string, Explanation][] = [...Object.entries(DECISIONS), ...Object.entries(OPERATIONAL_CODES)];
    assert.ok(all.length > 40);
    for (const [word, { meaning, who, what }] of all) {
      assert.match(meaning, /^[A-Z`].{20,}\.$/, word);
      assert.match(what, who === "nobody" ? /^$/ : /^[A-Z].{7,}\.$/, word);
      assert.match(who, /^(nobody|operator|sender)$/, word);
    }
  },
};
