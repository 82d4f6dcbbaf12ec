// Tests that every command that would change an inbox file refuses a file on a network file system, except with `--anyway`. A test
// cannot mount a network file system without a server. Instead, a preloaded library replaces statfs(), and reports the type number
// of a network file system.

import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { nameNetwork, requireLocalDisk } from "../../../origin/inbox/network-file-system.ts";
import { openInbox } from "../../../origin/inbox/open.ts";
import { deliveryOf } from "../../support/inbox.ts";
import { type Finished, runCountersign } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const STATFS = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/statfs.h>
int statfs64(const char *path, struct statfs64 *found) {
  int (*real)(const char *, struct statfs64 *) = dlsym(RTLD_NEXT, "statfs64");
  int result = real(path, found);
  if (result == 0) found->f_type = strtoul(getenv("STATFS_TYPE"), NULL, 16);
  return result;
}
int statfs(const char *path, struct statfs *found) { return statfs64(path, (struct statfs64 *)found); }
`;

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

function buildLibrary(): string | undefined {
  if (process.platform !== "linux" || spawnSync("gcc", ["--version"]).status !== 0) {
    console.warn("SKIPPED: the inbox on a network file system, because there is no gcc");
    return undefined;
  }
  const library = join(temporaryDirectory(stack), "statfs.so");
  writeFileSync(`${library}.c`, STATFS);
  execFileSync("gcc", ["-shared", "-fPIC", "-o", library, `${library}.c`, "-ldl"]);
  return library;
}
const library = buildLibrary();

/** Runs the program as if its files were on a file system with this type number. */
const runOn = (type: string, args: readonly string[]): Promise<Finished> =>
  runCountersign(args, "", { LD_PRELOAD: library ?? "", STATFS_TYPE: type });

test("a file system is recognised by its number, signed or unsigned", () => {
  expect(nameNetwork(0x6969)).toBe("NFS");
  expect([nameNetwork(0xff534d42), nameNetwork(0xff534d42 | 0)]).toEqual(["CIFS", "CIFS"]);
  for (const local of [0xef53, 0x01021994, 0x58465342, 0x9123683e, 0x794c7630, 0x65735546])
    expect(nameNetwork(local)).toBeUndefined();
});

test("the disk of this machine is local, also for a file that does not exist yet", () => {
  expect(requireLocalDisk(join(temporaryDirectory(stack), "inbox.sqlite"))).toBeUndefined();
});

describe.skipIf(library === undefined)("an inbox file", () => {
  const REFUSED =
    /inbox\.sqlite is on a network file system \((?:NFS|SMB)\), where SQLite can lose or damage it: .*--anyway/;

  async function makeInbox(folder: string): Promise<string> {
    const file = join(folder, "inbox.sqlite");
    const inbox = await openInbox(file);
    await inbox.accept(deliveryOf({ id: "a", sender: "acme" }), { issuer: "direct", jti: "a", expires: 0 });
    await inbox.close();
    return file;
  }

  test("on NFS or SMB is not created and not changed, except with --anyway", async () => {
    const folder = temporaryDirectory(stack);
    const missing = join(temporaryDirectory(stack), "inbox.sqlite");
    const file = await makeInbox(folder);
    const backup = join(folder, "a.backup");
    // These two commands succeed, because they only read the file.
    expect(await runOn("6969", ["inbox", "list", "--inbox", file])).toMatchObject({ code: 0, stderr: "" });
    expect(await runOn("6969", ["inbox", "backup", backup, "--inbox", file])).toMatchObject({ code: 0 });
    for (const args of [
      ["drop", "a", "--inbox", file],
      ["retry", "a", "--inbox", file],
      ["restore", backup, "--inbox", missing],
    ]) {
      const { code, stdout, stderr } = await runOn("fe534d42", ["inbox", ...args]);
      expect({ code, stdout, lines: stderr.trimEnd().split("\n").length }).toEqual({ code: 2, stdout: "", lines: 1 });
      expect(stderr).toMatch(REFUSED);
    }
    expect(readdirSync(join(missing, ".."))).toEqual([]);
    const insisted = await runOn("6969", ["inbox", "drop", "a", "--anyway", "--inbox", file]);
    expect(insisted).toMatchObject({ code: 0, stdout: "a is done, without being handled\n" });
    expect(insisted.stderr).toMatch(
      /^countersign: \S+ is on a network file system \(NFS\): only one machine may use it/,
    );
    expect(await runOn("6969", ["inbox", "restore", backup, "--anyway", "--inbox", missing])).toMatchObject({
      code: 0,
    });
  });

  test("keeps an origin from starting", async () => {
    const file = join(temporaryDirectory(stack), "inbox.sqlite");
    const keys = ["--issuer", "https://edge.example", "--audience", "https://origin.example"];
    const jwks = join(temporaryDirectory(stack), "keys.json");
    expect(await runCountersign(["keys", "new", "--file", jwks])).toMatchObject({ code: 0 });
    const set = await runCountersign(["keys", "jwks", "--file", jwks]);
    writeFileSync(`${jwks}.public`, set.stdout);
    const args = [
      "origin",
      ...keys,
      "--jwks",
      `${jwks}.public`,
      "--policy",
      "policy.json",
      "--inbox",
      file,
      "--port",
      "0",
    ];
    const { code, stderr } = await runOn("6969", args);
    expect(code).toBe(2);
    expect(stderr).toMatch(REFUSED);
  });

  test("on FUSE is reported, and used", async () => {
    const file = await makeInbox(temporaryDirectory(stack));
    const { code, stderr } = await runOn("65735546", ["inbox", "drop", "a", "--inbox", file]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^countersign: \S+inbox\.sqlite is on a FUSE file system: [^\n]+\n$/);
  });
});

test("the message about a missing inbox has its whole path, and names an inbox in the folder in which npm was started", async () => {
  const folder = temporaryDirectory(stack);
  const name = "elsewhere.sqlite";
  const none = await runCountersign(["inbox", "list", "--inbox", name], "", { INIT_CWD: folder });
  expect(none).toMatchObject({ code: 2, stdout: "" });
  expect(none.stderr).toBe(
    `countersign: ${join(process.cwd(), name)}: there is no such file: give the same --inbox as the origin\n`,
  );
  await (await openInbox(join(folder, name))).close();
  const { stderr, code } = await runCountersign(["inbox", "list", "--inbox", name], "", { INIT_CWD: folder });
  expect(code).toBe(2);
  expect(stderr).toContain(
    `there is no such file; npm runs it in ${process.cwd()}, and you may mean ${join(folder, name)}`,
  );
});
