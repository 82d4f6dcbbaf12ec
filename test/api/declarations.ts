// Builds the package as a user's program sees it, and reads the types of its doors. A door is an entry of `exports` in
// package.json.

import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TSC = join(ROOT, "node_modules/typescript/bin/tsc");

/** Runs the compiler. @throws Error with the compiler's output if it finds a fault */
export async function compile(...args: readonly string[]): Promise<void> {
  const { stdout = "", code } = await promisify(execFile)(process.execPath, [TSC, ...args]).then(
    () => ({ stdout: "", code: 0 }),
    (error: { stdout?: string; code?: unknown }) => error,
  );
  if (code !== 0) throw new Error(`tsc ${args.join(" ")}:\n${stdout}`);
}

/** Writes the package into `folder`, with its types but without its code. */
export async function buildDeclarations(folder: string): Promise<void> {
  await buildPackage(folder, "--emitDeclarationOnly");
}

/** Writes the package into `folder`, as it is published. Returns the folder. */
export async function buildPackage(folder: string, ...args: readonly string[]): Promise<string> {
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(ROOT, "package.json"), join(folder, "package.json"));
  await compile("-p", join(ROOT, "tsconfig.package.json"), "--outDir", join(folder, "dist"), ...args);
  return folder;
}

/**
 * Links packages of this repository into a project. `own` is the package's name here. `name` is its name in the project, if the
 * names differ.
 */
export function linkPackages(project: string, ...names: readonly (readonly [own: string, name?: string])[]): void {
  for (const [own, name = own] of names) {
    const link = join(project, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", own), link);
  }
}

/**
 * Returns the declarations file of each door (entry of `exports` in package.json), by the name under which a program imports the
 * door.
 */
export function doorsOf(folder: string): Map<string, string> {
  const { name, exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    name: string;
    exports: Record<string, string | { types: string }>;
  };
  const doors = Object.entries(exports).flatMap(([path, target]): [string, string][] =>
    typeof target === "string" ? [] : [[name + path.slice(1), join(folder, target.types)]],
  );
  return new Map(doors);
}

const COMMENT = String.raw`(?:\/\*\*(?:[^*]|\*(?!\/))*\*\/\n)?`;
const DECLARATION = new RegExp(
  String.raw`^(${COMMENT})export (?:declare )?(?:abstract )?(?:class|const|function|interface|type) (\w+)`,
  "gm",
);
const REEXPORT = /^export (?:type )?\{([^}]*)\} from "([^"]+)";/gm;

export interface Declaration {
  readonly name: string;
  /** The comment of the declaration. Empty if there is none. */
  readonly comment: string;
  /** The text of the declaration with its comment. */
  readonly text: string;
}

/**
 * Returns the exports of a declarations file in their order. Re-exports come first, each with the declaration from its own file.
 */
export function readExports(file: string): Declaration[] {
  const text = readFileSync(file, "utf8");
  const own = [...text.matchAll(DECLARATION)].map(({ index, 1: comment = "", 2: name = "" }): Declaration => {
    const rest = text.slice(index);
    return { name, comment, text: rest.slice(0, endOfStatement(rest, comment.length)) };
  });
  const passedOn = [...text.matchAll(REEXPORT)].flatMap(([, names = "", from = ""]) => {
    const there = readExports(join(dirname(file), from.replace(/\.[jt]s$/, ".d.ts")));
    return names
      .split(",")
      .filter((entry) => entry.trim() !== "")
      .map((entry) => {
        const name = entry.replace(/^\s*type\s+/, "").trim();
        const found = there.find((declaration) => declaration.name === name);
        if (found === undefined) throw new Error(`${file}: ${name} is not found in ${from}`);
        return found;
      });
  });
  return [...passedOn, ...own];
}

/**
 * Returns the end of the line that closes all open brackets. That line ends with a brace for a class or an interface, and with a
 * semicolon for all other declarations.
 */
function endOfStatement(text: string, from: number): number {
  const last = /^export (?:declare )?(?:abstract )?(?:class|interface)/.test(text.slice(from)) ? "}" : ";";
  let depth = 0;
  for (let index = from; index < text.length; index += 1) {
    const character = text[index] ?? "";
    if ("{([".includes(character)) depth += 1;
    if ("})]".includes(character)) depth -= 1;
    if (depth === 0 && character === "\n" && text[index - 1] === last) return index;
  }
  return text.length;
}
