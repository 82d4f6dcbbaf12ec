// Reads Countersign's logs: those of an origin, of `dev --json`, and of `wrangler tail --format json`.

import { boundLine, type LogLine } from "../../core/log-line.ts";
import { describeContents, readContents } from "../../origin/contents/file.ts";
import { UsageError } from "../command.ts";
import { MAX_LOG_FILE_BYTES, readText } from "../files/files.ts";

/** A log line, with the request and the time from the surrounding event of `wrangler tail`. */
export interface LogEntry {
  readonly line: LogLine;
  /** The request in the event of `wrangler tail`. */
  readonly request?: { readonly method: string; readonly url: string };
  /** Unix seconds, if the log has the time. */
  readonly at?: number;
}

/** Returns every decision line in the file (`-` is stdin), in order. Skips everything else. @throws UsageError */
export function readLogFile(file: string): LogLine[] {
  return readLogEntries(file).map(({ line }) => line);
}

/** Returns the lines of readLogFile(), each with its request and time if they are known. @throws UsageError */
export function readLogEntries(file: string): LogEntry[] {
  const text = readText(file, MAX_LOG_FILE_BYTES);
  const entries = documentsOf(text).flatMap((document) =>
    isLogLine(document) ? [entryOf(document)] : tailedEntries(document),
  );
  if (entries.length === 0) refuseOtherContents(file, text);
  return entries;
}

/** Refuses a file that cannot be a log. Accepts an empty file, and a log with lines of other programs. @throws UsageError */
function refuseOtherContents(file: string, text: string): void {
  const items = readContents(Buffer.from(text));
  if (items.some(({ kind }) => kind === "json" || kind === "other" || kind === "empty")) return;
  throw new UsageError(
    `${file} is no log, but holds ${describeContents(items)}: give what an origin or the edge printed`,
  );
}

/** Returns the JSON objects of a text. Each is on one line or, as wrangler prints them, between a line `{` and a line `}`. */
function documentsOf(text: string): unknown[] {
  const documents: unknown[] = [];
  let open: string[] | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (open === undefined && line !== "{") documents.push(...parse(line));
    else if (open === undefined) open = [line];
    else open.push(line);
    if (open !== undefined && line === "}") {
      documents.push(...parse(open.join("\n")));
      open = undefined;
    }
  }
  return documents;
}

/** Skips everything before the first brace, because a log collector may write a prefix there. */
function parse(text: string): unknown[] {
  const start = text.indexOf("{");
  if (start < 0) return [];
  try {
    return [JSON.parse(text.slice(start))];
  } catch {
    return [];
  }
}

function entryOf(line: LogLine): LogEntry {
  const milliseconds = Date.parse(typeof line["at"] === "string" ? line["at"] : "");
  return { line: boundLine(line), ...(!Number.isNaN(milliseconds) && { at: Math.floor(milliseconds / 1000) }) };
}

interface TailEvent {
  readonly logs?: readonly ({ readonly message?: unknown } | null)[];
  readonly eventTimestamp?: unknown;
  readonly event?: { readonly request?: { readonly method?: unknown; readonly url?: unknown } | null } | null;
}

/** Returns the lines that a Worker printed, from an event of `wrangler tail`. */
function tailedEntries(document: unknown): LogEntry[] {
  const { logs, eventTimestamp, event } = document as TailEvent;
  if (!Array.isArray(logs)) return [];
  const { method, url } = event?.request ?? {};
  const around = {
    ...(typeof method === "string" && typeof url === "string" && { request: { method, url } }),
    ...(typeof eventTimestamp === "number" && { at: Math.floor(eventTimestamp / 1000) }),
  };
  return logs
    .flatMap((log) => (Array.isArray(log?.message) ? (log.message as unknown[]) : []))
    .flatMap((text) => (typeof text === "string" ? parse(text).filter(isLogLine) : []))
    .map((line) => ({ ...around, ...entryOf(line) }));
}

function isLogLine(document: unknown): document is LogLine {
  return typeof (document as { decision?: unknown } | null)?.decision === "string";
}
