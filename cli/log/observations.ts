// Keeps the certificates that senders presented at observed routes, in a file with one line of the log for each.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { identityOf, shareOf } from "../../core/decision/observation.ts";
import { formatLogLine, type LogLine, stampLine } from "../../core/log-line.ts";
import { Refusal } from "../../core/refusal.ts";
import type { ClientCertificate } from "../../core/x509/client-certificate.ts";
import {
  parseClientCertChainField,
  parseClientCertField,
  parseClientCertificate,
} from "../../core/x509/client-certificate.ts";
import { folderOfInbox } from "../../origin/inbox/location.ts";
import { appendPrivately } from "../files/write.ts";
import { readLogFile } from "./read.ts";

export const OBSERVATIONS = "observed.jsonl";
/** The most certificates in each share of the file, over all starts of all processes. */
const MAX_KEPT = 100;

/** A log that prints every line, and appends lines about observed certificates to a file beside the inbox, once for each route. */
export function openLog(inbox: string, print: (line: LogLine) => void): (line: LogLine) => void {
  const file = join(folderOfInbox(inbox), OBSERVATIONS);
  let kept: Kept | undefined;
  return (line) => {
    print(line);
    if (line.decision !== "observed") return;
    try {
      kept ??= new Kept(existsSync(file) ? readLogFile(file) : []);
      if (kept.add(line)) appendPrivately(file, `${formatLogLine(stampLine(line, Date.now()))}\n`);
    } catch (error) {
      print({ decision: "failed", code: "observation_not_kept", file, cause: String(error) });
    }
  };
}

/** The certificates in the file, by share. Proven certificates have their own share, so strangers cannot fill it. */
class Kept {
  readonly #shares = new Map<string, Set<string>>();

  constructor(lines: readonly LogLine[]) {
    for (const line of lines) if (line.decision === "observed") this.add(line);
  }

  /** Adds the line. Returns false if its certificate is known already, or its share is full. */
  add(line: LogLine): boolean {
    const share = this.#shares.get(shareOf(line)) ?? new Set();
    this.#shares.set(shareOf(line), share);
    const identity = identityOf(line);
    if (share.has(identity) || share.size >= MAX_KEPT) return false;
    share.add(identity);
    return true;
  }
}

/** A certificate that was presented at a route. */
export interface Observation {
  readonly route: string;
  /** When it was logged. Undefined if the log has no times. */
  readonly at: string | undefined;
  /** `accepted`, or the code of the refusal. */
  readonly verdict: string;
  readonly isProven: boolean;
  /** False if the request was accepted by other factors, whatever its certificate is. */
  readonly isReason: boolean;
  readonly certificate: ClientCertificate;
}

/**
 * The distinct certificates in a log or a file of observations, in the order in which they were first seen. A certificate that was
 * proven at least once is reported as proven. @throws UsageError
 */
export function readObservations(file: string): Observation[] {
  const byKey = new Map<string, LogLine>();
  for (const line of readLogFile(file)) {
    if (line.decision !== "observed") continue;
    const key = `${identityOf(line)} ${line["route"]}`;
    const known = byKey.get(key);
    if (known === undefined || (line["isProven"] === true && known["isProven"] !== true)) byKey.set(key, line);
  }
  return [...byKey.values()].flatMap((line) => observationOf(line) ?? []);
}

/** Parses one line. Undefined if its certificate cannot be parsed. */
export function observationOf(line: LogLine): Observation | undefined {
  try {
    return parseObservation(line);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function parseObservation(line: LogLine): Observation {
  const { factors } = line;
  return {
    route: String(line["route"]),
    at: typeof line["at"] === "string" ? line["at"] : undefined,
    verdict: String(line["verdict"]),
    isProven: line["isProven"] === true,
    isReason: !Array.isArray(factors) || factors.includes("mtls"),
    certificate: parseClientCertificate({
      leaf: parseClientCertField(String(line["clientCert"])),
      intermediates: parseClientCertChainField(String(line["clientCertChain"] ?? "")),
      platform: undefined,
    }),
  };
}
