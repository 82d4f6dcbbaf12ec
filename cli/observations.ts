// The certificates that observed routes were presented with, kept in a file: one line of the log each, as it was logged.

import { existsSync } from "node:fs";
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
import { appendPrivately } from "./written-files.ts";

export const OBSERVATIONS = "observed.jsonl";
/** Of the file for each route, over all starts of all processes. Certificates that nothing proves have a share of their own. */
const MAX_KEPT = 100;

/** Prints every line, and keeps those of observed certificates beside the inbox, each certificate of a route once. */
export function openLog(inbox: string, print: (line: LogLine) => void): (line: LogLine) => void {
  const file = join(folderOfInbox(inbox), OBSERVATIONS);
  let kept: Kept | undefined;
  return (line) => {
    print(line);
    if (line.decision !== "observed") return;
    try {
      kept ??= new Kept(existsSync(file) ? readLogFile(file) : []);
      if (kept.add(line)) appendPrivately(file, `${formatLogLine({ at: new Date().toISOString(), ...line })}\n`);
    } catch (error) {
      print({ decision: "failed", code: "observation_not_kept", file, cause: String(error) });
    }
  };
}

/** What the file holds. */
class Kept {
  readonly #keys = new Set<string>();
  readonly #sizes = new Map<string, number>();

  constructor(lines: readonly LogLine[]) {
    for (const line of lines) this.add(line);
  }

  /** False for what is there already, or has no room. */
  add(line: LogLine): boolean {
    const share = JSON.stringify([line["route"], line["isProven"] === true]);
    const size = this.#sizes.get(share) ?? 0;
    if (this.#keys.has(keyOf(line)) || size >= MAX_KEPT) return false;
    this.#keys.add(keyOf(line));
    this.#sizes.set(share, size + 1);
    return true;
  }
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
