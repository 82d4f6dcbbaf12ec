// Tests the structure of the program: which file may import which, and where a file belongs. ARCHITECTURE.md has the rules.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Source {
  /** The path from the root of the repository. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+|\brequire\s*\(\s*)(["'])([\w@./:-]+)\1/g;

function readSources(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => {
      const path = join(folder, name);
      const text = readFileSync(join(ROOT, path), "utf8");
      const imports = [...text.matchAll(IMPORT)].map(([, , specifier = ""]) =>
        specifier.startsWith(".") ? relative(ROOT, join(ROOT, dirname(path), specifier)) : specifier,
      );
      return { path, text, imports };
    });
}

const core = readSources("core");
const worker = readSources("worker");
const origin = readSources("origin");
const shipped = [...core, ...worker, ...origin];

/** Returns each import that is not allowed, as `file: import`. */
function strays(sources: readonly Source[], isAllowed: (specifier: string) => boolean): string[] {
  return sources.flatMap(({ path, imports }) =>
    imports.filter((specifier) => !isAllowed(specifier)).map((specifier) => `${path}: ${specifier}`),
  );
}

const isIn =
  (...folders: string[]) =>
  (specifier: string) =>
    folders.some((folder) => specifier.startsWith(`${folder}/`));
const isOneOf =
  (...names: string[]) =>
  (specifier: string) =>
    names.includes(specifier);

/**
 * The folders of core in their order. A folder may import only from itself and from earlier folders. The empty name is the folder
 * core itself.
 */
const CORE_FOLDERS = [
  "",
  "x509",
  "request",
  "signature",
  "handshake",
  "policy",
  "revocation",
  "trust",
  "admission",
  "delivery",
  "assertion",
  "decision",
];

const CORE_LIBRARIES = isOneOf("jose", "node:buffer", "node:crypto", "node:zlib");

/** Is true for files of the origin that may import modules of Node. The files with the interfaces of the inbox may not. */
function isOnNode(path: string): boolean {
  const isInterface = isOneOf("origin/inbox/inbox.ts", "origin/inbox/attempts.ts", "origin/inbox/refusals/refusals.ts");
  return /^origin\/(inbox|node|service)\//.test(path) && !isInterface(path);
}

/** Returns every file that a file loads, including files that it loads only for types. */
function reach(start: string): ReadonlySet<string> {
  const importsOf = new Map(shipped.map(({ path, imports }) => [path, imports]));
  const reached = new Set([start]);
  for (const path of reached) for (const next of importsOf.get(path) ?? []) reached.add(next);
  return reached;
}

test("the test finds all imports of a file", () => {
  expect(shipped.length).toBeGreaterThan(30);
  const index = worker.find(({ path }) => path === "worker/index.ts");
  expect(index?.imports).toEqual(["countersign:policy", "worker/create-edge.ts"]);
  expect(core.find(({ path }) => path === "core/admission/admit.ts")?.imports).toContain("core/refusal.ts");
});

/** Returns the files of an import cycle. Undefined if there is none. */
function findCircle(sources: readonly Source[]): readonly string[] | undefined {
  const importsOf = new Map(sources.map(({ path, imports }) => [path, imports]));
  const isFree = new Set<string>();
  const follow = (path: string, way: readonly string[]): readonly string[] | undefined => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
    if (isFree.has(path)) return undefined;
    for (const next of importsOf.get(path) ?? []) {
      const circle = follow(next, [...way, path]);
      if (circle !== undefined) return circle;
    }
    isFree.add(path);
    return undefined;
  };
  for (const { path } of sources) {
    const circle = follow(path, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

test("cli prints only through output.ts, which escapes texts of strangers", () => {
  const prints = /\bconsole\.(?:log|error|warn|info|debug|trace|dir|table)\b|\bprocess\.std(?:out|err)\.write\b/;
  const printers = readSources("cli").filter(({ text }) => prints.test(text));
  expect(printers.map(({ path }) => path)).toEqual(["cli/output.ts"]);
});

describe("imports", () => {
  test("form no cycle, not even imports of types", () => {
    const source = (path: string, ...imports: string[]): Source => ({ path, text: "", imports });
    expect(findCircle([source("a", "b"), source("b", "c"), source("c", "b")])).toEqual(["b", "c", "b"]);
    expect(findCircle([...shipped, ...readSources("cli"), ...readSources("bench")])).toBeUndefined();
  });

  test("core imports itself, its libraries, node:crypto, node:buffer and node:zlib", () => {
    expect(strays(core, (name) => isIn("core")(name) || CORE_LIBRARIES(name))).toEqual([]);
  });

  test("core takes the functions of node:crypto from core/crypto.ts", () => {
    const users = core.filter(({ text }) => /^import (?!type )[^;]*"node:crypto"/m.test(text));
    expect(users.map(({ path }) => path)).toEqual(["core/crypto.ts"]);
  });

  test("each folder of core imports only itself and the folders before it", () => {
    const folderOf = (path: string) => path.split("/").slice(1, -1)[0] ?? "";
    expect([...new Set(core.map(({ path }) => folderOf(path)))].sort()).toEqual([...CORE_FOLDERS].sort());
    const uphill = core.flatMap(({ path, imports }) =>
      imports
        .filter((name) => name.startsWith("core/"))
        .filter((name) => CORE_FOLDERS.indexOf(folderOf(name)) > CORE_FOLDERS.indexOf(folderOf(path)))
        .map((name) => `${path}: ${name}`),
    );
    expect(uphill).toEqual([]);
  });

  test("core has exactly the files that the worker loads", () => {
    const loaded = reach("worker/index.ts");
    expect(core.map(({ path }) => path).filter((path) => !loaded.has(path))).toEqual([]);
  });

  test("worker imports itself, core and the policy", () => {
    expect(strays(worker, (name) => isIn("worker", "core")(name) || name === "countersign:policy")).toEqual([]);
  });

  test("origin imports itself, core and Hono, and modules of Node only in its folders for Node", () => {
    const isWeb = (name: string) =>
      isIn("origin", "core")(name) || /^hono(\/|$)/.test(name) || isOneOf("node:buffer", "node:crypto")(name);
    const onWebStandards = origin.filter(({ path }) => !isOnNode(path));
    expect(onWebStandards.length).toBeGreaterThan(0);
    expect(strays(onWebStandards, isWeb)).toEqual([]);
    const isNode = (name: string) => name.startsWith("node:") || name === "@hono/node-server";
    const onNode = origin.filter(({ path }) => isOnNode(path));
    const isMetrics = ({ path }: Source) => path.startsWith("origin/service/metrics/");
    const isOnPostgres = ({ path }: Source) => path.startsWith("origin/inbox/postgres/");
    const others = onNode.filter((source) => !isOnPostgres(source) && !isMetrics(source));
    expect(strays(others, (name) => isWeb(name) || isNode(name))).toEqual([]);
    expect(strays(onNode.filter(isOnPostgres), (name) => isWeb(name) || isNode(name) || name === "pg")).toEqual([]);
    const isOfMetrics = (name: string) => isWeb(name) || isNode(name) || name === "@prometheus-io/client";
    expect(strays(onNode.filter(isMetrics), isOfMetrics)).toEqual([]);
  });

  test("the driver of PostgreSQL is loaded only for an inbox in PostgreSQL", () => {
    const isPostgres = isIn("origin/inbox/postgres");
    const importers = origin.filter(({ path, imports }) => !isPostgres(path) && imports.some(isPostgres));
    expect(importers.map(({ path }) => path)).toEqual(["origin/inbox/open.ts"]);
    expect(importers[0]?.text).not.toMatch(/from "\.\/postgres/);
  });

  test("files for every runtime load nothing from the folders for Node", () => {
    const onWebStandards = origin.filter(({ path }) => !isOnNode(path));
    expect(strays([...core, ...worker, ...onWebStandards], (name) => !isOnNode(name))).toEqual([]);
  });

  test("the door countersign does not load Hono", () => {
    const reached = reach("origin/index.ts");
    expect(reached).toContain("origin/verifier.ts");
    expect([...reached].filter((name) => /^@?hono(\/|$)/.test(name))).toEqual([]);
  });

  test("nothing shipped imports cli, bench or test", () => {
    expect(strays(shipped, (name) => !isIn("cli", "bench", "test")(name))).toEqual([]);
  });

  test("a door of the package only re-exports, and no file here imports a door", () => {
    const doors = ["origin/index.ts", "origin/hono.ts", "origin/node/index.ts", "origin/console/index.ts"];
    const all = [...shipped, ...readSources("cli"), ...readSources("bench")];
    expect(strays(all, (name) => !doors.includes(name))).toEqual([]);
    const statements = /^(?:\/\/.*|import "(?:\.\.?\/)+engine\.ts";|export (?:type )?\{[^}]*\} from "[^"]+";|)$/gm;
    for (const { path, text } of origin.filter(({ path }) => doors.includes(path)))
      expect(`${path}: ${text.replaceAll(statements, "").trim()}`).toBe(`${path}: `);
  });

  test("only keys.ts imports jose", () => {
    const importers = shipped.filter(({ imports }) => imports.includes("jose")).map(({ path }) => path);
    expect(importers.sort()).toEqual(["core/assertion/keys.ts"]);
  });
});

test("no shipped file contains the header with which local tools pass request.cf", () => {
  expect(shipped.filter(({ text }) => /mf-cf-blob/i.test(text)).map(({ path }) => path)).toEqual([]);
});

test("core reads no clock, no randomness, no environment and no network", () => {
  const ambient =
    /\bDate\.now\(|new Date\(\)|performance\.now|Math\.random|randomUUID|getRandomValues|process\.|\bfetch\(|console\./;
  expect(core.filter(({ text }) => ambient.test(withoutComments(text))).map(({ path }) => path)).toEqual([]);
});

describe("places", () => {
  const sources = [...shipped, ...readSources("cli"), ...readSources("bench")];

  test("a file does not repeat the name of its folder", () => {
    const repeated = sources.filter(({ path }) => {
      const [folder = "", file = ""] = path.split("/").slice(-2);
      return file.startsWith(`${folder}-`);
    });
    expect(repeated.map(({ path }) => path)).toEqual([]);
  });

  test("three files with one prefix are a folder", () => {
    const prefixes = sources.flatMap(({ path }) => /^.*\/[a-z0-9]+-/.exec(path)?.[0] ?? []);
    const many = prefixes.filter((prefix, index) => prefixes.indexOf(prefix) === index - 2);
    expect(many).toEqual([]);
  });

  test("a folder holds at least two files", () => {
    const folders = sources.map(({ path }) => dirname(path));
    expect(folders.filter((folder) => folders.filter((other) => other.startsWith(folder)).length < 2)).toEqual([]);
  });

  test("no file has too many lines", () => {
    const long = sources.filter(({ text }) => text.split("\n").length > MOST_LINES);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  test("a test is at the place of its file, or in system/", () => {
    const mirrored = ["core", "worker", "origin", "cli"];
    const folders = new Set(sources.map(({ path }) => dirname(path)));
    const tests = mirrored.flatMap((folder) => readSources(join("test", folder)));
    const lost = tests.filter(({ path }) => !folders.has(relative("test", dirname(path))));
    expect(lost.map(({ path }) => path)).toEqual([]);
  });
});

/** Files have about 200 lines. The few longer files are tables, or hold one idea that would be hard to follow in two files. */
const MOST_LINES = 340;

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}
