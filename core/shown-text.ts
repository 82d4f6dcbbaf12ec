// Text and facts that a stranger may have written, made fit to be shown: bounded, and without what a terminal obeys.

import { MAX_LOGGED_CHARACTERS, MAX_LOGGED_DEPTH, MAX_LOGGED_MEMBERS } from "./wire.ts";

/** Controls (C0, DEL, C1), marks of direction, separators of lines, and what has no width: in a name nobody sees them. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Most texts, for which the search above is slow. */
const PLAIN = /^[\u0020-\u007e]*$/;

/** Writes what steers a terminal, reorders text or is not seen as `\uXXXX`: in JSON it reads as before. */
export function escapeControls(text: string): string {
  return PLAIN.test(text) ? text : text.replace(UNSEEN, escapeUnits);
}

function escapeUnits(character: string): string {
  let escaped = "";
  for (let index = 0; index < character.length; index += 1) {
    escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}

/** Cuts a text where the log cuts it. */
export function cut(text: string): string {
  if (text.length <= MAX_LOGGED_CHARACTERS) return text;
  return `${text.slice(0, MAX_LOGGED_CHARACTERS).replace(/[\ud800-\udbff]$/, "")}…`;
}

/**
 * A copy with long texts cut, of long lists the first members and how many more there are, and nothing below a few levels.
 * A copy of the copy is the same.
 */
export function bound(value: unknown, depth = MAX_LOGGED_DEPTH): unknown {
  if (typeof value === "string") return cut(value);
  if (typeof value === "bigint") return cut(String(value));
  if (typeof value !== "object" || value === null) return value;
  if ("toJSON" in value && typeof value.toJSON === "function") return bound(value.toJSON(), depth);
  if (depth === 0) return "…";
  if (Array.isArray(value)) return boundList(value, depth - 1);
  const members = Object.entries(value);
  const shown = members.slice(0, countShown(members)).map(([name, member]) => [cut(name), bound(member, depth - 1)]);
  const left = members.length - shown.length;
  return Object.fromEntries(left === 0 ? shown : [...shown, ["…", `and ${left} more`]]);
}

/** Whether a copy would be the same, as of most facts: looking is cheaper. */
export function isBounded(value: unknown, depth = MAX_LOGGED_DEPTH): boolean {
  if (typeof value === "string") return value.length <= MAX_LOGGED_CHARACTERS;
  if (typeof value !== "object" || value === null) return typeof value !== "bigint";
  if (depth === 0 || "toJSON" in value) return false;
  const names = Object.keys(value);
  return (
    names.length <= MAX_LOGGED_MEMBERS &&
    names.every(
      (name) => name.length <= MAX_LOGGED_CHARACTERS && isBounded((value as Record<string, unknown>)[name], depth - 1),
    )
  );
}

/** The same of named facts, for whoever tells of a refusal otherwise than in the log. */
export function boundDetails(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return bound(details) as Readonly<Record<string, unknown>>;
}

function boundList(list: readonly unknown[], depth: number): unknown[] {
  const shown = list.slice(0, countShown(list)).map((member) => bound(member, depth));
  const left = list.length - shown.length;
  return left === 0 ? shown : [...shown, `… and ${left} more`];
}

/** All of them, or one less than the most, to say how many more there are. */
function countShown({ length }: readonly unknown[]): number {
  return length <= MAX_LOGGED_MEMBERS ? length : MAX_LOGGED_MEMBERS - 1;
}
