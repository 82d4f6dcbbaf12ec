// Tests that the pages of docs/senders match the presets.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PRESETS } from "../../cli/presets/presets.ts";
import { fillPage, fillReadme } from "../../cli/senders.ts";

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

  test("says what the sender does, and names what is not published", () => {
    for (const label of [
      "handshake",
      "after a refusal",
      "expects the answer within",
      "largest event",
      "renewal",
      "TLS",
    ])
      expect(read(name)).toMatch(new RegExp(`^\\| ${label} \\| \\S.* \\|$`, "m"));
  });
});

test("the README has the table that npm run senders makes", () => {
  expect(read("README")).toBe(fillReadme(read("README")));
});

test("a page without the place for this text is an error", () => {
  expect(() => fillPage("# Docusign", "docusign")).toThrow("the page of docusign lacks");
});
