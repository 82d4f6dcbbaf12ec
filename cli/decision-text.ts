// One decision as one line for people; machines get the JSON.

import type { LogLine } from "../core/decision.ts";
import { cut, escapeControls } from "../core/shown-text.ts";

/** Time, program, verdict, code, route, subject, and why. */
export function formatDecision(source: string, line: LogLine, now: Date): string {
  const why = line["why"] ?? line["reason"];
  const certificate = line["certificate"] as { subject?: string } | undefined;
  const fields = [
    now.toISOString().slice(11, 19),
    source.padEnd(6),
    line.decision.padEnd(9),
    line["code"] ?? line["sender"] ?? line["crl"] ?? "",
    line["route"] ?? "",
    certificate?.subject ?? "",
    why === undefined ? "" : `(${why})`,
  ];
  // Everything from a certificate or request is escaped as in the log.
  return escapeControls(
    fields
      .filter((field) => field !== "")
      .map((field) => cut(String(field)))
      .join("  "),
  );
}
