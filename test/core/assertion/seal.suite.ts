// Tests sealed texts. Somebody else may be able to write to the store that contains these texts, so a changed text must be refused.

import assert from "node:assert/strict";
import fc from "fast-check";
import { importSigningKeys } from "../../../core/assertion/keys.ts";
import { openSealedText, sealText } from "../../../core/assertion/seal.ts";
import { character } from "../../support/arbitraries.ts";
import type { Cases } from "../../support/scenes/certificates.ts";

const TYPE = { type: "test-text", version: 1 };

export const cases: Cases = {
  "openSealedText() reads back what sealText() wrote": async ({ keys }) => {
    const signing = await importSigningKeys(keys.signing);
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: character }), async (text) => {
        if (!text.isWellFormed()) return;
        assert.equal(await openSealedText(await sealText(text, TYPE, signing), TYPE, signing), text);
      }),
      { numRuns: 50 },
    );
  },
  "openSealedText() refuses a text with any change": async ({ keys }) => {
    const signing = await importSigningKeys(keys.signing);
    const sealed = await sealText('{"a":1}\nsecond line', TYPE, signing);
    for (let index = 0; index < sealed.length; index += 1) {
      const code = sealed.charCodeAt(index) ^ 1;
      const changed = sealed.slice(0, index) + String.fromCharCode(code) + sealed.slice(index + 1);
      await assert.rejects(openSealedText(changed, TYPE, signing), Error, `${index}: ${changed}`);
    }
    for (const other of ["", "\n", "x", "{}", "null\n", "[]\n", `${sealed} `, sealed.slice(0, -1), `\n${sealed}`]) {
      await assert.rejects(openSealedText(other, TYPE, signing));
    }
  },
  "openSealedText() refuses a text of another type or version, even if only the seal says so": async ({ keys }) => {
    const signing = await importSigningKeys(keys.signing);
    const sealed = await sealText("text", TYPE, signing);
    for (const other of [
      { type: "other-text", version: 1 },
      { type: "test-text", version: 2 },
    ]) {
      await assert.rejects(openSealedText(sealed, other, signing));
      const [seal = "", text] = sealed.split("\n");
      const relabelled = `${JSON.stringify({ ...JSON.parse(seal), ...other })}\n${text}`;
      await assert.rejects(openSealedText(relabelled, other, signing), { message: "the seal is broken" });
    }
  },
  "openSealedText() says why a text was not sealed by these keys": async ({ keys }) => {
    const signing = await importSigningKeys(keys.signing);
    const sealed = await sealText("text", TYPE, signing);
    const [seal = "", text] = sealed.split("\n");
    const told = (changed: string, message: string, expected = TYPE) =>
      assert.rejects(openSealedText(changed, expected, signing), { message });
    const changed = (members: object) => `${JSON.stringify({ ...JSON.parse(seal), ...members })}\n${text}`;
    for (const other of ["", "x", "null\n", "7\n", "{}\ntext", "}\ntext"]) await told(other, "not a sealed test-text");
    // The line feed at the end of the seal is missing.
    await told(seal, "not a sealed test-text");
    await told(sealed, "version 1 of test-text is not known here", { ...TYPE, version: 2 });
    const lost = (kid: string) => `sealed with the key ${kid}, which SIGNING_KEYS no longer holds`;
    await told(changed({ kid: "k".repeat(65) }), lost("k".repeat(64)));
    await told(changed({ kid: undefined }), lost("undefined"));
    await told(`${sealed}s`, "the seal is broken");
    await told(changed({ signature: `${JSON.parse(seal).signature}=` }), "the seal is broken");
    await told(changed({ signature: undefined }), "the seal is broken");
  },
  "sealText() writes type, version and key before the text": async ({ keys }) => {
    const sealed = await sealText("a\nb", TYPE, await importSigningKeys(keys.signing));
    const [seal = "", ...lines] = sealed.split("\n");
    assert.deepEqual(lines, ["a", "b"]);
    const { signature, ...rest } = JSON.parse(seal);
    assert.deepEqual(rest, { ...TYPE, kid: "first" });
    assert.match(signature, /^[\w-]{86}$/);
  },
  "openSealedText() accepts a text of every key of the set, and of no other key": async ({ keys }) => {
    const [first, ...others] = keys.signing.keys;
    const signing = await importSigningKeys(keys.signing);
    const sealed = await sealText("text", TYPE, signing);
    const rotated = await importSigningKeys({ keys: [...others, first] });
    assert.equal(await openSealedText(sealed, TYPE, rotated), "text");
    const retired = await importSigningKeys({ keys: others });
    await assert.rejects(openSealedText(sealed, TYPE, retired), /which SIGNING_KEYS no longer holds/);
  },
};
