// Splits the time of a CPU profile between the parts of the code: files of this project, libraries, and functions of the runtime. A
// function of the runtime is a separate part for each file or library that calls it.

import type { CpuProfile, ProfileNode } from "./inspector.ts";

/** The time in microseconds of each part, by the name of the part. */
export type Parts = ReadonlyMap<string, number>;

/**
 * The names that V8 gives to time outside of functions, each with the part to which the time counts. `(program)` is the work of the
 * runtime outside of JavaScript.
 */
const OUTSIDE: ReadonlyMap<string, string | undefined> = new Map([
  ["(idle)", undefined],
  ["(root)", undefined],
  ["(program)", "runtime: I/O and HTTP"],
  ["(garbage collector)", "runtime: garbage collection"],
]);

/** Returns the part of the code to which a function of this project or of a library belongs. */
export type PartOf = (frame: ProfileNode["callFrame"]) => string;

/**
 * Returns the time of each part, without the time of the parts that it calls. The name of a part for a function of the runtime is
 * `FILE: FUNCTION`, where FILE calls the function.
 */
export function splitProfile({ nodes, samples, timeDeltas }: CpuProfile, fileOf: PartOf): Parts {
  const partById = new Map<number, string | undefined>();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const walk = ({ id, callFrame, children = [] }: ProfileNode, caller: string): void => {
    const { functionName, url } = callFrame;
    const isOurs = url !== "" && !url.startsWith("node");
    const file = isOurs ? fileOf(callFrame) : caller;
    const part = isOurs ? file : `${file}: ${functionName === "" ? "a function without a name" : functionName}`;
    partById.set(id, OUTSIDE.has(functionName) ? OUTSIDE.get(functionName) : part);
    for (const child of children) walk(byId.get(child) as ProfileNode, file);
  };
  walk(nodes[0] as ProfileNode, "runtime");
  const parts = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const part = partById.get(id);
    if (part !== undefined) parts.set(part, (parts.get(part) ?? 0) + (timeDeltas[index] ?? 0));
  }
  return parts;
}

const MODULE = /^(?:.*\/)?(?:node_modules\/((?:@[^/]+\/)?[^/]+)\/.*|((?:core|worker|origin|bench)\/.*\.ts))$/;

/** Returns the part of a module by its URL or path: a file of this project, or the name of a library. */
export function partOfModule(path: string): string | undefined {
  const [, library, own] = MODULE.exec(path) ?? [];
  return own ?? library;
}

/** Returns the part of a function in a bundle, in which a comment before each module names the file of the module. */
export function indexBundle(bundle: string): PartOf {
  let file = "runtime";
  const files = bundle.split("\n").map((text) => {
    if (text.startsWith("// ")) file = partOfModule(text.slice(3)) ?? file;
    return file;
  });
  return ({ lineNumber }) => files[lineNumber] ?? "runtime";
}
