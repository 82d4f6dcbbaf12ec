// What a refusal means, who has to act, and how: for the codes of our tables.

import { OPERATIONAL_CODES } from "../../../core/log-words.ts";
import { type Problem, REFUSALS } from "../../../core/refusal.ts";
import type { KeptRefusal } from "../../inbox/refusals/refusals.ts";
import { REFUSAL_ADVICE } from "../../refusal-advice.ts";
import { isoOf } from "../show.ts";

/** Of a year with four digits. */
const MAX_SECONDS = 253_402_300_800;

export interface Explained {
  readonly meaning: string;
  /** Who has to act. */
  readonly who: string;
  /** Empty if nobody has to. */
  readonly what: string;
}

export function explain({ code, line }: Pick<KeptRefusal, "code" | "line">): Explained {
  if (isCode(REFUSALS, code)) {
    const [who, what] = REFUSAL_ADVICE[code];
    return { meaning: REFUSALS[code][1], who, what };
  }
  if (isCode(OPERATIONAL_CODES, code)) return OPERATIONAL_CODES[code];
  // A failed handshake says its cause and its remedy itself.
  return { meaning: textOf(line["cause"]) || "a handshake that failed", who: "sender", what: textOf(line["remedy"]) };
}

/** What the sender was told. Undefined for a code that is none of a refusal of ours. */
export function problemOf(code: string): Problem | undefined {
  return isCode(REFUSALS, code) ? REFUSALS[code][0] : undefined;
}

function isCode<T extends object>(table: T, code: string): code is Extract<keyof T, string> {
  return Object.hasOwn(table, code);
}

export function textOf(value: unknown): string {
  return value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
}

/** Members of a line that every refusal may have, or that the page shows by themselves. */
const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set([
  ...[
    "at",
    "level",
    "decision",
    "id",
    "edgeDecision",
    "method",
    "peer",
    "route",
    "path",
    "sender",
    "certificate",
    "milliseconds",
  ],
  ...["code", "problem", "status", "why", "nearMiss", "verdict", "leftOut", "listener", "factors"],
]);

/** What was compared, as in `declared` and `received`: the members that this refusal has alone. */
export function detailsOf({ code, line }: Pick<KeptRefusal, "code" | "line">) {
  const isHandshake = problemOf(code) === undefined;
  const isShown = (name: string) =>
    !SHOWN_ELSEWHERE.has(name) && !(isHandshake && (name === "cause" || name === "remedy"));
  return Object.entries(line).flatMap(([name, value]) =>
    isShown(name) && value !== undefined ? [[name, detailOf(name, value)] as const] : [],
  );
}

/** Unix seconds in lines. */
const TIMES: ReadonlySet<string> = new Set(["notBefore", "notAfter", "thisUpdate", "nextUpdate", "timestamp", "now"]);

function detailOf(name: string, value: unknown): string {
  if (TIMES.has(name) && typeof value === "number" && value < MAX_SECONDS) return isoOf(value);
  return Array.isArray(value) ? value.map(textOf).join(", ") : textOf(value);
}

/** The entry of the policy that came nearest. */
export interface NearMiss {
  readonly sender: string;
  readonly entry: string;
  /** What the certificate lacked, as in `subject.CN`. */
  readonly failed: readonly string[];
}

export function nearMissOf({ line }: Pick<KeptRefusal, "line">): NearMiss | undefined {
  const { sender, entry, failed } = Object(line["nearMiss"]) as Record<string, unknown>;
  if (sender === undefined) return undefined;
  return { sender: textOf(sender), entry: textOf(entry), failed: Array.isArray(failed) ? failed.map(textOf) : [] };
}

/** The members of a kept refusal in JSON. */
export function describeRefusal(refusal: KeptRefusal) {
  const { at, sequence, ...facts } = refusal;
  return { sequence, at: new Date(at).toISOString(), ...facts, ...explain(refusal) };
}
