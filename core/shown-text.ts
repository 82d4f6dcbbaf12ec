// Makes text and facts from strangers safe to show: limits their size, and escapes characters that control a terminal.

import { MAX_LOGGED_CHARACTERS, MAX_LOGGED_DEPTH, MAX_LOGGED_MEMBERS } from "./wire.ts";

/**
 * Matches controls (C0, DEL, C1), direction marks, line separators, and characters that are invisible because they have no width.
 */
export const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Matches texts that have only visible ASCII and spaces, as most texts do. This test is faster than the search for unseen
 * characters.
 */
const PLAIN = /^[\u0020-\u007e]*$/;

/**
 * Replaces each character that controls a terminal, reorders text or is invisible by `\uXXXX`. In a JSON text, this does not change
 * the meaning.
 */
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

/** Cuts a text at the length limit of the log. */
export function cut(text: string): string {
  if (text.length <= MAX_LOGGED_CHARACTERS) return text;
  return `${text.slice(0, MAX_LOGGED_CHARACTERS).replace(/[\ud800-\udbff]$/, "")}…`;
}

/**
 * Returns a copy of limited size. Long texts are cut. Long lists and objects end with the number of members that were left out.
 * Values that are nested too deep are replaced by "…". If the copy is copied again, nothing more is cut.
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

/** Does the same as `bound()` for the details of a refusal. They are shown in the log and in explanations of a verdict. */
export function boundDetails(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return bound(details) as Readonly<Record<string, unknown>>;
}

function boundList(list: readonly unknown[], depth: number): unknown[] {
  const shown = list.slice(0, countShown(list)).map((member) => bound(member, depth));
  const left = list.length - shown.length;
  return left === 0 ? shown : [...shown, `… and ${left} more`];
}

/**
 * Returns how many members are shown. If there are too many members, one place is kept free for the text that says how many were
 * left out.
 */
function countShown({ length }: readonly unknown[]): number {
  return length <= MAX_LOGGED_MEMBERS ? length : MAX_LOGGED_MEMBERS - 1;
}
