// Makes text and facts from strangers safe to show: of limited size, and without characters that control a terminal.

import { MAX_LOGGED_CHARACTERS, MAX_LOGGED_DEPTH, MAX_LOGGED_MEMBERS } from "./wire.ts";

/** Controls (C0, DEL, C1), direction marks, line separators, and characters without width, which nobody sees in a name. */
export const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Matches most texts, faster than the search above. */
const PLAIN = /^[\u0020-\u007e]*$/;

/** Writes characters that control a terminal, reorder text or are invisible as `\uXXXX`. A JSON text still has the same meaning. */
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

/** Cuts a text at the length that the log uses. */
export function cut(text: string): string {
  if (text.length <= MAX_LOGGED_CHARACTERS) return text;
  return `${text.slice(0, MAX_LOGGED_CHARACTERS).replace(/[\ud800-\udbff]$/, "")}…`;
}

/**
 * A copy in which long texts are cut, long lists and objects end with the number of members left out, and deep values are
 * replaced by "…". A copy of the copy is the same.
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

/** Whether bound() would change nothing. This is so for most values, and cheaper to find out than to copy. */
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

/** bound() for named facts, to show a refusal elsewhere than in the log. */
export function boundDetails(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return bound(details) as Readonly<Record<string, unknown>>;
}

function boundList(list: readonly unknown[], depth: number): unknown[] {
  const shown = list.slice(0, countShown(list)).map((member) => bound(member, depth));
  const left = list.length - shown.length;
  return left === 0 ? shown : [...shown, `… and ${left} more`];
}

/** How many members to show: all of them, or one less than the limit, so that the last says how many more there are. */
function countShown({ length }: readonly unknown[]): number {
  return length <= MAX_LOGGED_MEMBERS ? length : MAX_LOGGED_MEMBERS - 1;
}
