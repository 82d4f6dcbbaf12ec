// Reads certificates that senders presented at observed routes. The source is an origin's file of observations, or any log.

import { identityOf } from "../../core/decision/observation.ts";
import type { LogLine } from "../../core/log-line.ts";
import { Refusal } from "../../core/refusal.ts";
import type { ClientCertificate } from "../../core/x509/client-certificate.ts";
import {
  parseClientCertChainField,
  parseClientCertField,
  parseClientCertificate,
} from "../../core/x509/client-certificate.ts";
import { readLogFile } from "./read.ts";

/** A certificate that was presented at a route. */
export interface Observation {
  readonly route: string;
  /** The time of the log line. Undefined if the log has no times. */
  readonly at: string | undefined;
  /** `accepted`, or the code of the refusal. */
  readonly verdict: string;
  readonly isProven: boolean;
  /** False if the request was accepted by factors other than the certificate. Then `verdict` says nothing about the certificate. */
  readonly isReason: boolean;
  readonly certificate: ClientCertificate;
}

/**
 * Returns the distinct certificates in a log or a file of observations, in the order in which they were first seen. A certificate
 * that was proven at least once is reported as proven.
 * @throws UsageError
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
