// Tests the links of every document. The file and the heading of each link must exist.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const FILES = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: ROOT,
  encoding: "utf8",
})
  .trim()
  .split("\n");
const NAMES = FILES.filter((file) => file.endsWith(".md"));

interface Link {
  readonly text: string;
  readonly path: string;
  readonly heading: string | undefined;
}

/** Returns the text without code, because brackets in code are not links. */
function proseOf(name: string): string {
  const text = readFileSync(join(ROOT, name), "utf8");
  return text.replaceAll(/^(```+).*?^\1$/gms, "").replaceAll(/`[^`\n]*`/g, "");
}

/** Returns the links to files within the repository. */
function linksOf(name: string): Link[] {
  const targets = proseOf(name).matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|^\[[^\]]+\]:\s+(\S+)/gm);
  return Array.from(targets, ([, inline, reference]) => inline ?? reference ?? "")
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
    .map((text) => {
      const [path = "", heading] = text.split("#");
      return { text, path: path === "" ? name : relative(ROOT, join(ROOT, dirname(name), path)), heading };
    });
}

/**
 * Returns the anchors of all headings, by the rule of the host: lower case, no punctuation, hyphens instead of spaces, and a number
 * if the anchor already exists.
 */
function headingsOf(name: string): Set<string> {
  const text = readFileSync(join(ROOT, name), "utf8").replaceAll(/^(```+).*?^\1$/gms, "");
  const found = new Set<string>();
  for (const [, title = ""] of text.matchAll(/^#{1,6} (.*)$/gm)) {
    const shown = title.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = shown.replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
    let own = slug;
    for (let count = 1; found.has(own); count++) own = `${slug}-${count}`;
    found.add(own);
  }
  for (const [, id = ""] of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) found.add(id);
  return found;
}

function faultOf({ path, heading }: Link): string | undefined {
  const target = join(ROOT, path);
  if (path.startsWith("..") || !existsSync(target)) return "is not there";
  if (heading === undefined) return undefined;
  if (!statSync(target).isFile()) return "is a folder, and has no headings";
  return headingsOf(path).has(heading) ? undefined : "has no such heading";
}

test("there are documents, and links in them", () => {
  expect(NAMES).toEqual(expect.arrayContaining(["README.md", "docs/operations.md"]));
  expect(NAMES.flatMap(linksOf).length).toBeGreaterThan(50);
});

describe("every link has a target", () => {
  test.each(NAMES)("%s", (name) => {
    const faults = linksOf(name).map((link) => [link.text, faultOf(link)]);
    expect(faults.filter(([, fault]) => fault !== undefined)).toEqual([]);
  });
});

test("every source file that a comment names exists", () => {
  const isThere = (name: string) => FILES.some((file) => file === name || file.endsWith(`/${name}`));
  const unknown = FILES.filter((file) => file.endsWith(".ts") && !file.startsWith("examples/"))
    .flatMap((file) => {
      const comments = readFileSync(join(ROOT, file), "utf8").match(/^\s*(?:\/\/|\/?\*).*$/gm) ?? [];
      return comments
        .flatMap((line) => line.match(/(?<![\w.*`{/-])[\w-][\w/-]*\.(?:ts|md)\b/g) ?? [])
        .map((name) => [file, name]);
    })
    .filter(([, name = ""]) => !isThere(name));
  expect(unknown).toEqual([]);
});
