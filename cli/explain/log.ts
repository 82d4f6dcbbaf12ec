// Finds a decision in a log, or a refusal in an inbox. A log contains the decision, but usually not the certificate. The
// certificate is in the log line of an observed route, in an origin's file of observations, or in an inbox that stored the event
// or the refusal.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { LogLine } from "../../core/log-line.ts";
import { placeOf } from "../../core/policy/policy.ts";
import { formatSignedTarget } from "../../core/request/target.ts";
import { type Chain, urlOfTarget } from "../../origin/explain/question.ts";
import type { InboxReader } from "../../origin/inbox/inbox.ts";
import { describeInbox, folderOfInbox } from "../../origin/inbox/location.ts";
import { readInbox } from "../../origin/inbox/open.ts";
import { awaitRefusals } from "../../origin/inbox/refusals/read.ts";
import { OBSERVATIONS } from "../../origin/service/observations.ts";
import { UsageError } from "../command.ts";
import { observationOf } from "../log/observations.ts";
import { type LogEntry, readLogEntries } from "../log/read.ts";

export interface RecordedDecision extends Omit<LogEntry, "line"> {
  /** Every log line of the decision, from edge and origin, in the order of the log. */
  readonly lines: readonly LogLine[];
  /** SHA-256 of the request's certificate. Undefined if the request had no certificate, or if its certificate could not be read. */
  readonly sha256: string | undefined;
  readonly chain: Chain | undefined;
}

/**
 * Finds a decision by its id, or by the id that the edge gave to the request.
 * @throws UsageError if the log cannot be read or contains no such decision
 */
export async function findDecision(id: string, log: string, inbox: string | undefined): Promise<RecordedDecision> {
  const entries = readLogEntries(log);
  const found = entries.filter(({ line }) => line["id"] === id || line["edgeDecision"] === id);
  if (found.length === 0) throw new UsageError(`${log} holds no decision ${JSON.stringify(id)}`);
  const sha256 = found.map(({ line }) => sha256Of(line)).find((digest) => digest !== undefined);
  const { request } = found.find((entry) => entry.request !== undefined) ?? {};
  const { at } = found.find((entry) => entry.at !== undefined) ?? {};
  return {
    lines: found.map(({ line }) => line),
    sha256,
    chain: sha256 === undefined ? undefined : await findChain({ id, sha256, at }, entries, inbox),
    ...(request !== undefined && { request }),
    ...(at !== undefined && { at }),
  };
}

/**
 * The largest number of refusals that are read for one decision id. Several refusals may have the same id, because an event that is
 * delivered again keeps its id.
 */
const MAX_LOOKED_AT = 10;

/** Finds the latest refusal with this decision id. @throws UsageError if the inbox has no such refusal, or cannot be read */
export async function findKeptDecision(id: string, inbox: string): Promise<RecordedDecision> {
  const found = await readInbox(inbox, async ({ refusals }) => {
    const [latest] = await awaitRefusals(refusals, id, 1);
    return latest && (await refusals.find(latest.sequence));
  });
  if (found === undefined)
    throw new UsageError(
      `${describeInbox(inbox)} keeps no refusal ${JSON.stringify(id)}: the oldest are deleted when there are too many`,
    );
  const { line, at, method, target, certificate, certificateSha256: sha256 } = found;
  return {
    lines: [line],
    sha256,
    chain: certificate && { leaf: certificate.der, intermediates: certificate.intermediates },
    at: Math.floor(at / 1000),
    // The inbox does not keep the query, so the URL has none.
    ...(method !== undefined &&
      target !== undefined && { request: { method, url: urlOfTarget(signedTarget(target, line["route"])) } }),
  };
}

/** Returns the target without its query. If the route names a host, the host comes before the target. */
function signedTarget(target: string, route: unknown): string {
  const [host] = typeof route === "string" ? placeOf({ path: route }) : [""];
  return formatSignedTarget(target.replace(/\?.*$/s, ""), host);
}

/** Returns the certificates that were presented with a refused request of this decision. `at` is its time in Unix seconds. */
async function findRefusedChain({ refusals }: InboxReader, id: string, at = 0): Promise<Chain | undefined> {
  for (const { sequence } of await awaitRefusals(refusals, id, MAX_LOOKED_AT, at * 1000)) {
    const certificate = (await refusals.find(sequence))?.certificate;
    if (certificate !== undefined) return { leaf: certificate.der, intermediates: certificate.intermediates };
  }
  return undefined;
}

function sha256Of({ certificate }: LogLine): string | undefined {
  const digest = (certificate as { sha256?: unknown } | undefined)?.sha256;
  return typeof digest === "string" ? digest : undefined;
}

async function findChain(
  { id, sha256, at }: { readonly id: string; readonly sha256: string; readonly at: number | undefined },
  entries: readonly LogEntry[],
  inbox: string | undefined,
): Promise<Chain | undefined> {
  const kept = join(folderOfInbox(inbox ?? "inbox.sqlite"), OBSERVATIONS);
  const more = existsSync(kept) ? readLogEntries(kept) : [];
  for (const { line } of [...entries, ...more]) {
    if (line.decision !== "observed" || sha256Of(line) !== sha256) continue;
    const observation = observationOf(line);
    if (observation === undefined) continue;
    const { leaf, intermediates } = observation.certificate;
    return { leaf: leaf.base64, intermediates: intermediates.map(({ base64 }) => base64) };
  }
  if (inbox === undefined) return undefined;
  return await readInbox(inbox, async (reader) => {
    const [seen] = await reader.certificates(sha256);
    return seen ? { leaf: seen.der, intermediates: seen.intermediates } : await findRefusedChain(reader, id, at);
  });
}
