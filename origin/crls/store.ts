// The revocation lists of an origin. They are loaded before the first request, and fetched again before they expire. If a fetch
// fails, the last good lists stay in use.

import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { formatCrls, type KeptCrls, keepCrls } from "../../core/revocation/keeping.ts";
import { indexLists, NO_LISTS, type RevocationLists } from "../../core/revocation/revocation.ts";
import {
  type Condition,
  CRL_FETCH_DEADLINE_MILLISECONDS,
  CRL_REQUEST_HEADERS,
  conditionAfter,
  conditionToKeep,
  describeCrl,
  failureCode,
  isAskedWhole,
  isUrl,
  readCrlResponse,
} from "../../core/revocation/source.ts";
import { showUrl } from "../../core/url.ts";
import { MAX_CRL_BYTES } from "../../core/wire.ts";
import type { Crl } from "../../core/x509/crl.ts";
import { type CrlContents, readCrlContents } from "../../core/x509/crl-contents.ts";
import { systemClock } from "../clock.ts";
import { describeCause } from "../failure-cause.ts";
import { CrlAuthorities } from "./authorities.ts";
import { nameOtherContents } from "./contents.ts";

/** The answer of a source: its bytes, and the condition with which the next request asks whether the source changed. */
export interface CrlAnswer {
  readonly bytes: Uint8Array;
  readonly condition: Condition;
}

/** Stores the last good lists of each source, for a restart, and reads the sources that are files. */
export interface CrlStorage {
  /** The lists that were written last, in DER, one after the other. Undefined if there are none. */
  read(source: string): Promise<Uint8Array | undefined>;
  write(source: string, ders: Uint8Array): Promise<void>;
  /** Returns undefined if the file has not changed since the answer with this `condition`. @throws Error if it cannot be read */
  readFile(source: string, condition: Condition): Promise<CrlAnswer | undefined>;
}

/** Options of `openCrlStore`. */
export interface CrlStoreOptions {
  readonly policy: Policy;
  readonly storage: CrlStorage;
  /** Receives a line for each new list and for each source that failed. */
  readonly log: (line: LogLine) => void;
  readonly fetch?: typeof fetch;
  /** Unix seconds. */
  readonly clock?: () => number;
  /** Returns a value from 0 to 1. It spreads the requests of many origins over time. */
  readonly random?: () => number;
}

/** The revocation lists that a policy names. Call `close` to stop its timers. */
export interface CrlStore {
  /** The current lists, for `authenticate`. */
  readonly lists: () => RevocationLists;
  /** Returns the sources that have no current list now. */
  lacking(): readonly string[];
  /** Returns for each source the latest `nextUpdate` of its lists, in Unix seconds. It is 0 for a source without a list. */
  ends(): ReadonlyMap<string, number>;
  /** Requests every source now. */
  refresh(): Promise<void>;
  close(): void;
}

/** The time for which the start waits for sources. A list that arrives later is used as soon as it arrives. */
const START_DEADLINE_MILLISECONDS = 10_000;
/**
 * The time between two requests to a URL. Authorities publish a revocation within hours or within a day, so one more hour adds
 * little delay.
 */
const FETCH_INTERVAL_SECONDS = 3_600;
/** The time between two checks of a file. A file is local, so it costs nothing to check whether it changed. */
const FILE_INTERVAL_SECONDS = 10;
/** The delay after a failure. It doubles with each further failure, up to the usual time between two requests. */
const FIRST_RETRY_SECONDS = 30;
const JITTER = 0.2;
/**
 * The interval at which new authorities are stored. An authority is a certificate on a proven certification path, and its key
 * signed a revocation list. A restart loses the authorities that are not stored yet.
 */
const LEARN_INTERVAL_MILLISECONDS = 10_000;

/**
 * Loads the stored lists, requests every source once, and continues to request them until the store is closed. If a source fails,
 * the store opens anyway, because the policy's `freshness` says what a missing list means.
 */
export async function openCrlStore(options: CrlStoreOptions): Promise<CrlStore> {
  let lists = NO_LISTS;
  const publish = () => {
    lists = indexLists(sources.flatMap(({ kept }) => kept));
  };
  const authorities = new CrlAuthorities(options);
  await authorities.restore();
  const sources = options.policy.crlSources.map((source) => new CrlSource(source, options, authorities, publish));
  for (const source of sources) await source.restore();
  const learn = () => authorities.learn(sources.flatMap(({ kept }) => kept));
  const refresh = async () => {
    await learn();
    await Promise.all(sources.map((source) => source.refresh()));
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, START_DEADLINE_MILLISECONDS);
  });
  await Promise.race([refresh(), deadline]);
  clearTimeout(timer);
  for (const source of sources) source.refreshOnTime();
  const learning = setInterval(() => void learn(), LEARN_INTERVAL_MILLISECONDS);
  (learning as { unref?: () => void }).unref?.();
  return {
    lists: () => lists,
    lacking() {
      const now = options.clock?.() ?? systemClock();
      return sources.filter(({ end }) => end <= now).map(({ name }) => name);
    },
    ends: () => new Map(sources.map(({ name, end }) => [name, end])),
    refresh,
    close() {
      clearInterval(learning);
      for (const source of sources) source.close();
    },
  };
}

class CrlSource {
  /** The last good lists. */
  kept: readonly Crl[] = [];
  readonly #source: string;
  readonly #options: Required<CrlStoreOptions>;
  readonly #authorities: CrlAuthorities;
  readonly #onChange: () => void;
  readonly #closing = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #condition: Condition = {};
  #answeredAt = 0;
  #failures = 0;

  constructor(source: string, options: CrlStoreOptions, authorities: CrlAuthorities, onChange: () => void) {
    this.#source = source;
    this.#authorities = authorities;
    this.#onChange = onChange;
    this.#options = {
      fetch,
      clock: systemClock,
      random: Math.random,
      ...options,
    };
  }

  /**
   * Loads the stored lists. Stored lists are judged like fetched lists, because the policy may have changed since they were stored.
   */
  async restore(): Promise<void> {
    try {
      const ders = await this.#options.storage.read(this.#source);
      if (ders === undefined) return;
      const { lists, faults } = this.#judge(ders, readCrlContents(ders));
      for (const fault of faults) this.#logFailure(fault);
      this.#replace(lists);
    } catch (error) {
      this.#logFailure(describeCause(error));
    }
  }

  /** Requests the source once. Never throws: a failure is logged, and the last good lists are kept. */
  async refresh(): Promise<void> {
    const { storage } = this.#options;
    try {
      const condition = isAskedWhole(this.#source, this.#answeredAt, this.#options.clock()) ? {} : this.#condition;
      const answer = isUrl(this.#source)
        ? await this.#fetch(condition)
        : await storage.readFile(this.#source, condition);
      const isSound = answer === undefined || (await this.#take(answer));
      this.#failures = isSound ? 0 : this.#failures + 1;
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#failures += 1;
      this.#logFailure(describeCause(error));
    }
  }

  /**
   * Returns true if the whole answer was accepted. Otherwise the condition is not updated, so that the same answer is fetched
   * again, because it may be accepted later.
   */
  async #take({ bytes, condition }: CrlAnswer): Promise<boolean> {
    const { storage, log } = this.#options;
    const contents = readCrlContents(bytes);
    const { lists, added, faults, isProven } = this.#judge(bytes, contents);
    for (const fault of faults) this.#logFailure(fault);
    if (faults.length === 0) this.#condition = conditionToKeep(this.#source, condition, isProven);
    this.#answeredAt = this.#options.clock();
    if (lists !== this.kept) {
      this.#replace(lists);
      for (const list of added)
        log({ decision: "updated", crl: showUrl(this.#source), ...describeCrl(list, contents.isPem) });
      await storage.write(this.#source, formatCrls(lists));
    }
    return faults.length === 0;
  }

  #judge(bytes: Uint8Array, contents: CrlContents): KeptCrls {
    const judges = { authorities: this.#authorities.known, maxBytes: MAX_CRL_BYTES, now: this.#options.clock() };
    const result = keepCrls(contents, this.kept, judges);
    const other = result.added.length === 0 ? nameOtherContents(bytes, showUrl(this.#source)) : undefined;
    return result.faults.length === 0 || other === undefined ? result : { ...result, faults: [other] };
  }

  #replace(lists: readonly Crl[]): void {
    this.kept = lists;
    this.#onChange();
  }

  get name(): string {
    return this.#source;
  }

  /** The latest `nextUpdate` of the lists, in Unix seconds. It is 0 if there is no list. */
  get end(): number {
    return Math.max(0, ...this.kept.map(({ nextUpdate }) => nextUpdate));
  }

  refreshOnTime(): void {
    if (this.#closing.signal.aborted) return;
    this.#timer = setTimeout(() => {
      void this.refresh().then(() => this.refreshOnTime());
    }, this.#secondsToWait() * 1000);
    // The timer does not keep the process alive.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  /** Stops requesting and aborts requests in progress. */
  close(): void {
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  /**
   * Returns the seconds until the next request: half of the time until a list expires, but at least `FIRST_RETRY_SECONDS`. After a
   * failure, it is `FIRST_RETRY_SECONDS`, and each further failure doubles it. It is never longer than the interval of the source,
   * which differs for URLs and files. A random part is subtracted.
   */
  #secondsToWait(): number {
    const { clock, random } = this.#options;
    const interval = isUrl(this.#source) ? FETCH_INTERVAL_SECONDS : FILE_INTERVAL_SECONDS;
    const left = secondsLeft(this.kept, clock()) / 2;
    const ahead = Math.min(interval, Math.max(left, FIRST_RETRY_SECONDS));
    const retry = FIRST_RETRY_SECONDS * 2 ** (this.#failures - 1);
    const seconds = this.#failures === 0 ? ahead : Math.min(interval, retry);
    return seconds * (1 - JITTER * random());
  }

  /** Returns undefined if nothing changed since the last answer. */
  async #fetch(asked: Condition): Promise<CrlAnswer | undefined> {
    const response = await this.#options.fetch(this.#source, {
      headers: { ...CRL_REQUEST_HEADERS, ...asked },
      // Redirects are not followed, because the policy says where a list is. If the address has moved, the policy must change.
      redirect: "manual",
      signal: AbortSignal.any([AbortSignal.timeout(CRL_FETCH_DEADLINE_MILLISECONDS), this.#closing.signal]),
    });
    if (response.status === 304) return undefined;
    const bytes = await readCrlResponse(response, MAX_CRL_BYTES);
    return { bytes, condition: conditionAfter(response.headers) };
  }

  #logFailure(why: string): void {
    const code = failureCode(this.kept.length > 0);
    this.#options.log({ decision: "failed", code, crl: showUrl(this.#source), why });
  }
}

/**
 * Returns the seconds until the first of the lists expires. If some lists have not expired, expired lists are ignored. Otherwise an
 * expired list that the source no longer provides would cause unnecessary requests.
 */
function secondsLeft(lists: readonly Crl[], now: number): number {
  const left = lists.map(({ nextUpdate }) => nextUpdate - now);
  const open = left.filter((seconds) => seconds > 0);
  return Math.min(...(open.length > 0 ? open : left));
}
