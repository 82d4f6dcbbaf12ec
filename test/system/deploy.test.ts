// Tests the files of deploy/. systemd must accept the unit, and the program must accept the command lines in these files.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseOriginOptions, refuseOtherWays } from "../../cli/origin/options.ts";
import { ROOT, run } from "../support/running.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

const read = (name: string) => readFileSync(join(ROOT, "deploy", name), "utf8");

describe("countersign.service", () => {
  const unit = read("countersign.service");

  test.skipIf(!existsSync("/usr/bin/systemd-analyze"))("is a unit that systemd accepts without a warning", async () => {
    const file = join(temporaryDirectory(stack), "countersign.service");
    // Replaces the path of Node in the unit, because Node may be at another path on this machine.
    writeFileSync(file, unit.replaceAll("/usr/bin/node", process.execPath));
    const { code, stdout, stderr } = await run("systemd-analyze", ["verify", "--man=no", file]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("starts an origin with options that exist", () => {
    const [, line = ""] = /^ExecStart=.*?main\.js origin ((?:.*\\\n)*.*)$/m.exec(unit) ?? [];
    const options = parseOriginOptions(line.replaceAll("\\\n", " ").split(/\s+/));
    expect(options.given.size).toBeGreaterThan(5);
    refuseOtherWays(options, "tls");
  });

  test("names the path of the program in the package", () => {
    const { bin } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    for (const text of [unit, read("Containerfile")])
      expect(text).toContain(`node_modules/countersign/${bin.countersign}`);
  });
});

test("the container is built from all files of the package", () => {
  const ignore = read("Containerfile.dockerignore").split("\n");
  const needed = [
    "core",
    "worker",
    "origin",
    "cli",
    "template",
    "package.json",
    "package-lock.json",
    "policy.schema.json",
  ];
  for (const name of [...needed, "README.md", "LICENSE"]) expect(ignore).toContain(`!${name}`);
  const configurations = readdirSync(ROOT).filter((name) => /^tsconfig.*\.json$/.test(name));
  expect(configurations.length).toBeGreaterThan(0);
  expect(ignore).toContain("!tsconfig*.json");
});
