// Looks up what the code of a refusal means, who has to act, and what to do.

import { OPERATIONAL_CODES } from "../../../core/log-words.ts";
import { type Problem, REFUSALS } from "../../../core/refusal.ts";
import type { KeptRefusal } from "../../inbox/refusals/refusals.ts";
import { REFUSAL_ADVICE } from "../../refusal-advice.ts";
import { isoOf } from "../show.ts";

/** The end of the last year with four digits, in Unix seconds. */
const MAX_SECONDS = 253_402_300_800;

export interface Explained {
  readonly meaning: string;
  /** The person who has to act. */
  readonly who: string;
  /** The action that is needed. Empty if nobody has to act. */
  readonly what: string;
}

export function explain({ code, line }: Pick<KeptRefusal, "code" | "line">): Explained {
  if (isCode(REFUSALS, code)) {
    const [who, what] = REFUSAL_ADVICE[code];
    return { meaning: REFUSALS[code][1], who, what };
  }
  if (isCode(OPERATIONAL_CODES, code)) return OPERATIONAL_CODES[code];
  // A log line about a failed handshake contains its cause and its remedy.
  return { meaning: textOf(line["cause"]) || "a handshake that failed", who: "sender", what: textOf(line["remedy"]) };
}

/** Returns the problem that the sender got. Undefined if the code is not one of our refusals. */
export function problemOf(code: string): Problem | undefined {
  return isCode(REFUSALS, code) ? REFUSALS[code][0] : undefined;
}

function isCode<T extends object>(table: T, code: string): code is Extract<keyof T, string> {
  return Object.hasOwn(table, code);
}

export function textOf(value: unknown): string {
  return value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * The members of a log line that are not shown as details of the refusal. Either every refusal may have the member, or the page
 * shows it in a different place.
 */
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

/** Returns the members of the log line that only some refusals have, for example `declared` and `received`. */
export function detailsOf({ code, line }: Pick<KeptRefusal, "code" | "line">) {
  const isHandshake = problemOf(code) === undefined;
  const isShown = (name: string) =>
    !SHOWN_ELSEWHERE.has(name) && !(isHandshake && (name === "cause" || name === "remedy"));
  return Object.entries(line).flatMap(([name, value]) =>
    isShown(name) && value !== undefined ? [[name, detailOf(name, value)] as const] : [],
  );
}

/** The members of a log line whose values are Unix seconds. */
const TIMES: ReadonlySet<string> = new Set(["notBefore", "notAfter", "thisUpdate", "nextUpdate", "timestamp", "now"]);

function detailOf(name: string, value: unknown): string {
  if (TIMES.has(name) && typeof value === "number" && value < MAX_SECONDS) return isoOf(value);
  return Array.isArray(value) ? value.map(textOf).join(", ") : textOf(value);
}

/** The entry of the policy that is nearest to the certificate. */
export interface NearMiss {
  readonly sender: string;
  readonly entry: string;
  /** The members that the certificate did not match, for example `subject.CN`. */
  readonly failed: readonly string[];
}

export function nearMissOf({ line }: Pick<KeptRefusal, "line">): NearMiss | undefined {
  const { sender, entry, failed } = Object(line["nearMiss"]) as Record<string, unknown>;
  if (sender === undefined) return undefined;
  return { sender: textOf(sender), entry: textOf(entry), failed: Array.isArray(failed) ? failed.map(textOf) : [] };
}

/** Returns the members of a kept refusal for JSON. */
export function describeRefusal(refusal: KeptRefusal) {
  const { at, sequence, ...facts } = refusal;
  return { sequence, at: new Date(at).toISOString(), ...facts, ...explain(refusal) };
}
