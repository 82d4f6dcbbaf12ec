// Reads logs of ours back: of an origin, of `dev --json`, and of `wrangler tail --format json`.

import type { LogLine } from "../core/decision.ts";
import { readText } from "./files.ts";

/** Every line of ours in the file (`-` is stdin), in order; anything else in it is passed over. @throws UsageError */
export function readLogFile(file: string): LogLine[] {
  return documentsOf(readText(file)).flatMap((document) => [
    ...(isLogLine(document) ? [document] : []),
    ...tailedLines(document),
  ]);
}

/** The JSON objects of a text: each on one line, or, as wrangler prints them, from a `{` to a `}` that stand alone. */
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

function parse(text: string): unknown[] {
  if (!text.startsWith("{")) return [];
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
}

/** What a Worker printed, inside an event of `wrangler tail`. */
function tailedLines(document: unknown): LogLine[] {
  const { logs } = document as { logs?: unknown };
  if (!Array.isArray(logs)) return [];
  return logs.flatMap(({ message }: { message?: unknown }) =>
    (Array.isArray(message) ? message : []).flatMap((text) =>
      typeof text === "string" ? parse(text).filter(isLogLine) : [],
    ),
  );
}

function isLogLine(document: unknown): document is LogLine {
  return typeof (document as { decision?: unknown } | null)?.decision === "string";
}
