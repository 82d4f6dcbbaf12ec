// What may import what: the shape of the program, held by reading its import statements.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Source {
  /** From the root of the repository. */
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

/** Each import that is not among those allowed, as `file: import`. */
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

const CORE_LIBRARIES = isOneOf("jose", "node:buffer", "node:crypto", "node:zlib");

test("the reader of imports finds them all", () => {
  expect(shipped.length).toBeGreaterThan(30);
  const index = worker.find(({ path }) => path === "worker/index.ts");
  expect(index?.imports).toEqual(["countersign:policy", "worker/create-edge.ts"]);
  expect(core.find(({ path }) => path === "core/admission/admit.ts")?.imports).toContain("core/refusal.ts");
});

/** The files of a way through the imports that comes back to where it began. */
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

test("cli prints through output.ts alone, which escapes what strangers wrote", () => {
  const prints = /\bconsole\.(?:log|error|warn|info|debug|trace|dir|table)\b|\bprocess\.std(?:out|err)\.write\b/;
  const printers = readSources("cli").filter(({ text }) => prints.test(text));
  expect(printers.map(({ path }) => path)).toEqual(["cli/output.ts"]);
});

describe("imports", () => {
  test("go in no circle, not even those of types", () => {
    const source = (path: string, ...imports: string[]): Source => ({ path, text: "", imports });
    expect(findCircle([source("a", "b"), source("b", "c"), source("c", "b")])).toEqual(["b", "c", "b"]);
    expect(findCircle([...shipped, ...readSources("cli"), ...readSources("bench")])).toBeUndefined();
  });

  test("core imports itself, its libraries, node:crypto, node:buffer and node:zlib", () => {
    expect(strays(core, (name) => isIn("core")(name) || CORE_LIBRARIES(name))).toEqual([]);
  });

  test("worker imports itself, core and the policy", () => {
    expect(strays(worker, (name) => isIn("worker", "core")(name) || name === "countersign:policy")).toEqual([]);
  });

  test("origin imports itself, core and Hono, with Node's modules in inbox/ and node/ alone", () => {
    const isWeb = (name: string) => isIn("origin", "core")(name) || /^hono(\/|$)/.test(name);
    const isOnNode = ({ path }: Source) => /^origin\/(inbox|node)\//.test(path);
    const onWebStandards = origin.filter((source) => !isOnNode(source));
    expect(onWebStandards.length).toBeGreaterThan(0);
    expect(strays(onWebStandards, isWeb)).toEqual([]);
    const isNode = (name: string) => name.startsWith("node:") || name === "@hono/node-server";
    const isOnPostgres = ({ path }: Source) => path.startsWith("origin/inbox/postgres");
    const [onPostgres, others] = [
      origin.filter(isOnPostgres),
      origin.filter((file) => isOnNode(file) && !isOnPostgres(file)),
    ];
    expect(strays(others, (name) => isWeb(name) || isNode(name))).toEqual([]);
    expect(strays(onPostgres, (name) => isWeb(name) || isNode(name) || name === "pg")).toEqual([]);
  });

  test("the driver of PostgreSQL is loaded when an inbox is in PostgreSQL, not before", () => {
    const importers = origin.filter(({ imports }) => imports.some((name) => name.startsWith("origin/inbox/postgres")));
    const outside = importers.filter(({ path }) => !path.startsWith("origin/inbox/postgres"));
    expect(outside.map(({ path }) => path)).toEqual(["origin/inbox/open.ts"]);
    expect(outside[0]?.text).not.toMatch(/from "\.\/postgres/);
  });

  test("what runs on web standards reaches nothing in inbox/ or node/", () => {
    const onWebStandards = origin.filter(({ path }) => !/^origin\/(inbox|node)\//.test(path));
    expect(strays([...core, ...worker, ...onWebStandards], (name) => !/^origin\/(inbox|node)\//.test(name))).toEqual(
      [],
    );
  });

  test("the door countersign reaches no Hono", () => {
    const importsOf = new Map(shipped.map(({ path, imports }) => [path, imports]));
    const reached = new Set(["origin/index.ts"]);
    for (const path of reached) for (const next of importsOf.get(path) ?? []) reached.add(next);
    expect(reached).toContain("origin/verifier.ts");
    expect([...reached].filter((name) => /^@?hono(\/|$)/.test(name))).toEqual([]);
  });

  test("nothing shipped imports cli, bench or test", () => {
    expect(strays(shipped, (name) => !isIn("cli", "bench", "test")(name))).toEqual([]);
  });

  test("a door of the package passes on what others make, and nobody here goes through it", () => {
    const doors = ["origin/index.ts", "origin/hono.ts", "origin/node/index.ts", "origin/console/index.ts"];
    const all = [...shipped, ...readSources("cli"), ...readSources("bench")];
    expect(strays(all, (name) => !doors.includes(name))).toEqual([]);
    const statements = /^(?:\/\/.*|import "(?:\.\.?\/)+engine\.ts";|export (?:type )?\{[^}]*\} from "[^"]+";|)$/gm;
    for (const { path, text } of origin.filter(({ path }) => doors.includes(path)))
      expect(`${path}: ${text.replaceAll(statements, "").trim()}`).toBe(`${path}: `);
  });

  test("jose is imported by keys.ts alone", () => {
    const importers = shipped.filter(({ imports }) => imports.includes("jose")).map(({ path }) => path);
    expect(importers.sort()).toEqual(["core/assertion/keys.ts"]);
  });
});

test("nothing shipped knows the header by which local tools hand over request.cf", () => {
  expect(shipped.filter(({ text }) => /mf-cf-blob/i.test(text)).map(({ path }) => path)).toEqual([]);
});

test("core reads no clock, no randomness, no environment and no network", () => {
  const ambient =
    /\bDate\.now\(|new Date\(\)|performance\.now|Math\.random|randomUUID|getRandomValues|process\.|\bfetch\(|console\./;
  expect(core.filter(({ text }) => ambient.test(withoutComments(text))).map(({ path }) => path)).toEqual([]);
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}
