// Tests that the pages of docs/senders match the presets.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PRESETS } from "../../cli/presets/presets.ts";
import { fillPage } from "../../cli/senders.ts";

const FOLDER = join(import.meta.dirname, "../../docs/senders");
const read = (name: string) => readFileSync(join(FOLDER, `${name}.md`), "utf8");

test("each preset has a page, and each page has a preset", () => {
  expect(readdirSync(FOLDER).sort()).toEqual([...Object.keys(PRESETS), "README"].map((name) => `${name}.md`).sort());
  for (const name of Object.keys(PRESETS)) expect(read("README")).toContain(`(${name}.md)`);
});

describe.each(Object.keys(PRESETS))("docs/senders/%s.md", (name) => {
  test("has what npm run senders makes of the preset", () => {
    expect(read(name)).toBe(fillPage(read(name), name));
  });

  test("says when certificates change, how a new URL is verified, and what a refusal causes", () => {
    const headings =
      read(name)
        .match(/^## .*$/gm)
        ?.join() ?? "";
    for (const subject of [/renewal/i, /handshake/i, /refusal/i]) expect(headings).toMatch(subject);
  });
});

test("a page without the place for this text is an error", () => {
  expect(() => fillPage("# Docusign", "docusign")).toThrow("the page of docusign lacks");
});
