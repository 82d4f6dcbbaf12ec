// Writes one decision as one line for people. Programs get the JSON line.

import type { LogLine } from "../../core/log-line.ts";
import { cut } from "../../core/shown-text.ts";
import type { Shown } from "../output.ts";
import { bad, type Cell, doubtful, good, tabulate } from "../table.ts";

/** Lines are printed one by one, so columns cannot be measured and have a fixed width. */
const SOURCE_WIDTH = 6;
const DECISION_WIDTH = 9;

/** Formats time, program, verdict, code, route, subject and reason. */
export function formatDecision(source: string, line: LogLine, now: Date): Shown[] {
  const why = line["why"] ?? line["reason"];
  const certificate = line["certificate"] as { subject?: string } | undefined;
  const facts = [
    line["code"] ?? line["sender"] ?? line["crl"] ?? "",
    line["route"] ?? "",
    certificate?.subject ?? "",
    why === undefined ? "" : `(${why})`,
  ];
  const details = facts.filter((fact) => fact !== "").map((fact) => cut(String(fact)));
  return tabulate([
    [now.toISOString().slice(11, 19), source.padEnd(SOURCE_WIDTH), verdictOf(line.decision), details.join("  ")],
  ]);
}

const GOOD: ReadonlySet<string> = new Set(["accepted", "challenge", "forwarded", "queued", "dispatched"]);
const BAD: ReadonlySet<string> = new Set(["refused", "failed", "dead", "dead-letter"]);
const DOUBTFUL: ReadonlySet<string> = new Set(["retrying", "expiring", "noticed"]);

function verdictOf(decision: string): Cell {
  const text = decision.padEnd(DECISION_WIDTH);
  if (GOOD.has(decision)) return good(text);
  if (BAD.has(decision)) return bad(text);
  return DOUBTFUL.has(decision) ? doubtful(text) : text;
}
