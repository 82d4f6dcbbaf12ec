// The certificates that observed routes were presented with, kept in a file: one line of the log each, as it was logged.

import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { formatLogLine, type LogLine } from "../core/decision.ts";
import type { ClientCertificate } from "../core/presented-certificate.ts";
import {
  parseClientCertChainField,
  parseClientCertField,
  parseClientCertificate,
} from "../core/presented-certificate.ts";
import { folderOfInbox } from "../origin/inbox/location.ts";
import { readLogFile } from "./log-file.ts";

export const OBSERVATIONS = "observed.jsonl";
/** Of the file, over all starts of all processes. */
const MAX_OBSERVATIONS = 1_000;

/** Prints every line, and keeps those of observed certificates beside the inbox, each certificate of a route once. */
export function openLog(inbox: string, print: (line: LogLine) => void): (line: LogLine) => void {
  const file = join(folderOfInbox(inbox), OBSERVATIONS);
  let kept: Set<string> | undefined;
  return (line) => {
    print(line);
    if (line.decision !== "observed") return;
    kept ??= new Set(existsSync(file) ? readLogFile(file).map(keyOf) : []);
    if (kept.has(keyOf(line)) || kept.size >= MAX_OBSERVATIONS) return;
    kept.add(keyOf(line));
    try {
      appendFileSync(file, `${formatLogLine({ at: new Date().toISOString(), ...line })}\n`, { mode: 0o600 });
    } catch (error) {
      print({ decision: "failed", code: "observation_not_kept", file, cause: String(error) });
    }
  };
}

/** One certificate that a route was presented with. */
export interface Observation {
  readonly route: string;
  /** When it was kept; undefined in a log without times. */
  readonly at: string | undefined;
  /** `accepted`, or the code of the refusal. */
  readonly verdict: string;
  readonly isProven: boolean;
  readonly certificate: ClientCertificate;
}

/** The distinct certificates in a log or a file of observations, in the order of first sight. @throws UsageError */
export function readObservations(file: string): Observation[] {
  const byKey = new Map<string, LogLine>();
  for (const line of readLogFile(file)) {
    if (line.decision === "observed" && !byKey.has(keyOf(line))) byKey.set(keyOf(line), line);
  }
  return [...byKey.values()].map(observationOf);
}

/** What one line says. @throws Refusal when its certificate cannot be read */
export function observationOf(line: LogLine): Observation {
  return {
    route: String(line["route"]),
    at: typeof line["at"] === "string" ? line["at"] : undefined,
    verdict: String(line["verdict"]),
    isProven: line["isProven"] === true,
    certificate: parseClientCertificate({
      leaf: parseClientCertField(String(line["clientCert"])),
      intermediates: parseClientCertChainField(String(line["clientCertChain"] ?? "")),
      platform: undefined,
    }),
  };
}

function keyOf(line: LogLine): string {
  return `${(line["certificate"] as { sha256?: string } | undefined)?.sha256} ${line["route"]}`;
}
