// Tests the watch on the file to which a path leads. A change is noticed, whichever part of the path is replaced.

import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { watchFiles } from "../../../origin/service/watch-files.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** Replaces a link in one step, as deployments do. */
function replaceLink(target: string, path: string): void {
  symlinkSync(target, `${path}.new`);
  renameSync(`${path}.new`, path);
}

type Arrangement = readonly [
  what: string,
  arrange: (at: (name: string) => string) => string,
  change: (at: (name: string) => string) => void,
];

/** Arrangements of files and links. In each arrangement, the content of the file is "old" and becomes "new". */
const ARRANGEMENTS: readonly Arrangement[] = [
  [
    "written in place",
    (at) => write(at("file"), "old"),
    (at) => {
      write(at("file"), "");
      appendFileSync(at("file"), "new");
    },
  ],
  [
    "replaced by a file of the same size and times",
    (at) => write(at("file"), "old"),
    (at) => {
      write(at("next"), "new");
      execFileSync("touch", ["-r", at("file"), at("next")]);
      renameSync(at("next"), at("file"));
    },
  ],
  ["behind a link that stays", (at) => link(at("link"), write(at("file"), "old")), (at) => write(at("file"), "new")],
  [
    "behind a link that is replaced",
    (at) => link(at("link"), write(at("file"), "old")),
    (at) => replaceLink(write(at("next"), "new"), at("link")),
  ],
  [
    "behind two links, the second of which is replaced",
    (at) => link(at("outer"), link(at("inner"), write(at("file"), "old"))),
    (at) => replaceLink(write(at("next"), "new"), at("inner")),
  ],
  [
    "in a volume of Kubernetes",
    (at) => {
      mkdirSync(at("..2026_11_01"));
      write(at("..2026_11_01/file"), "old");
      symlinkSync("..2026_11_01", at("..data"));
      symlinkSync("..data/file", at("file"));
      return at("file");
    },
    (at) => {
      mkdirSync(at("..2026_11_02"));
      write(at("..2026_11_02/file"), "new");
      replaceLink("..2026_11_02", at("..data"));
      rmSync(at("..2026_11_01"), { recursive: true });
    },
  ],
  [
    "behind a link into a volume of Kubernetes",
    (at) => {
      mkdirSync(at("volume"));
      mkdirSync(at("volume/..1"));
      write(at("volume/..1/file"), "old");
      symlinkSync("..1", at("volume/..data"));
      symlinkSync("..data/file", at("volume/file"));
      return link(at("file"), at("volume/file"));
    },
    (at) => {
      mkdirSync(at("volume/..2"));
      write(at("volume/..2/file"), "new");
      replaceLink("..2", at("volume/..data"));
    },
  ],
  [
    "in a directory that is replaced",
    (at) => {
      mkdirSync(at("live"));
      return write(at("live/file"), "old");
    },
    (at) => {
      mkdirSync(at("next"));
      write(at("next/file"), "new");
      renameSync(at("live"), at("before"));
      renameSync(at("next"), at("live"));
    },
  ],
  [
    "below a linked directory that is replaced",
    (at) => {
      mkdirSync(at("release-1/tls"), { recursive: true });
      write(at("release-1/tls/file"), "old");
      symlinkSync("release-1", at("current"));
      return at("current/tls/file");
    },
    (at) => {
      mkdirSync(at("release-2/tls"), { recursive: true });
      write(at("release-2/tls/file"), "new");
      replaceLink("release-2", at("current"));
    },
  ],
  ["missing at first", (at) => at("file"), (at) => write(at("file"), "new")],
];

function write(file: string, content: string): string {
  writeFileSync(file, content);
  return file;
}

function link(path: string, target: string): string {
  symlinkSync(target, path);
  return path;
}

test.concurrent.each(ARRANGEMENTS)("a complete change is reported once: a file %s", async (_, arrange, change) => {
  await using stack = new AsyncDisposableStack();
  const directory = temporaryDirectory(stack);
  const at = (name: string) => join(directory, name);
  const file = arrange(at);
  const seen: string[] = [];
  const other = write(at("other"), "");
  const stop = watchFiles(
    () => [other, file],
    () => seen.push(readFileSync(file, "utf8")),
  );
  onTestFinished(stop);
  change(at);
  await expect.poll(() => seen).toEqual(["new"]);
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(seen).toEqual(["new"]);
});

test("nothing is reported without a change, or after the end", async () => {
  await using stack = new AsyncDisposableStack();
  const file = write(join(temporaryDirectory(stack), "file"), "old");
  let count = 0;
  const stop = watchFiles(
    () => [file],
    () => {
      count += 1;
    },
  );
  await new Promise((resolve) => setTimeout(resolve, 800));
  expect(count).toBe(0);
  stop();
  write(file, "new");
  await new Promise((resolve) => setTimeout(resolve, 800));
  expect(count).toBe(0);
});
