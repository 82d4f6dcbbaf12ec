// Tests that a secret comes from exactly one place: a variable, a file that a variable names, or the directory of a service's
// credentials.

import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { readSecret, secretFile } from "../../../origin/node/secret-files.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const TEXT = "sesame-0123456789";

let stack: AsyncDisposableStack;
let directory: string;
const at = (name: string) => join(directory, name);
const write = (content: string | Uint8Array, name = "secret") => {
  writeFileSync(at(name), content);
  return at(name);
};

beforeEach(() => {
  stack = new AsyncDisposableStack();
  directory = temporaryDirectory(stack);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await stack.disposeAsync();
});

describe("a secret is read", () => {
  test("from a variable, unchanged", () => {
    vi.stubEnv("ACME_KEY", `${TEXT}\n`);
    expect(readSecret("ACME_KEY")).toBe(`${TEXT}\n`);
    expect(secretFile("ACME_KEY")).toBeUndefined();
  });

  test.each([
    ["without a line end", TEXT],
    ["with one line end", `${TEXT}\n`],
    ["with that of Windows", `${TEXT}\r\n`],
    ["behind a byte order mark", `\ufeff${TEXT}\n`],
  ])("from a file %s", (_, content) => {
    vi.stubEnv("ACME_KEY_FILE", write(content));
    expect(readSecret("ACME_KEY")).toBe(TEXT);
    expect(secretFile("ACME_KEY")).toBe(at("secret"));
  });

  test("with blanks at its ends, which may belong to it", () => {
    vi.stubEnv("ACME_KEY_FILE", write(` ${TEXT} \n`));
    expect(readSecret("ACME_KEY")).toBe(` ${TEXT} `);
  });

  test("from the directory of credentials, by its name alone", () => {
    vi.stubEnv("CREDENTIALS_DIRECTORY", directory);
    expect(readSecret("ACME_KEY")).toBeUndefined();
    write(`${TEXT}\n`, "ACME_KEY");
    expect(readSecret("ACME_KEY")).toBe(TEXT);
    expect(secretFile("ACME_KEY")).toBe(at("ACME_KEY"));
    expect(readSecret("../x/ACME_KEY")).toBeUndefined();
  });

  test("again each time, also through a link", () => {
    mkdirSync(at("..1"));
    write(TEXT, "..1/secret");
    symlinkSync("..1/secret", at("link"));
    vi.stubEnv("ACME_KEY_FILE", at("link"));
    expect(readSecret("ACME_KEY")).toBe(TEXT);
    write("another", "next");
    renameSync(at("next"), at("..1/secret"));
    expect(readSecret("ACME_KEY")).toBe("another");
  });
});

describe("no secret is read from", () => {
  test.each<[string, () => string, RegExp]>([
    ["an empty name", () => "", /^ACME_KEY_FILE: it is empty, and names no file$/],
    ["a file that is not there", () => at("absent"), /^ACME_KEY_FILE: cannot read .*absent: there is no such file$/],
    ["a directory", () => directory, /it is not a file$/],
    ["a pipe or a device", () => "/dev/null", /^ACME_KEY_FILE: cannot read \/dev\/null: it is not a file$/],
    ["an empty file", () => write(""), /secret is empty$/],
    ["a line end alone", () => write("\n"), /secret is empty$/],
    ["two line ends", () => write(`${TEXT}\n\n`), /holds more than one line/],
    ["two lines", () => write(`${TEXT}\n${TEXT}`), /holds more than one line/],
    ["a NUL", () => write(`${TEXT}\0`), /holds more than one line/],
    ["what is no UTF-8", () => write(Buffer.from([0x73, 0xff])), /is not text in UTF-8$/],
    ["UTF-16", () => write(Buffer.from(`\ufeff${TEXT}`, "utf16le")), /is not text in UTF-8$/],
    ["more than any secret has", () => write("x".repeat(65_537)), /larger than 64 KiB/],
  ])("%s", (_, file, message) => {
    vi.stubEnv("ACME_KEY_FILE", file());
    expect(() => readSecret("ACME_KEY")).toThrow(message);
    expect(() => readSecret("ACME_KEY")).not.toThrow(/sesame/);
  });

  test("a file that this user cannot read", () => {
    if (process.getuid?.() === 0) return;
    chmodSync(write(TEXT), 0);
    vi.stubEnv("ACME_KEY_FILE", at("secret"));
    expect(() => readSecret("ACME_KEY")).toThrow(/this user may not read it/);
  });
});

test.each<[string, Readonly<Record<string, string>>]>([
  ["a variable, also an empty one, and a file", { ACME_KEY: "", ACME_KEY_FILE: "secret" }],
  ["a variable and a credential", { ACME_KEY: TEXT, CREDENTIALS_DIRECTORY: "." }],
  ["a file and a credential", { ACME_KEY_FILE: "secret", CREDENTIALS_DIRECTORY: "." }],
])("a secret that is given by %s is refused, and both are named", (_, variables) => {
  write(TEXT);
  write(TEXT, "ACME_KEY");
  for (const [name, value] of Object.entries(variables))
    vi.stubEnv(name, name === "ACME_KEY" ? value : join(directory, value));
  const told = Object.keys(variables).map((name) => (name === "ACME_KEY" ? "the variable ACME_KEY" : name));
  for (const read of [readSecret, secretFile])
    expect(() => read("ACME_KEY")).toThrow(`it is given twice, by ${told[0]} and by ${told[1]}: remove one of them`);
});
