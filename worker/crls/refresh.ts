// The task of the cron trigger: fetches every revocation list that the policy names, and stores it in Workers KV. The lists of a
// source are stored as DER until newer lists replace them. The storage key is the source, which is a URL. For requests, cache.ts
// reads the stored lists.

import { sha256 } from "../../core/crypto.ts";
import { describeCauses } from "../../core/failure-chain.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import {
  AUTHORITIES_KEY,
  authoritiesOf,
  formatAuthorities,
  mergeAuthorities,
  readAuthorities,
} from "../../core/revocation/authorities.ts";
import { formatCrls, type KeptCrls, keepCrls } from "../../core/revocation/keeping.ts";
import {
  type Condition,
  CRL_FETCH_DEADLINE_MILLISECONDS,
  CRL_REQUEST_HEADERS,
  conditionAfter,
  conditionToKeep,
  describeCrl,
  failureCode,
  isAskedWhole,
  readCrlResponse,
} from "../../core/revocation/source.ts";
import { showUrl } from "../../core/url.ts";
import { type Certificate, isSameAuthority } from "../../core/x509/certificate.ts";
import type { Crl } from "../../core/x509/crl.ts";
import { readCrlContents } from "../../core/x509/crl-contents.ts";
import { SEQUENCE } from "../../core/x509/encoded-values.ts";

/**
 * The limit for the lists of one source. An isolate of 128 MB has the stored lists and the new ones in memory together. KV accepts
 * values of 25 MiB.
 */
export const MAX_EDGE_CRL_BYTES = 16 * 1024 * 1024;

/**
 * The metadata of the lists of a source: the digest of the lists, the digest of the answer that contained them, and the headers
 * that make the next request conditional.
 */
export interface CrlMetadata {
  readonly sha256: string;
  /** The digest of the answer. If it is missing, the answer had the same digest as the stored lists. */
  readonly answer?: string;
  readonly condition: Condition;
  /** The time in Unix seconds at which the source last answered with its lists, and not with 304. */
  readonly answeredAt?: number;
}

/** The part of a KV namespace that this program uses. */
export interface CrlNamespace {
  getWithMetadata(source: string, type: "arrayBuffer"): Promise<Stored<ArrayBuffer>>;
  getWithMetadata(source: string, type: "stream"): Promise<Stored<ReadableStream<Uint8Array>>>;
  put(source: string, ders: Uint8Array, options: { metadata: CrlMetadata }): Promise<void>;
}

interface Stored<Value> {
  readonly value: Value | null;
  readonly metadata: CrlMetadata | null;
}

/** Fetches one source after another, so that only one source's lists are in memory. Never throws: a failure is logged. */
export async function refreshCrls(
  kv: CrlNamespace,
  policy: Policy,
  clock: () => number,
  log: (line: LogLine) => void,
): Promise<void> {
  let authorities: readonly Certificate[];
  try {
    authorities = authoritiesOf(policy, await readStored(kv));
  } catch (error) {
    // Without the known authorities, a forged list could replace a proven one. So nothing is fetched.
    log(describeCrlFailure(AUTHORITIES_KEY, error, true));
    return;
  }
  for (const source of policy.crlSources) await refresh(source, kv, authorities, clock, log);
}

/**
 * Reads the stored authorities: CA certificates that signed a list. Each was on a certification path that some isolate has
 * verified.
 */
async function readStored(kv: CrlNamespace): Promise<Uint8Array | undefined> {
  const { value } = await kv.getWithMetadata(AUTHORITIES_KEY, "arrayBuffer");
  return value === null ? undefined : new Uint8Array(value);
}

export async function storeEdgeAuthorities(kv: CrlNamespace, found: readonly Certificate[]): Promise<void> {
  const stored = readAuthorities(await readStored(kv));
  // Writes nothing if all found authorities are stored already, because every new isolate finds the same authorities.
  if (found.every((one) => stored.some((other) => isSameAuthority(one, other)))) return;
  const ders = formatAuthorities(mergeAuthorities(stored, found));
  await kv.put(AUTHORITIES_KEY, ders, { metadata: { sha256: sha256(ders), condition: {} } });
}

export function describeCrlFailure(source: string, why: unknown, hasKept: boolean): LogLine {
  const text = typeof why === "string" ? why : describeCauses(why);
  return { decision: "failed", code: failureCode(hasKept), crl: showUrl(source), why: text };
}

async function refresh(
  source: string,
  kv: CrlNamespace,
  authorities: readonly Certificate[],
  clock: () => number,
  log: (line: LogLine) => void,
): Promise<void> {
  let hasKept = false;
  try {
    const { value, metadata } = await kv.getWithMetadata(source, "arrayBuffer");
    hasKept = value !== null;
    const { condition = {}, answeredAt: before = 0 } = metadata ?? {};
    const isWhole = isAskedWhole(source, before, clock());
    const answer = await fetchCrl(source, isWhole ? {} : condition);
    if (answer === undefined) return;
    // If two answers have the same digest, they are the same bytes, and the new one need not be parsed.
    const digest = sha256(answer.bytes);
    const answeredAt = clock();
    const known = metadata?.answer ?? metadata?.sha256;
    if (digest === known) return await noteAnswer(source, kv, { value, metadata }, isWhole ? answeredAt : undefined);
    // Stored lists are judged again, because the rules may have become stricter since they were stored. A list that can no longer
    // be read is dropped.
    const kept = value === null ? [] : judgeCrls(new Uint8Array(value), [], authorities, clock()).lists;
    const { lists, added, faults, isProven } = judgeCrls(answer.bytes, kept, authorities, clock());
    for (const fault of faults) log(describeCrlFailure(source, fault, hasKept));
    if (lists === kept) return;
    const ders = formatCrls(lists);
    // If a list was not accepted, keeps the earlier condition, so that the same answer is fetched again. The list may be accepted
    // later.
    const asked =
      faults.length === 0
        ? { answer: digest, condition: conditionToKeep(source, answer.condition, isProven) }
        : { answer: known ?? "", condition };
    await kv.put(source, ders, { metadata: { sha256: sha256(ders), ...asked, answeredAt } });
    const isPem = answer.bytes[0] !== SEQUENCE;
    for (const list of added) log({ decision: "updated", crl: showUrl(source), ...describeCrl(list, isPem) });
  } catch (error) {
    log(describeCrlFailure(source, error, hasKept));
  }
}

/**
 * Is called if the answer of the source has the lists that are stored already. If the request had no condition, stores the time of
 * the answer. Does nothing after a request with a condition.
 */
async function noteAnswer(
  source: string,
  kv: CrlNamespace,
  { value, metadata }: Stored<ArrayBuffer>,
  answeredAt: number | undefined,
): Promise<void> {
  if (value === null || metadata === null || answeredAt === undefined) return;
  await kv.put(source, new Uint8Array(value), { metadata: { ...metadata, answeredAt } });
}

/** Decides which lists are kept, with the limits of an edge. Requests and the cron trigger both use this function. */
export function judgeCrls(
  bytes: Uint8Array,
  kept: readonly Crl[],
  authorities: readonly Certificate[],
  now: number,
): KeptCrls {
  return keepCrls(readCrlContents(bytes), kept, { authorities, maxBytes: MAX_EDGE_CRL_BYTES, now });
}

/** Fetches the lists of a source. Returns undefined if nothing changed since the answer to which `condition` belongs. */
async function fetchCrl(source: string, condition: Condition) {
  const response = await fetch(source, {
    headers: { ...CRL_REQUEST_HEADERS, ...condition },
    // Redirects are not followed, because the policy says where a list is. If the address has moved, change the policy.
    redirect: "manual",
    cache: "no-store",
    signal: AbortSignal.timeout(CRL_FETCH_DEADLINE_MILLISECONDS),
  });
  if (response.status === 304) return undefined;
  const bytes = await readCrlResponse(response, MAX_EDGE_CRL_BYTES);
  return { bytes, condition: conditionAfter(response.headers) };
}
