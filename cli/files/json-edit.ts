// Edits a JSON text so that it means a given value. Parts that need no change stay as their author wrote them: order, spaces, line
// breaks.
// The edit functions of libraries are not used, because they reformat the lines around a change. Also, the edit function of
// `jsonc-parser` can break the text when it removes the last entry.

import { isDeepStrictEqual } from "node:util";
import jsonc from "jsonc-parser";

type Path = readonly (string | number)[];
type Members = Readonly<Record<string, unknown>>;

/** One change at the path of a member or of a list entry. `insert` adds the value at the end of the object or list. */
type Change =
  | { readonly kind: "remove"; readonly path: Path }
  | { readonly kind: "insert" | "replace"; readonly path: Path; readonly value: unknown };

/** The line width of the project's own files. */
const LINE_WIDTH = 120;

/** Changes the text where its value differs from `after`. The text must be JSON in which no member is repeated. */
export function rewriteJson(text: string, after: unknown): string {
  const changed = findChanges(JSON.parse(text), after, []).reduce(applyChange, text);
  if (!isDeepStrictEqual(JSON.parse(changed), JSON.parse(JSON.stringify(after))))
    throw new Error("the changed text does not hold the value that was meant");
  return changed;
}

/**
 * Returns the changes that make `after` from `before`. The last of the superfluous list entries is removed first, so that the
 * indexes of the entries before it stay valid.
 */
function findChanges(before: unknown, after: unknown, path: Path): Change[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) return findEntryChanges(before, after, path);
  if (!isObject(before) || !isObject(after)) return [{ kind: "replace", path, value: after }];
  const removed = Object.keys(before).filter((name) => after[name] === undefined);
  return [
    ...removed.map((name): Change => ({ kind: "remove", path: [...path, name] })),
    ...Object.entries(after).flatMap(([name, value]): Change[] => {
      if (value === undefined) return [];
      const place = [...path, name];
      return Object.hasOwn(before, name)
        ? findChanges(before[name], value, place)
        : [{ kind: "insert", path: place, value }];
    }),
  ];
}

/** Keeps the entries that both lists have in the same order, removes the others, and adds the new ones at the end. */
function findEntryChanges(before: readonly unknown[], after: readonly unknown[], path: Path): Change[] {
  let kept = 0;
  const removed: Change[] = [];
  for (const [index, entry] of before.entries()) {
    if (isDeepStrictEqual(entry, after[kept]) && kept < after.length) kept += 1;
    else removed.unshift({ kind: "remove", path: [...path, index] });
  }
  const added = after.slice(kept).map((value): Change => ({ kind: "insert", path: [...path, -1], value }));
  return [...removed, ...added];
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function applyChange(text: string, change: Change): string {
  const root = jsonc.parseTree(text) as jsonc.Node;
  const { path } = change;
  const last = path.at(-1);
  const holder = nodeAt(root, path.slice(0, -1));
  if (change.kind === "replace") {
    const { offset, length } = nodeAt(root, path);
    const written = formatValue(change.value, indentationAt(text, offset), unitOf(text));
    return splice(text, offset, offset + length, written);
  }
  if (change.kind === "insert") return insertLast(text, holder, last, change.value);
  const children = holder.children ?? [];
  return removeChild(text, holder, typeof last === "number" ? last : children.findIndex((one) => nameOf(one) === last));
}

function nodeAt(root: jsonc.Node, path: Path): jsonc.Node {
  const node = jsonc.findNodeAtLocation(root, [...path]);
  if (node === undefined) throw new Error("the text has no such place");
  return node;
}

function nameOf({ children }: jsonc.Node): unknown {
  return children?.[0]?.value;
}

/**
 * Removes the entry, its comma and white space. The first entry is removed with the comma after it. Any other entry is removed with
 * the comma before it.
 */
function removeChild(text: string, holder: jsonc.Node, index: number): string {
  const { children = [] } = holder;
  const [previous, child, next] = [children[index - 1], children[index], children[index + 1]];
  if (child === undefined) throw new Error("the text has no such member");
  if (previous !== undefined) return splice(text, endOf(previous), endOf(child), "");
  if (next !== undefined) return splice(text, child.offset, next.offset, "");
  return splice(text, holder.offset + 1, endOf(holder) - 1, "");
}

/**
 * Adds an entry after the last entry. The new entry begins with the same white space as the last entry. If the entries are on one
 * line and the new entry does not fit there, the new entry starts a new line.
 */
function insertLast(text: string, holder: jsonc.Node, name: string | number | undefined, value: unknown): string {
  const last = holder.children?.at(-1);
  const at = last === undefined ? holder.offset + 1 : endOf(last);
  const label = typeof name === "string" ? `${JSON.stringify(name)}: ` : "";
  const gap = last === undefined ? "" : (/\s*$/.exec(text.slice(0, last.offset))?.[0] ?? "");
  const inLine = label + formatInLine(value);
  const comma = last === undefined ? "" : ",";
  if (!gap.includes("\n") && inLine.length <= LINE_WIDTH)
    return splice(text, at, at, `${comma}${gap || (last === undefined ? "" : " ")}${inLine}`);
  const unit = unitOf(text);
  const outer = indentationAt(text, holder.offset);
  const indentation = gap.includes("\n") ? gap.slice(gap.lastIndexOf("\n") + 1) : outer + unit;
  const end = eolOf(text);
  const written = `${comma}${end}${indentation}${label}${formatValue(value, indentation, unit, label.length)}`;
  // If the list or object was empty or on one line, its closing bracket is moved to a separate line.
  const isClosedBehind = last !== undefined && /\n/.test(text.slice(at, endOf(holder)));
  if (isClosedBehind) return splice(text, at, at, withEnds(written, end));
  return splice(text, at, endOf(holder) - 1, withEnds(`${written}${end}${outer}`, end));
}

/** Writes the value on one line if it fits. Otherwise each member has a line of its own, as in the rest of a policy. */
function formatValue(value: unknown, indentation: string, unit: string, used = 0): string {
  const inLine = formatInLine(value);
  const members = Array.isArray(value)
    ? value.map((entry): [string, unknown] => ["", entry])
    : isObject(value)
      ? membersOf(value).map(([name, member]): [string, unknown] => [`${JSON.stringify(name)}: `, member])
      : [];
  if (members.length === 0 || indentation.length + used + inLine.length <= LINE_WIDTH) return inLine;
  const inner = indentation + unit;
  const lines = members.map(([label, member]) => inner + label + formatValue(member, inner, unit, label.length));
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${lines.join(",\n")}\n${indentation}${close}`;
}

function formatInLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formatInLine).join(", ")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = membersOf(value).map(([name, member]) => `${JSON.stringify(name)}: ${formatInLine(member)}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

function membersOf(value: Members): [name: string, member: unknown][] {
  return Object.entries(value).filter(([, member]) => member !== undefined);
}

/** Returns the indentation of the line that contains this offset. */
function indentationAt(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(text.lastIndexOf("\n", offset - 1) + 1))?.[0] ?? "";
}

/** Returns the indentation of the first indented line. */
function unitOf(text: string): string {
  return /\n([ \t]+)\S/.exec(text)?.[1] ?? "  ";
}

function eolOf(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
}

function withEnds(written: string, end: string): string {
  return end === "\n" ? written : written.replaceAll(/\r?\n/g, end);
}

function endOf({ offset, length }: jsonc.Node): number {
  return offset + length;
}

function splice(text: string, from: number, to: number, written: string): string {
  return text.slice(0, from) + written + text.slice(to);
}
