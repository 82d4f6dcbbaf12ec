// A line of the log, as it is written. By itself: a command that only prints should not load what judges a certificate.

import type { DecisionWord, LogCode } from "./log-words.ts";
import { bound, escapeControls, isBounded } from "./shown-text.ts";
import { MAX_CERTIFICATE_FIELD_CHARACTERS, MAX_CHAIN_FIELD_CHARACTERS, MAX_LOG_LINE_BYTES } from "./wire.ts";

/**
 * One line of the log: what was decided or happened, the reason as a code, and the facts. docs/troubleshooting.md explains every
 * word and code.
 */
export type LogLine = Readonly<Record<string, unknown> & { decision: DecisionWord; code?: LogCode | undefined }>;

export type LogLevel = "info" | "warn" | "error";

/** Decisions that somebody should hear of. All others are business as usual. */
const LEVELS: ReadonlyMap<DecisionWord, LogLevel> = new Map([
  ["failed", "error"],
  ["dead", "error"],
  ["dead-letter", "error"],
  ["dead-letters", "warn"],
  ["refused", "warn"],
  ["handshake", "warn"],
  ["retrying", "warn"],
  ["expiring", "warn"],
  ["noticed", "warn"],
  ["warning", "warn"],
]);

export function levelOf({ decision }: LogLine): LogLevel {
  return LEVELS.get(decision) ?? "info";
}

/** The line with when it was written, `now` in Unix milliseconds, and how much it matters. One that says so already stays as it is. */
export function stampLine(line: LogLine, now: number): LogLine {
  return { at: new Date(now).toISOString(), level: levelOf(line), ...line };
}

/** RFC 9440 fields, which are worthless in part: whole up to the length with which they can be read again. */
const WHOLE: ReadonlyMap<string, number> = new Map([
  ["clientCert", MAX_CERTIFICATE_FIELD_CHARACTERS],
  ["clientCertChain", MAX_CHAIN_FIELD_CHARACTERS],
]);

/**
 * One JSON line. Long values and lists are cut, characters that steer a terminal or reorder text are escaped, and of a line
 * that is too long all the same, members are left out and named in `leftOut`.
 */
export function formatLogLine(line: LogLine): string {
  const bounded = boundLine(line);
  const text = escapeControls(JSON.stringify(bounded));
  const isShort = text.length * MOST_OCTETS <= MAX_LOG_LINE_BYTES || Buffer.byteLength(text) <= MAX_LOG_LINE_BYTES;
  return isShort ? text : formatMembers(keepWhatFits(Object.entries(bounded)));
}

/** Of UTF-8, for one UTF-16 code unit. */
const MOST_OCTETS = 3;

/** The line with long values and lists cut: also of one that was read, which anybody may have written. */
export function boundLine(line: LogLine): LogLine {
  if (Object.keys(line).every((name) => isBoundedMember(name, line[name]))) return line;
  return Object.fromEntries(Object.entries(line).map(([name, value]) => [name, boundMember(name, value)])) as LogLine;
}

type Member = readonly [name: string, value: unknown];

function formatMembers(members: readonly Member[]): string {
  return escapeControls(JSON.stringify(Object.fromEntries(members)));
}

function isBoundedMember(name: string, value: unknown): boolean {
  return isBounded(value) || (typeof value === "string" && value.length <= (WHOLE.get(name) ?? 0));
}

function boundMember(name: string, value: unknown): unknown {
  return isBoundedMember(name, value) ? value : bound(value);
}

/** In the order of the line, in which the verdict stands before its details. */
function keepWhatFits(members: readonly Member[]): readonly Member[] {
  const kept: Member[] = [];
  const leftOut: string[] = [];
  let room = MAX_LOG_LINE_BYTES;
  for (const member of members) {
    const size = WHOLE.has(member[0]) ? 0 : Buffer.byteLength(formatMembers([member]));
    if (size > room) {
      leftOut.push(member[0]);
      continue;
    }
    kept.push(member);
    room -= size;
  }
  return [...kept, ["leftOut", bound(leftOut)]];
}
