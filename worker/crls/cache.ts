// The revocation lists of one isolate. They are read from Workers KV, parsed once, and read again every minute during requests.

import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { readStream } from "../../core/request/read-body.ts";
import { AUTHORITIES_KEY, authoritiesOf, newAuthorities } from "../../core/revocation/authorities.ts";
import { indexLists, NO_LISTS, type RevocationLists } from "../../core/revocation/revocation.ts";
import type { Certificate } from "../../core/x509/certificate.ts";
import type { Crl } from "../../core/x509/crl.ts";
import {
  type CrlNamespace,
  describeCrlFailure,
  judgeCrls,
  MAX_EDGE_CRL_BYTES,
  storeEdgeAuthorities,
} from "./refresh.ts";

/** If the lists are older than this, they are read again. Requests use the old lists meanwhile. */
const REREAD_SECONDS = 60;
/**
 * If the lists are older than this, a request waits until they are read again. An isolate may be idle for hours between two
 * requests.
 */
const MAX_AGE_SECONDS = 300;
/** The longest time for which a request waits until the lists are read. */
const READ_DEADLINE_MILLISECONDS = 10_000;

/** The parts of a request that the cache needs: its clock (Unix seconds), `waitUntil` for work after the response, and the log. */
export interface RequestScope {
  readonly now: number;
  readonly waitUntil: (promise: Promise<unknown>) => void;
  readonly log: (line: LogLine) => void;
}

export class CrlCache {
  readonly #kv: CrlNamespace;
  readonly #policy: Policy;
  readonly #kept = new Map<string, { readonly sha256: string; readonly lists: readonly Crl[] }>();
  #authorities: readonly Certificate[];
  #lists: RevocationLists = NO_LISTS;
  #readAt = -Infinity;
  /**
   * An unfinished reading of the lists. One request has waited `READ_DEADLINE_MILLISECONDS` for this reading. It is not cancelled.
   */
  #slow: Promise<void> | undefined;
  #underway: { readonly since: number; readonly reading: Promise<void> } | undefined;

  constructor(kv: CrlNamespace, policy: Policy) {
    this.#kv = kv;
    this.#policy = policy;
    this.#authorities = authoritiesOf(policy);
  }

  /**
   * Returns the lists as they were in KV at most `MAX_AGE_SECONDS` ago. If KV does not answer, returns the lists that were read
   * last. After one request has waited `READ_DEADLINE_MILLISECONDS` for a reading, later requests do not wait for the same reading.
   */
  async lists(scope: RequestScope): Promise<RevocationLists> {
    const age = scope.now - this.#readAt;
    if (age <= REREAD_SECONDS) return this.#lists;
    const reading = this.#read(scope);
    const isAwaited = age > MAX_AGE_SECONDS && reading !== this.#slow;
    if (isAwaited && !(await endsInTime(reading))) this.#slow = reading;
    return this.#lists;
  }

  /**
   * Starts a reading of the lists, unless one is running. The reading is abandoned after `REREAD_SECONDS`, because a reading never
   * ends if the request that started it was cancelled.
   */
  #read(scope: RequestScope): Promise<void> {
    const { now, waitUntil } = scope;
    if (this.#underway !== undefined && now - this.#underway.since < REREAD_SECONDS) return this.#underway.reading;
    const reading = this.#readAll(scope).finally(() => {
      this.#underway = undefined;
    });
    this.#underway = { since: now, reading };
    waitUntil(reading);
    return reading;
  }

  async #readAll(scope: RequestScope): Promise<void> {
    let isComplete = true;
    for (const source of this.#policy.crlSources) {
      try {
        await this.#readOne(source, scope);
        // The lists are indexed after each source. Therefore, requests use the lists of this source even if a later source is slow.
        this.#lists = indexLists([...this.#kept.values()].flatMap(({ lists }) => lists));
      } catch (error) {
        isComplete = false;
        scope.log(describeCrlFailure(source, error, this.#kept.has(source)));
      }
    }
    isComplete = (await this.#learn(scope)) && isComplete;
    // After a failure, the next request starts a new reading. That request waits for the reading only if the lists are older than
    // `MAX_AGE_SECONDS`.
    if (isComplete) this.#readAt = scope.now;
    else this.#readAt = Math.max(this.#readAt, scope.now - MAX_AGE_SECONDS);
  }

  /**
   * Stores new authorities. An authority is a CA certificate that a request has proven, and its key signed a revocation list. The
   * cron trigger needs the authorities to verify lists. It handles no requests, so it cannot find them itself.
   */
  async #learn({ log }: RequestScope): Promise<boolean> {
    const lists = [...this.#kept.values()].flatMap((kept) => kept.lists);
    const found = newAuthorities(this.#authorities, lists);
    if (found.length === 0) return true;
    try {
      await storeEdgeAuthorities(this.#kv, found);
      this.#authorities = [...this.#authorities, ...found];
      return true;
    } catch (error) {
      log(describeCrlFailure(AUTHORITIES_KEY, error, true));
      return false;
    }
  }

  async #readOne(source: string, { now, log }: RequestScope): Promise<void> {
    const { value, metadata } = await this.#kv.getWithMetadata(source, "stream");
    const kept = this.#kept.get(source);
    if (value === null) return;
    if (metadata !== null && metadata.sha256 === kept?.sha256) return await value.cancel();
    const bytes = await readStream(value, MAX_EDGE_CRL_BYTES);
    if (bytes === undefined) throw new Error("the stored lists are too large");
    const before = kept?.lists ?? [];
    const { lists, faults } = judgeCrls(bytes, before, this.#authorities, now);
    for (const fault of faults) log(describeCrlFailure(source, fault, before.length > 0));
    // If a list was not accepted, the digest is not kept. Therefore, the same lists are read again next time. They may be accepted
    // then.
    const sha256 = faults.length === 0 ? metadata?.sha256 : undefined;
    this.#kept.set(source, { sha256: sha256 ?? "", lists });
  }
}

async function endsInTime(reading: Promise<void>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), READ_DEADLINE_MILLISECONDS);
  });
  const isRead = await Promise.race([reading.then(() => true), late]);
  clearTimeout(timer);
  return isRead;
}
