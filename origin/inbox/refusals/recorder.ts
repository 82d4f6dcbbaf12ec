// Writes refusals in the background. The response to a request never waits for a write, and a store that fails changes no verdict.

import { messageOf } from "../../../core/failure-chain.ts";
import type { LogLine } from "../../../core/log-line.ts";
import { MAX_REFUSALS_PER_WRITE, MAX_WAITING_REFUSALS } from "../../../core/wire.ts";
import { partOf } from "./kinds.ts";
import type { HourlyRefusals, RefusalLimits, RefusalStore, RefusedRequest } from "./refusals.ts";

export interface RecorderOptions {
  readonly store: Pick<RefusalStore, "add">;
  readonly limits: RefusalLimits;
  /** Receives a log line if refusals could not be written, at most one line per minute. */
  readonly log: (line: LogLine) => void;
  /** Called with the number of refusals that are not kept because too many wait or because the store failed. */
  readonly onDropped?: (count: number) => void;
}

const FLUSH_MILLISECONDS = 500;
const TELL_AGAIN_MILLISECONDS = 60_000;
const HOUR_MILLISECONDS = 3_600_000;

/** The facts that decide whether a refusal is kept. */
export interface RefusalHead extends Pick<RefusedRequest, "at" | "code" | "sender"> {
  /** The SHA-256 digest of the presented certificate. */
  readonly presented?: string | undefined;
}

export class RefusalRecorder {
  readonly #options: RecorderOptions;
  /**
   * The waiting refusals of each part. A key of the map is the name of a part, as `partOf` returns it. Each part has its own list,
   * so that a flood in one part does not displace the refusals of other parts.
   */
  readonly #waiting = new Map<string, RefusedRequest[]>();
  #waitingCount = 0;
  /** The numbers of refusals by hour and code, including refusals that are not kept. */
  #counts = new Map<string, HourlyRefusals>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Starts the first write, even if no refusal waits. This write deletes refusals if the operator has lowered the limits. */
  start(): void {
    this.#schedule();
  }

  /** `describe` is called only if there is room. In a flood most refusals are dropped, and a dropped refusal must cost little. */
  add(head: RefusalHead, describe: () => RefusedRequest): void {
    if (this.#isClosed) return;
    this.#count(head);
    const part = partOf(head, head.presented ?? "");
    const own = this.#waiting.get(part) ?? [];
    if (this.#waitingCount < MAX_WAITING_REFUSALS || this.#makeRoom(own)) {
      own.push(describe());
      this.#waiting.set(part, own);
      this.#waitingCount += 1;
    } else this.#options.onDropped?.(1);
    this.#schedule();
  }

  /** Writes the waiting refusals, and accepts no more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#writing;
    if (this.#waitingCount > 0 || this.#counts.size > 0) await this.#write();
  }

  #count({ at, code }: RefusalHead): void {
    const hour = Math.floor(at / HOUR_MILLISECONDS) * (HOUR_MILLISECONDS / 1000);
    this.#addCount({ hour, code, refusals: 1 });
  }

  #addCount({ hour, code, refusals }: HourlyRefusals): void {
    const key = `${hour} ${code}`;
    this.#counts.set(key, { hour, code, refusals: (this.#counts.get(key)?.refusals ?? 0) + refusals });
  }

  /**
   * Drops the newest refusal of the largest part, to make room for one more refusal in `own`. Returns false and drops nothing if no
   * part has at least two refusals more than `own`.
   */
  #makeRoom(own: readonly RefusedRequest[]): boolean {
    let largest: RefusedRequest[] = [];
    for (const part of this.#waiting.values()) if (part.length > largest.length) largest = part;
    if (largest.length <= own.length + 1) return false;
    largest.pop();
    this.#waitingCount -= 1;
    this.#options.onDropped?.(1);
    return true;
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#writing = this.#write().then((isMore) => {
        this.#writing = undefined;
        this.#timer = undefined;
        if ((isMore || this.#waitingCount > 0) && !this.#isClosed) this.#schedule();
      });
    }, FLUSH_MILLISECONDS).unref();
  }

  /** Writes all waiting refusals. Never rejects. Resolves with true if the store may still hold more than the limits allow. */
  async #write(): Promise<boolean> {
    const { store, limits } = this.#options;
    const refused = [...this.#waiting.values()].flat().sort((a, b) => a.at - b.at);
    let counts = this.#counts;
    this.#waiting.clear();
    this.#waitingCount = 0;
    this.#counts = new Map();
    let deleted = 0;
    let first = 0;
    try {
      do {
        const batch = refused.slice(first, first + MAX_REFUSALS_PER_WRITE);
        deleted = await store.add({ refused: batch, counts: [...counts.values()] }, limits);
        counts = new Map();
        first += batch.length;
      } while (first < refused.length);
      return deleted > MAX_REFUSALS_PER_WRITE;
    } catch (error) {
      // The counts are few, so they stay in memory until the store works again.
      for (const count of counts.values()) this.#addCount(count);
      this.#tell(error, refused.length - first);
      return false;
    }
  }

  #tell(error: unknown, dropped: number): void {
    if (dropped === 0) return;
    this.#options.onDropped?.(dropped);
    const now = performance.now();
    if (now - this.#toldAt < TELL_AGAIN_MILLISECONDS) return;
    this.#toldAt = now;
    this.#options.log({ decision: "failed", code: "refusals_not_kept", dropped, why: messageOf(error) });
  }
}
