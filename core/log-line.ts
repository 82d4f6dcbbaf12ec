// Formats the lines of the log. This code has a file of its own, so that a command that only prints lines does not load the code
// that checks requests.

import type { DecisionWord, LogCode } from "./log-words.ts";
import { bound, escapeControls } from "./shown-text.ts";
import { MAX_CERTIFICATE_FIELD_CHARACTERS, MAX_CHAIN_FIELD_CHARACTERS, MAX_LOG_LINE_BYTES } from "./wire.ts";

/**
 * One line of the log. It says what was decided or what happened, the reason as a code, and the facts. docs/troubleshooting.md
 * explains every word and code.
 */
export type LogLine = Readonly<Record<string, unknown> & { decision: DecisionWord; code?: LogCode | undefined }>;

export type LogLevel = "info" | "warn" | "error";

/** The levels of decisions that somebody should notice. All other decisions have the level `info`. */
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

/** Adds the time and the level to a line. `now` is in Unix milliseconds. A time or a level that the line already has is kept. */
export function stampLine(line: LogLine, now: number): LogLine {
  return { at: new Date(now).toISOString(), level: levelOf(line), ...line };
}

/**
 * RFC 9440 fields up to these lengths are written whole, because a field that was cut cannot be parsed. The parser refuses fields
 * that exceed these lengths.
 */
const WHOLE: ReadonlyMap<string, number> = new Map([
  ["clientCert", MAX_CERTIFICATE_FIELD_CHARACTERS],
  ["clientCertChain", MAX_CHAIN_FIELD_CHARACTERS],
]);

/**
 * Formats a line as one line of JSON. Cuts long values and lists, and escapes characters that control a terminal or reorder text.
 * If the line is still too long, leaves out members and names them in `leftOut`.
 */
export function formatLogLine(line: LogLine): string {
  const bounded = boundLine(line);
  const text = escapeControls(JSON.stringify(bounded));
  const isShort = text.length * MOST_OCTETS <= MAX_LOG_LINE_BYTES || Buffer.byteLength(text) <= MAX_LOG_LINE_BYTES;
  return isShort ? text : formatMembers(keepWhatFits(Object.entries(bounded)));
}

/** The largest number of octets that UTF-8 needs for one UTF-16 code unit. */
const MOST_OCTETS = 3;

/** Cuts long values and lists of a line. Lines that are read from a log are cut too, because a stranger may have written them. */
export function boundLine(line: LogLine): LogLine {
  return Object.fromEntries(Object.entries(line).map(([name, value]) => [name, boundMember(name, value)])) as LogLine;
}

type Member = readonly [name: string, value: unknown];

function formatMembers(members: readonly Member[]): string {
  return escapeControls(JSON.stringify(Object.fromEntries(members)));
}

function boundMember(name: string, value: unknown): unknown {
  return typeof value === "string" && value.length <= (WHOLE.get(name) ?? 0) ? value : bound(value);
}

/**
 * Keeps each member for which there is room, in the order of the line. The verdict is kept, because it comes before its details.
 */
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
