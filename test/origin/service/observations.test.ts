// Tests the file of observed certificates: which lines are kept, and who can read the file.

import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readLogFile } from "../../../cli/log/read.ts";
import type { LogLine } from "../../../core/log-line.ts";
import { openLog } from "../../../origin/service/observations.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

let stack: AsyncDisposableStack;
let folder: string;
const file = (name: string) => join(folder, name);
const modeOf = (name: string) => statSync(file(name)).mode & 0o777;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  folder = temporaryDirectory(stack);
  const umask = process.umask(0);
  stack.defer(() => void process.umask(umask));
});
afterEach(() => stack.disposeAsync());

const lineOf = (n: number, isProven: boolean, route = "/hooks/a"): LogLine => ({
  decision: "observed",
  route,
  isProven,
  certificate: { issuer: "CN=Root", serial: String(n), spkiSha256: `${route} ${isProven}` },
});
const linesKept = () => readFileSync(file("observed.jsonl"), "utf8").trim().split("\n");

test("the file has a limit for each route, and a separate one for unproven certificates", () => {
  for (let start = 0; start < 3; start += 1) {
    const log = openLog(file("inbox.sqlite"), () => {}, readLogFile);
    for (let n = 0; n < 200; n += 1) log(lineOf(start * 200 + n, false));
  }
  const log = openLog(file("inbox.sqlite"), () => {}, readLogFile);
  for (const line of [lineOf(1, true), lineOf(1, true), lineOf(1, false, "/hooks/b")]) log(line);
  expect(linesKept()).toHaveLength(102);
  expect(modeOf("observed.jsonl")).toBe(0o600);
});

test("the file is closed to others, and is not written through a link", () => {
  writeFileSync(file("observed.jsonl"), "", { mode: 0o666 });
  openLog(file("inbox.sqlite"), () => {}, readLogFile)(lineOf(1, true));
  expect(modeOf("observed.jsonl")).toBe(0o600);
  mkdirSync(file("other"));
  writeFileSync(file("victim"), "");
  symlinkSync(file("victim"), file("other/observed.jsonl"));
  const lines: LogLine[] = [];
  openLog(file("other/inbox.sqlite"), (line) => lines.push(line), readLogFile)(lineOf(1, true));
  expect(readFileSync(file("victim"), "utf8")).toBe("");
  expect(lines.at(-1)).toMatchObject({ code: "observation_not_kept" });
  expect(existsSync(file("other/observed.jsonl"))).toBe(true);
});
