// A CPU profile as time by part of the code: the files of this project, libraries, and what the runtime does for them.

import type { CpuProfile, ProfileNode } from "./inspector.ts";

/** Microseconds of one part. */
export type Parts = ReadonlyMap<string, number>;

/** What V8 puts into parentheses: `(program)` is the runtime outside of JavaScript. */
const OUTSIDE: ReadonlyMap<string, string | undefined> = new Map([
  ["(idle)", undefined],
  ["(root)", undefined],
  ["(program)", "runtime: I/O and HTTP"],
  ["(garbage collector)", "runtime: garbage collection"],
]);

/**
 * Adds up what each part took by itself. What the runtime does on behalf of a function counts for the file of that function and the
 * name of what it called. `bundle` is the text of the worker, with a comment before each module that names its file.
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

/** The file that a line of the bundle is from; of a library its name. */
function indexFiles(bundle: string): (line: number) => string {
  let file = "runtime";
  const files = bundle.split("\n").map((text) => {
    const [isModule, library, own] = MODULE.exec(text) ?? [];
    if (isModule !== undefined) file = own ?? library ?? file;
    return file;
  });
  return (line) => files[line] ?? "runtime";
}
