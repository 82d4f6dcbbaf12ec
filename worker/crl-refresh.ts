// What the cron trigger runs: fetches every revocation list that the policy names into Workers KV.
// A list is kept under its source, as DER, until a better one replaces it. Requests read it in crl-cache.ts.

import { type Crl, parseCrl } from "../core/crl.ts";
import {
  acceptCrl,
  type Condition,
  CRL_FETCH_DEADLINE_MILLISECONDS,
  CRL_REQUEST_HEADERS,
  conditionAfter,
  describeCrl,
  digestOf,
  readCrlResponse,
} from "../core/crl-source.ts";
import type { LogLine } from "../core/decision.ts";
import { describeCause } from "../core/failure-cause.ts";
import type { Policy } from "../core/policy.ts";
import { showUrl } from "../core/secure-url.ts";

/** An isolate has 128 MB, where the kept list and the new one are read side by side; KV takes 25 MiB. */
export const MAX_EDGE_CRL_BYTES = 16 * 1024 * 1024;

/** Beside each list: which bytes they are, and how to ask whether they changed. */
export interface CrlMetadata {
  readonly sha256: string;
  readonly condition: Condition;
}

/** What is used of a KV namespace. */
export interface CrlNamespace {
  getWithMetadata(source: string, type: "arrayBuffer"): Promise<Stored<ArrayBuffer>>;
  getWithMetadata(source: string, type: "stream"): Promise<Stored<ReadableStream<Uint8Array>>>;
  put(source: string, der: Uint8Array, options: { metadata: CrlMetadata }): Promise<void>;
}

interface Stored<Value> {
  readonly value: Value | null;
  readonly metadata: CrlMetadata | null;
}

/** Fetches one source after another, so that memory holds the lists of one. Never throws: what fails is logged. */
export async function refreshCrls(
  kv: CrlNamespace,
  policy: Policy,
  clock: () => number,
  log: (line: LogLine) => void,
): Promise<void> {
  for (const source of policy.crlSources) {
    try {
      const list = await refresh(source, kv, policy, clock);
      if (list !== undefined) log({ decision: "updated", crl: showUrl(source), ...describeCrl(list) });
    } catch (error) {
      log(describeCrlFailure(source, error));
    }
  }
}

export function describeCrlFailure(source: string, error: unknown): LogLine {
  return { decision: "failed", code: "revocation_list_kept", crl: showUrl(source), why: describeCause(error) };
}

/** The new list, or undefined when the one that is there is still the one to use. */
async function refresh(
  source: string,
  kv: CrlNamespace,
  policy: Policy,
  clock: () => number,
): Promise<Crl | undefined> {
  const { value, metadata } = await kv.getWithMetadata(source, "arrayBuffer");
  const fetched = await fetchCrl(source, metadata?.condition ?? {});
  if (fetched === undefined) return undefined;
  const { bytes, condition } = fetched;
  const sha256 = digestOf(bytes);
  if (sha256 === metadata?.sha256) return undefined;
  const kept = value === null ? undefined : readKept(value);
  const list = acceptCrl(bytes, kept, policy, clock());
  if (list === kept) return undefined;
  await kv.put(source, list.der, { metadata: { sha256, condition } });
  return list;
}

/** A list that can no longer be read is none: the rules may have become stricter since it was stored. */
function readKept(value: ArrayBuffer): Crl | undefined {
  try {
    return parseCrl(new Uint8Array(value));
  } catch {
    return undefined;
  }
}

/** Undefined when nothing changed since the answer that `condition` is of. */
async function fetchCrl(source: string, condition: Condition) {
  const response = await fetch(source, {
    headers: { ...CRL_REQUEST_HEADERS, ...condition },
    // A list is where the policy says that it is: an address that moved is changed there.
    redirect: "manual",
    cache: "no-store",
    signal: AbortSignal.timeout(CRL_FETCH_DEADLINE_MILLISECONDS),
  });
  if (response.status === 304) return undefined;
  const bytes = await readCrlResponse(response, MAX_EDGE_CRL_BYTES);
  return { bytes, condition: conditionAfter(response.headers) };
}
