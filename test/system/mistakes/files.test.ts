// Tests files and folders that a command cannot use. The message must name the file, and the part of its path that is wrong.

import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openInbox } from "../../../origin/inbox/open.ts";
import { describeFileFault } from "../../../origin/node/file-faults.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { tellOf } from "./told.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const directory = temporaryDirectory(stack);
const file = (name: string) => join(directory, name);

beforeAll(async () => {
  mkdirSync(file("folder"));
  writeFileSync(file("empty"), "");
  writeFileSync(file("text"), "no database");
  symlinkSync("nowhere", file("link"));
  symlinkSync("circle", file("circle"));
  const foreign = new DatabaseSync(file("foreign"));
  foreign.exec("CREATE TABLE t (a)");
  foreign.close();
  await (await openInbox(file("inbox"))).close();
});

/** Files that cannot be read, each with the reason in the message. Every command that reads a file must give this reason. */
const UNREADABLE: readonly (readonly [name: string, told: string])[] = [
  ["missing", "there is no such file"],
  ["none/a/b", "the folder DIR/none does not exist"],
  ["text/a", "DIR/text is not a folder"],
  ["folder", "it is a directory"],
  ["link", "it is a link to a file that does not exist"],
  ["circle", "its links lead in a circle"],
  [`${"x".repeat(300)}`, "its name is too long"],
];

const READERS = [
  "policy check --policy FILE",
  "policy deny --policy NEW FILE",
  "policy observed FILE",
  "policy expiring --certificate FILE",
  "keys jwks --file FILE",
  "explain --route / --certificate FILE",
  "send http://127.0.0.1:1/ --body FILE",
  "send https://127.0.0.1:1/ --ca FILE",
];

test.each(UNREADABLE)("what cannot be read: %s", async (name, why) => {
  for (const line of READERS) {
    const { code, text } = await tellOf(line.replace("FILE", file(name)).replace("NEW", file("new")).split(" "));
    expect([line, code, text]).toEqual([line, 2, `cannot read ${file(name)}: ${why.replace("DIR", directory)}`]);
  }
});

test.each([
  ["keys new --file DIR/none/keys.json", "cannot write DIR/none/keys.json: the folder DIR/none does not exist"],
  ["keys new --file DIR/text/keys.json", "cannot write DIR/text/keys.json: DIR/text is not a folder"],
  ["vectors --file DIR/text/a/b", "cannot make the folder DIR/text/a: DIR/text is not a folder"],
  ["init DIR/text --yes", "cannot make the folder DIR/text: a file is there"],
  ["dev --state DIR/text", "cannot make the folder DIR/text: a file is there"],
  ["inbox backup DIR/none/b --inbox DIR/inbox", "cannot write DIR/none/b: the folder DIR/none does not exist"],
  ["inbox backup DIR/text/b --inbox DIR/inbox", "cannot write DIR/text/b: DIR/text is not a folder"],
  [
    "inbox backup DIR/text --inbox DIR/inbox",
    "DIR/text is there already: a backup is a new file, and overwrites nothing",
  ],
])("what cannot be written: %s", async (line, told) => {
  const { code, text } = await tellOf(line.replaceAll("DIR", directory).split(" "));
  expect([code, text]).toEqual([2, told.replaceAll("DIR", directory)]);
});

const GIVE = "give the same --inbox as the origin";

/**
 * Files that are not an inbox, each with its message. Every command that reads an inbox must give this message. The second message
 * is that of `inbox restore`, which reads the file as a backup.
 */
test.each([
  ["missing", `DIR/missing: there is no such file: ${GIVE}`, "DIR/missing: there is no such file"],
  [
    "none/a",
    `DIR/none/a: the folder DIR/none does not exist: ${GIVE}`,
    "DIR/none/a: the folder DIR/none does not exist",
  ],
  ["folder", "DIR/folder: it is not a file", undefined],
  ["empty", "DIR/empty is empty: no origin has kept events in it", undefined],
  ["text", "DIR/text: it is not a SQLite file (file is not a database)", undefined],
  ["foreign", "DIR/foreign is not an inbox but another program's database", undefined],
])("what is no inbox: %s", async (name, told, backup = told) => {
  const lines = ["inbox list", "inbox show ID", "inbox retry ID", "policy expiring", "explain --event ID"];
  const common = name === "missing" ? [] : ["inbox backup DIR/new"];
  writeFileSync(file("policy"), "{}");
  for (const line of [...lines, ...common]) {
    const args = [...line.replace("DIR", directory).split(" "), "--inbox", file(name)];
    const own = line === "policy expiring" ? ["--policy", join(dirname(import.meta.dirname), "../../policy.json")] : [];
    const end = await tellOf([...args, ...own]);
    expect([line, end.code, end.text]).toEqual([line, 2, told.replaceAll("DIR", directory)]);
  }
  const end = await tellOf(["inbox", "restore", file(name), "--inbox", file("restored")]);
  expect([end.code, end.text]).toEqual([2, backup.replaceAll("DIR", directory)]);
});

test.each([
  ["postgress://u:HUSH@h/db", "has a scheme that is not spelt postgres://"],
  ["pg://u:HUSH@h/db", "has a scheme that is not spelt postgres://"],
  ["mysql://u:HUSH@h/db", "is a URL of another kind"],
])("a URL that is not that of an inbox: %s", async (inbox, what) => {
  const { code, text } = await tellOf(["inbox", "list", "--inbox", inbox]);
  const form = "the inbox is the path of a file, or postgres://USER:PASSWORD@HOST:PORT/DATABASE";
  expect([code, text]).toEqual([2, `${form}; what is given ${what}`]);
});

test("what this user may not do, and what the disk refuses", () => {
  const told = (code: string, name: string) => describeFileFault(Object.assign(new Error(code), { code }), file(name));
  expect(told("ENOSPC", "a")).toBe("the disk is full");
  expect(told("EROFS", "a")).toBe("it is on a read-only file system");
  expect(told("EACCES", "new")).toBe(`this user may not write into the folder ${directory}`);
  if (process.getuid?.() === 0) return;
  writeFileSync(file("closed"), "");
  chmodSync(file("closed"), 0);
  expect(told("EACCES", "closed")).toBe("this user may not read it");
  chmodSync(file("folder"), 0);
  expect(told("EACCES", "folder/a")).toBe(`this user may not enter the folder ${file("folder")}`);
  chmodSync(file("folder"), 0o700);
});

test("npm runs the program in another folder: the message names the file in the user's folder", async () => {
  vi.stubEnv("INIT_CWD", directory);
  const { text } = await tellOf(["policy", "check", "--policy", "text"]);
  expect(text).toBe(
    `cannot read text: there is no such file; npm runs it in ${process.cwd()}, and you may mean ${file("text")}`,
  );
  vi.unstubAllEnvs();
});

const POLICY_READERS = [
  "policy check --policy FILE",
  "policy show --policy FILE",
  "policy remove --sender acme --policy FILE",
  "policy expiring --policy FILE",
  "policy try FILE --inbox DIR/inbox",
  "explain --route / --policy FILE",
  "origin --policy FILE --issuer https://edge.example --audience https://origin.example --jwks DIR/jwks.json",
];

test.each([
  ['{"keys":[]}', "a set of keys", "--jwks takes the public one of an edge"],
  ['{"kty":"EC"}', "a key", "--jwks takes the public set of an edge"],
  ['{"compatibility_date":"2026-10-01"}', "a wrangler file", "policy check --edge --wrangler takes it"],
])("what is no policy: %s", async (text, what, taker) => {
  writeFileSync(file("other.json"), text);
  for (const line of POLICY_READERS) {
    const { code, text } = await tellOf(
      line.replace("FILE", file("other.json")).replaceAll("DIR", directory).split(" "),
    );
    expect([line, code, text]).toEqual([
      line,
      2,
      expect.stringContaining(
        `${file("other.json")} holds ${what} and no policy: give the file of the policy (${taker})`,
      ),
    ]);
  }
});
