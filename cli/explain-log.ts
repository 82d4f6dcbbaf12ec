// A decision in a log: our own JSON lines, as they are or with something before them, and those within the events of
// `wrangler tail --format json`. The log says what was decided; only a line of an observed route holds the certificate.

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { LogLine } from "../core/decision.ts";
import { parseClientCertChainField, parseClientCertField } from "../core/presented-certificate.ts";
import { UsageError } from "./command.ts";
import type { Chain } from "./explain-question.ts";

export interface RecordedDecision {
  /** Everything that was logged of it, by edge and origin, in the order of the log. */
  readonly lines: readonly LogLine[];
  /** SHA-256 of the certificate that it was about, where there was one. */
  readonly sha256: string | undefined;
  /** The certificate itself, from the line of a route in observe mode. */
  readonly chain: Chain | undefined;
  /** What the platform's event says of the request, around the line. */
  readonly request: { readonly method: string; readonly url: string } | undefined;
  /** Unix seconds, where the log says when. */
  readonly at: number | undefined;
}

interface Entry {
  readonly line: LogLine;
  readonly request?: RecordedDecision["request"];
  readonly at?: number;
}

/**
 * Finds a decision by its id, or by the id that the edge gave it.
 * @throws UsageError when the log cannot be read or holds no such decision
 */
export async function findDecision(id: string, file: string): Promise<RecordedDecision> {
  const found: Entry[] = [];
  const chains = new Map<unknown, LogLine>();
  try {
    for await (const entry of readEntries(file)) {
      const { line } = entry;
      if (line["id"] === id || line["edgeDecision"] === id) found.push(entry);
      if (typeof line["clientCert"] === "string") chains.set(sha256Of(line), line);
    }
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
  if (found.length === 0) throw new UsageError(`${file} holds no decision ${JSON.stringify(id)}`);
  const sha256 = found.map(({ line }) => sha256Of(line)).find((digest) => digest !== undefined);
  const observed = sha256 === undefined ? undefined : chains.get(sha256);
  return {
    lines: found.map(({ line }) => line),
    sha256,
    chain: observed && readChain(observed),
    request: found.find(({ request }) => request !== undefined)?.request,
    at: found.find(({ at }) => at !== undefined)?.at,
  };
}

function sha256Of({ certificate }: LogLine): string | undefined {
  const digest = (certificate as { sha256?: unknown } | undefined)?.sha256;
  return typeof digest === "string" ? digest : undefined;
}

function readChain({ clientCert, clientCertChain }: LogLine): Chain {
  return {
    leaf: parseClientCertField(String(clientCert)),
    intermediates: parseClientCertChainField(typeof clientCertChain === "string" ? clientCertChain : ""),
  };
}

async function* readEntries(file: string): AsyncGenerator<Entry> {
  const input = file === "-" ? process.stdin : createReadStream(file);
  // Without this a file that is not there ends the process, and not the loop.
  const failed = new Promise<never>((_, reject) => input.once("error", reject));
  failed.catch(() => undefined);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const values = readValues(lines);
  for (;;) {
    const next = await Promise.race([values.next(), failed]);
    if (next.done) return;
    yield* entriesOf(next.value);
  }
}

/** The JSON objects of a log: one a line, or printed over several lines that end with a lone brace. */
async function* readValues(lines: AsyncIterable<string>): AsyncGenerator<Record<string, unknown>> {
  let open: string[] | undefined;
  for await (const line of lines) {
    if (open === undefined && line === "{") open = [];
    open?.push(line);
    const isWhole = open === undefined || line === "}";
    const text = open === undefined ? line.slice(Math.max(0, line.indexOf("{"))) : open.join("\n");
    const value = isWhole ? parseObject(text) : undefined;
    if (isWhole) open = undefined;
    if (value !== undefined) yield value;
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function entriesOf(value: Readonly<Record<string, unknown>>): Entry[] {
  if (isLogLine(value)) return [{ line: value }];
  const { logs, eventTimestamp, event } = value as {
    logs?: unknown;
    eventTimestamp?: unknown;
    event?: { request?: { method?: unknown; url?: unknown } } | null;
  };
  if (!Array.isArray(logs)) return [];
  const { method, url } = event?.request ?? {};
  return logs
    .flatMap((log: { message?: unknown } | null) => [log?.message].flat())
    .map((message): Readonly<Record<string, unknown>> => (typeof message === "string" && parseObject(message)) || {})
    .filter(isLogLine)
    .map((line) => ({
      line,
      ...(typeof method === "string" && typeof url === "string" && { request: { method, url } }),
      ...(typeof eventTimestamp === "number" && { at: Math.floor(eventTimestamp / 1000) }),
    }));
}

function isLogLine(value: Readonly<Record<string, unknown>>): value is LogLine {
  return typeof value["decision"] === "string";
}
