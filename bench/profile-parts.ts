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

/**
 * Returns the time of each part, without the time of the parts that it calls. The name of a part for a function of the runtime is
 * `FILE: FUNCTION`, where FILE calls the function. `bundle` is the text of the worker, in which a comment before each module names
 * its file.
 */
export function splitProfile({ nodes, samples, timeDeltas }: CpuProfile, bundle: string): Parts {
  const fileOf = indexFiles(bundle);
  const partById = new Map<number, string | undefined>();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const walk = ({ id, callFrame, children = [] }: ProfileNode, caller: string): void => {
    const { functionName, url, lineNumber } = callFrame;
    const isOurs = url !== "" && !url.startsWith("node");
    const file = isOurs ? fileOf(lineNumber) : caller;
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

const MODULE = /^\/\/ (?:.*\/)?(?:node_modules\/((?:@[^/]+\/)?[^/]+)\/.*|((?:core|worker|bench)\/.*\.ts))$/;

/**
 * Returns a function that finds the file to which a line of the bundle belongs. For a library, it returns the name of the library.
 */
function indexFiles(bundle: string): (line: number) => string {
  let file = "runtime";
  const files = bundle.split("\n").map((text) => {
    const [isModule, library, own] = MODULE.exec(text) ?? [];
    if (isModule !== undefined) file = own ?? library ?? file;
    return file;
  });
  return (line) => files[line] ?? "runtime";
}
