// Finds facts that JSON.parse does not report: where a text is not JSON, which members are repeated, and where a member is. Only
// JSON.parse decides whether a text is accepted. No message quotes a value, because it may be a secret.

import jsonc from "jsonc-parser";
import { formatPointer } from "../../core/configuration-error.ts";

/** Lines and columns are counted from 1, as in editors. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface RepeatedMember extends Position {
  readonly pointer: string;
}

export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
}

const STRICT = { disallowComments: true, allowTrailingComma: false } as const;

/**
 * The largest depth of a document. A policy has eight levels. Without a limit, the recursive code that walks a document could
 * overflow the stack.
 */
const MAX_DEPTH = 100;

/**
 * Parses strict JSON. If a member is repeated, the last one is used. findRepeatedMembers() reports repeated members.
 * @throws JsonSyntaxError with the position and what was expected there
 */
export function parseJson(text: string): unknown {
  if (isDeeperThan(MAX_DEPTH, text))
    throw new JsonSyntaxError(`it has more than ${MAX_DEPTH} levels of lists and objects`);
  try {
    return JSON.parse(text);
  } catch {
    throw new JsonSyntaxError(describeSyntax(text));
  }
}

/**
 * Returns true if brackets are nested deeper than the limit. Brackets inside strings are not counted. The text need not be valid
 * JSON.
 */
function isDeeperThan(limit: number, text: string): boolean {
  let depth = 0;
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[[{}\]]/gs)) {
    if (token === "[" || token === "{") depth += 1;
    else if (token === "]" || token === "}") depth -= 1;
    if (depth > limit) return true;
  }
  return false;
}

function describeSyntax(text: string): string {
  let fault: string | undefined;
  const onError = (code: jsonc.ParseErrorCode, _: number, __: number, line: number, character: number) => {
    fault ??= `at ${formatPosition({ line: line + 1, column: character + 1 })}, ${nameFault(jsonc.printParseErrorCode(code))}`;
  };
  jsonc.visit(text, { onError }, STRICT);
  return fault ?? "it breaks off";
}

function nameFault(code: string): string {
  if (code === "InvalidCommentToken") return "comments are not allowed: remove it";
  if (code === "PropertyNameExpected") return "a member in double quotes was expected, and no comma before a }";
  return code
    .replace(/(?<!^)[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`)
    .replace(/^[A-Z]/, (one) => one.toLowerCase());
}

/** Returns the members whose name occurred before in the same object, in the order of the text. The text must be JSON. */
export function findRepeatedMembers(text: string): RepeatedMember[] {
  const repeated: RepeatedMember[] = [];
  const open: Set<string>[] = [];
  jsonc.visit(
    text,
    {
      onObjectBegin: () => void open.push(new Set()),
      onObjectEnd: () => void open.pop(),
      onObjectProperty(name, _, __, line, character, path) {
        const names = open.at(-1);
        if (names?.has(name))
          repeated.push({ pointer: formatPointer([...path(), name]), line: line + 1, column: character + 1 });
        names?.add(name);
      },
    },
    STRICT,
  );
  return repeated;
}

/**
 * Returns a function that finds the position of a member in a text. For a missing member, it returns the position of the object in
 * which the member is missing.
 */
export function locateMembers(text: string): (path: readonly string[]) => Position {
  const root = jsonc.parseTree(text);
  const lineStarts = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  return (path) => {
    let node = root;
    for (const member of path) {
      const next = node && childOf(node, member);
      if (next === undefined) break;
      node = next;
    }
    const offset = node?.offset ?? 0;
    const line = lineStarts.findLastIndex((start) => start <= offset);
    return { line: line + 1, column: offset - (lineStarts[line] ?? 0) + 1 };
  };
}

/** Returns the property itself and not only its value, because the position of a member is the position of its name. */
function childOf(node: jsonc.Node, member: string): jsonc.Node | undefined {
  const holder = node.type === "property" ? node.children?.[1] : node;
  if (holder?.type === "array") return holder.children?.[Number(member)];
  return holder?.children?.find(({ children }) => children?.[0]?.value === member);
}

export function formatPosition({ line, column }: Position): string {
  return `line ${line}, column ${column}`;
}
